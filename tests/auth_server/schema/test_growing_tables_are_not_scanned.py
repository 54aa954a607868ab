"""No request and no job reads a table from end to end that grows with people or time."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fastapi.routing import iter_route_contexts
from sqlalchemy import Connection, event
from sqlmodel import select

from auth_server.gateway_api.write_calls import write_calls
from auth_server.maintenance import maintain
from auth_server.notices.expiring_keys import notice_expiring_keys
from auth_server.records.grants.table import Grant
from auth_server.records.revocations.store import list_after, list_by_names, number_revocations
from auth_server.sign_in_settings import LocalSignIn
from auth_server.webhooks.manage import list_deliveries, send_test
from gatepost.metering.call_event import EVENTS_PATH
from gatepost.metering.plans import PLANS_PATH, USAGE_PATH, month_of
from gatepost.revocations import REVOCATIONS_PATH
from support.in_process.admin_api import admin_api
from support.in_process.auth_server import AuthServer, running_auth_server
from support.in_process.call_events import as_json, call_event
from support.in_process.clock import Clock
from support.in_process.console_requests import Known, admin_routes, console_pages
from support.in_process.directory import ACME_ID, open_directory
from support.in_process.person import Person
from support.in_process.receiver import add_hook, send_all
from support.in_process.revocations import GATEWAY, assertions

GROWING = {
    "api_keys",
    "attempts",
    "audit_log",
    "authorization_codes",
    "call_log",
    "client_assertions",
    "code_apps",
    "delegations",
    "directory_group_members",
    "directory_groups",
    "directory_users",
    "grants",
    "identities",
    "ledger",
    "linked_accounts",
    "memberships",
    "passkeys",
    "people",
    "recovery_codes",
    "refresh_tokens",
    "revocations",
    "sessions",
    "tenants",
    "transactions",
    "usage_days",
    "usage_hours",
    "used_tickets",
    "webhook_deliveries",
}
"""`clients` is missing: once a minute, a job looks which clients nobody uses."""
Statement = tuple[str, Any]


@contextmanager
def recorded(server: AuthServer, monkeypatch: Any) -> Iterator[list[Statement]]:
    """Record the statements that the server runs in the block, with their parameters."""
    ran: list[Statement] = []
    database = server.opened.database
    raw = type(database.raw_sql)
    fetch_all, update = raw.fetch_all, raw.update
    sqlite = database.engine.dialect.name == "sqlite"

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        ran.append((statement, parameters))

    def note_raw(statement: str, values: Any) -> None:
        named = re.findall(r":(\w+)", statement)
        style = r":\1" if sqlite else r"%(\1)s"
        given = {name: str(values[name]) if sqlite else values[name] for name in named}
        ran.append((re.sub(r":(\w+)", style, statement), given))

    async def noted_fetch_all(self: Any, query: str, values: Any) -> Any:
        note_raw(query, values)
        return await fetch_all(self, query, values)

    async def noted_update(self: Any, change: Any, values: Any) -> Any:
        for statement in change.sqlite if sqlite else (change.postgresql,):
            note_raw(statement, values)
        return await update(self, change, values)

    monkeypatch.setattr(raw, "fetch_all", noted_fetch_all)
    monkeypatch.setattr(raw, "update", noted_update)
    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield ran
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", note)
        monkeypatch.undo()


async def live_through_everything(server: AuthServer) -> None:
    """Connect, refresh and revoke, look at every page, and run the jobs."""
    ada = server.person()
    for _ in range(2):
        client = await server.client()
        tokens = await client.connect(ada)
        for _ in range(2):
            tokens = (await client.refresh(tokens["refresh_token"])).json()
            server.clock.advance(minutes=10)
    await look_at_every_page(server, ada)
    await server.http.post(
        "/introspect", data={"token": tokens["access_token"], "client_id": client.client_id}
    )
    await server.http.post(
        "/revoke", data={"token": tokens["refresh_token"], "client_id": client.client_id}
    )
    await change_what_members_may(ada)
    await be_a_gateway(server)
    await send_test_message(server)
    await look_at_the_console(server)
    await keep_a_directory(server)
    now = server.clock()
    async with server.opened.database.writing() as db, db.begin():
        await number_revocations(db, now=now)
        await list_after(db, "", now=now)
        await list_by_names(db, [("family", "x")], now=now)
    await maintain(server.opened)
    server.clock.advance(days=200)
    await notice_expiring_keys(server.opened.database, (), now=server.clock())
    await maintain(server.opened)


async def keep_a_directory(server: AuthServer) -> None:
    """Add, find, change and delete people and groups as a customer's provider."""
    scim = await open_directory(server)
    user = await scim.create("kim@acme.example")
    group = await scim.group("Navy", user["id"])
    for kind, text in (
        ("Users", 'userName eq "kim@acme.example"'),
        ("Users", 'externalId eq "x" and emails[type eq "work"].value eq "y"'),
        ("Groups", f'displayName eq "navy" and members[value eq "{user["id"]}"]'),
        ("Groups", "id pr"),
    ):
        await scim.get(f"/{kind}", filter=text)
    await scim.get(f"/Groups/{group}")
    await scim.set_active(user["id"], False)
    await scim.set_active(user["id"], True)
    gone = {"op": "remove", "path": f'members[value eq "{user["id"]}"]'}
    assert (await scim.patch(f"/Groups/{group}", gone)).status_code == 204
    for path in (f"/Groups/{group}", f"/Users/{user['id']}"):
        assert (await scim.send("DELETE", path)).status_code == 204


