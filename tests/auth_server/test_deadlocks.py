"""Transactions that wait for one another: none of them is lost."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from psycopg.errors import DeadlockDetected
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import OperationalError
from sqlmodel import col, select

from auth_server.commands.common import in_transaction
from auth_server.db.engine import DbSession, open_sync_engine
from auth_server.gateway_api.write_calls import write_calls
from auth_server.records.audit.store import Audit, record
from auth_server.records.audit.table import AuditEntry
from auth_server.records.grants.store import find_grant
from auth_server.records.grants.table import Grant
from auth_server.records.tenants.policy import TenantPolicy
from auth_server.records.usage.table import UsageDay
from auth_server.revocations.revoke import revoke_grants
from auth_server.tenancy.change_policy import change_policy
from support.in_process.auth_server import AuthServer, running_auth_server
from support.in_process.call_events import call_event
from support.in_process.clock import Clock
from support.in_process.grants import connect_without_pages
from support.in_process.locks import somebody_waits
from support.in_process.providers import Provider

on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


async def rows(server: AuthServer, table: Any, *which: Any) -> list[Any]:
    """Read a table."""
    async with server.opened.database.reading() as db:
        return list((await db.execute(select(table).where(*which))).scalars())


async def two_grants(server: AuthServer) -> list[str]:
    """Let a person connect two apps; answers the ids of the grants, in order."""
    for _ in range(2):
        await connect_without_pages(server)
    return sorted(grant.grant_id for grant in await rows(server, Grant))


@on_postgresql
@pytest.mark.parametrize("change", ["revoke all", "forbid all"])
async def test_an_admin_who_ends_connections_and_a_person_who_consents_wait_for_one_another(
    auth_server: AuthServer, change: str
) -> None:
    opened, now = auth_server.opened, auth_server.clock()
    lifetime = auth_server.settings.access_token_lifetime
    grant_ids = await two_grants(auth_server)

    async def end() -> None:
        async with opened.transaction() as db:
            if change == "revoke all":
                await revoke_grants(db, "test", lifetime=lifetime, now=now, tenant_id="org_acme")
                return
            policy = TenantPolicy(allowed_clients=())
            await change_policy(db, "org_acme", policy, by=None, lifetime=lifetime, now=now)

    async with opened.transaction() as consenting:
        # In the order of a consent: first its grant, then the audit log.
        await find_grant(consenting, grant_ids[1], lock=True)
        ending = asyncio.create_task(end())
        await somebody_waits(auth_server)
        audit = Audit("grant.changed", grant_id=grant_ids[1])
        await record(consenting, audit, now=now)
    await ending

    assert all(grant.revoked_at for grant in await rows(auth_server, Grant))
    entries = await rows(auth_server, AuditEntry, col(AuditEntry.grant_id) == grant_ids[1])
    assert [entry.event for entry in entries[-2:]] == ["grant.changed", "grant.revoked"]


@contextmanager
def deadlocks(engine: Engine, statement_begins: str, *, times: int) -> Iterator[list[str]]:
    """Let the database end a transaction at a statement, as if another one waited for it."""
    ended: list[str] = []

    def end(_: Any, __: Any, statement: str, *___: Any) -> None:
        if statement.startswith(statement_begins) and len(ended) < times:
            ended.append(statement)
            raise OperationalError(statement, {}, DeadlockDetected())

    event.listen(engine, "before_cursor_execute", end)
    try:
        yield ended
    finally:
        event.remove(engine, "before_cursor_execute", end)


@pytest.mark.parametrize(("times", "status"), [(2, 200), (9, 503)])
async def test_what_a_person_ended_is_ended_though_the_database_chose_their_transaction_to_lose(
    auth_server: AuthServer, times: int, status: int
) -> None:
    person = auth_server.person()
    await (await auth_server.client()).connect(person)
    page = await person.open("/account/apps")
    engine = auth_server.opened.database.engine.sync_engine

    with deadlocks(engine, "UPDATE grants", times=times) as ended:
        answer = await person.press(page, "Disconnect")

    assert (answer.status, len(ended)) == (status, min(times, 3))
    (grant,) = await rows(auth_server, Grant)
    revoked = await rows(auth_server, AuditEntry, col(AuditEntry.event) == "grant.revoked")
    assert (grant.revoked_at is not None, len(revoked)) == ((True, 1) if times < 3 else (False, 0))


@on_postgresql
async def test_the_first_two_people_of_a_new_organisation_may_sign_in_at_the_same_moment(
    database_url: str, clock: Clock
) -> None:
    provider = Provider(clock)
    operator, made = open_sync_engine(database_url), list[str]()

    def make_meanwhile(_: Any, __: Any, statement: str, *___: Any) -> None:
        if statement.startswith("INSERT INTO tenants") and not made:
            made.append(statement)
            with operator.begin() as connection:
                connection.execute(
                    text(
                        "INSERT INTO tenants (tenant_id, name, rate_limit_tier, required_level, read_only,"
                        " created_at) VALUES ('org_new', 'New Ltd', 'free', 1, false, now())"
                    )
                )

    async with running_auth_server(
        database_url, clock, outside=provider.app, sign_in=(provider.settings(),)
    ) as server:
        event.listen(
            server.opened.database.engine.sync_engine, "before_cursor_execute", make_meanwhile
        )
        http = server.browser()
        url = (await http.get("/sign-in/with/acme-id")).headers["location"]
        answer = await http.get(provider.handle_callback(url))
    operator.dispose()

    assert (answer.status_code, len(made)) == (303, 1)


async def test_an_operators_command_is_run_again_after_a_deadlock(
    auth_server: AuthServer,
) -> None:
    (grant_id, _), attempts = await two_grants(auth_server), []

    async def work(db: DbSession) -> str:
        now, lifetime = auth_server.clock(), auth_server.settings.access_token_lifetime
        await revoke_grants(db, "test", lifetime=lifetime, now=now, tenant_id="org_acme")
        attempts.append(now)
        if len(attempts) < 3:
            raise OperationalError("", {}, DeadlockDetected())
        return grant_id

    assert await in_transaction(auth_server.settings, work) == grant_id
    assert all(grant.revoked_at for grant in await rows(auth_server, Grant))
    revoked = await rows(auth_server, AuditEntry, col(AuditEntry.event) == "grant.revoked")
    assert len(revoked) == 2


@on_postgresql
async def test_two_gateways_that_deliver_calls_of_one_day_wait_for_one_another(
    auth_server: AuthServer,
) -> None:
    opened, now = auth_server.opened, auth_server.clock()
    tools = ("add_task", "list_tasks")
    batches = [[call_event(now, tool=tool) for tool in order] for order in (tools, tools[::-1])]

    async def deliver() -> None:
        async with opened.transaction() as db:
            await write_calls(db, batches[1], now=now)

    async with opened.transaction() as db:
        await write_calls(db, batches[0], now=now)
        other = asyncio.create_task(deliver())
        await somebody_waits(auth_server)
    await other

    days = await rows(auth_server, UsageDay)
    calls = {(day.kind, day.key): day.calls for day in days if day.kind in ("total", "tool")}
    assert calls == {("total", ""): 4, ("tool", "add_task"): 2, ("tool", "list_tasks"): 2}