async def send_test_message(server: AuthServer) -> None:
    """Follow the log, send a message to an endpoint that does not answer, and list it."""
    await notice_expiring_keys(server.opened.database, (), now=server.clock())
    await add_hook(server, "http://127.0.0.1:9/", None)
    async with server.opened.transaction() as db:
        new_secret = server.opened.new_secret
        await send_test(db, None, "endpoint_1", new_secret=new_secret, now=server.clock())
    await send_all(server)
    async with server.opened.database.reading() as db:
        [delivery] = await list_deliveries(db, None, "endpoint_1")
    assert delivery.attempts == 1


async def look_at_every_page(server: AuthServer, ada: Person) -> None:
    """Open every page of an admin."""
    for route in iter_route_contexts(server.app.routes):
        if "GET" in (route.methods or ()) and "{" not in (route.path or ""):
            await ada.http.get(f"{route.path}?tenant=org_acme&person=usr_bo")


async def look_at_the_console(server: AuthServer) -> None:
    """Open every page of an operator with every search, and read all that the admin API has."""
    op = server.person("op@orbit.example")
    await op.sign_in(await op.open("/console"))
    call = call_event(server.clock(), tool="list_tasks")
    async with server.opened.transaction() as db:
        await write_calls(db, [call], now=server.clock())
        grant = (await db.execute(select(Grant).limit(1))).scalar_one()
    known = Known(
        tenant=grant.tenant_id,
        person=grant.person_id,
        email="ada@acme.example",
        client=grant.client_id,
        call=call.call_id,
        grant=grant.grant_id,
        tool=call.tool,
        endpoint="endpoint_1",
    )
    api = await admin_api(server)
    pages = [await op.http.get(page) for page in console_pages(server, known)]
    pages += [await api.call("GET", route) for route in await admin_routes(server, known)]
    await op.http.get("/console/playground?tenant=org_acme&person=usr_ada")
    answers = Counter(page.status_code for page in pages)
    assert answers[200] > 150
    # Some name what does not exist; none is refused, or fails.
    assert set(answers) <= {200, 400, 404, 422}


async def be_a_gateway(server: AuthServer) -> None:
    """Deliver a call, and ask what ended, which plans hold, and what was used."""
    proof = assertions(server.clock)
    events = {**proof.form(), "events": [as_json(call_event(server.clock()))]}
    assert (await server.http.post(EVENTS_PATH, json=events)).status_code == 200
    month = {"tenant_id": "org_acme", "month": month_of(server.clock())}
    asked = {REVOCATIONS_PATH: {}, PLANS_PATH: {}, USAGE_PATH: month}
    for path, form in asked.items():
        answer = await server.http.post(path, data={**proof.form(), "wait": "0", **form})
        assert answer.status_code == 200, answer.text


async def change_what_members_may(ada: Person) -> None:
    """End an app's connection, and change the rules of an organisation."""
    page = await ada.open("/account/organisation?tenant=org_acme")
    page = await ada.press(page, "Disconnect")
    rules = {"clients": "any", "longest_days": "7", "read_only": "yes"}
    await ada.press(page, "Save rules", fill=rules)


@pytest.mark.both_databases
async def test_no_statement_reads_a_growing_table_from_end_to_end(
    database_url: str, clock: Clock, monkeypatch: Any
) -> None:
    async with running_auth_server(
        database_url,
        clock,
        resources=(GATEWAY,),
        webhook_private_hosts=("127.0.0.1",),
        sign_in=(LocalSignIn(kind="local"), ACME_ID),
    ) as server:
        with recorded(server, monkeypatch) as ran:
            await live_through_everything(server)
        assert len({statement for statement, _ in ran}) > 60
        async with server.opened.database.engine.connect() as connection:
            scans = await connection.run_sync(find_scans, ran)

    assert scans == set()


def find_scans(connection: Connection, ran: list[Statement]) -> set[str]:
    """Ask the database how it runs each statement; answers those that scan a growing table."""
    sqlite = connection.dialect.name == "sqlite"
    if not sqlite:
        # A table of a few rows is always read as a whole, unless that is forbidden.
        connection.exec_driver_sql("SET enable_seqscan = off")
    scans = set()
    for statement, parameters in dict(reversed(ran)).items():
        if not statement.lstrip().startswith(("SELECT", "UPDATE", "DELETE", "WITH", "INSERT")):
            continue
        if statement.startswith("WITH moved AS"):
            continue  # it is about a month that may be dropped by now
        explain = "EXPLAIN QUERY PLAN " if sqlite else "EXPLAIN "
        given = parameters[0] if isinstance(parameters, list) else parameters
        with connection.begin_nested():
            plan = connection.exec_driver_sql(explain + statement, given).all()
        steps = [str(row[-1]) for row in plan]
        # Rows that are read in the order of the key end at the limit.
        ends = "LIMIT" in statement and "WHERE" not in statement
        if ends and not any("TEMP B-TREE" in step for step in steps):
            continue
        tables = {scanned(step, statement) for step in steps} & GROWING
        scans |= {f"{table}: {' '.join(statement.split())}" for table in tables}
    return scans


def scanned(step: str, statement: str) -> str | None:
    """Read which table a step of a plan reads from end to end."""
    found = re.search(r"\bSCAN (\w+)|Seq Scan on (\w+)", step)
    if found is None:
        return None
    name = re.sub(r"_(default|\d{4}_\d{2})(?=( |$))", "", found[1] or found[2])
    alias = re.search(rf"\b(?:FROM|JOIN) (\w+) (?:AS )?{name}\b", statement)
    return alias[1] if alias else name
