"""The main journeys on PostgreSQL behind PgBouncer in transaction mode, with TLS and a password."""

import asyncio
from collections.abc import Iterator

import pytest
from sqlalchemy.exc import OperationalError

from auth_server.db.engine import open_database
from auth_server.db.months import list_months, make_months
from auth_server.gateway_api.write_calls import write_or_refuse
from auth_server.schema.migrate import MigrationBlocked, migrate
from support.in_process.auth_server import prepare_database, running_auth_server
from support.in_process.call_events import call_event, logged_calls
from support.in_process.clock import Clock
from support.processes.certificates import Authority
from support.processes.pgbouncer import CONNECTIONS, Pooler, running_pgbouncer
from support.processes.postgres import running_postgres


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def pooler(authority: Authority) -> Iterator[Pooler]:
    with (
        running_postgres(authority=authority) as postgres,
        running_pgbouncer(postgres, authority) as started,
    ):
        yield started


@pytest.fixture
def direct_url(pooler: Pooler) -> str:
    """A database that nobody has migrated, without the pooler."""
    return pooler.url(pooler.postgres.create_database(), direct=True)


@pytest.fixture
def pooled_url(pooler: Pooler, cheap_auth_server: None) -> str:
    """A seeded database, through the pooler."""
    url = pooler.postgres.create_database(prepare_database)
    return pooler.url(url)


async def test_people_connect_apps_and_fifty_refreshes_at_once_share_two_connections(
    pooled_url: str, clock: Clock, pooler: Pooler
) -> None:
    async with running_auth_server(pooled_url, clock) as server:
        client = await server.client()
        tokens = await client.connect(server.person())
        for _ in range(8):  # the driver prepares a statement at its sixth use
            answer = await client.refresh(tokens["refresh_token"])
            assert answer.status_code == 200, answer.text
            tokens = answer.json()
        answers = await asyncio.gather(
            *(client.refresh(tokens["refresh_token"]) for _ in range(50))
        )
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.json()["refresh_token"] for answer in answers}) == 1
        others = [await server.client() for _ in range(5)]
        await asyncio.gather(*(other.connect(server.person()) for other in others))
        with pooler.postgres.connect() as connection:
            name = pooled_url.partition("?")[0].rpartition("/")[2]
            [(used,)] = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = %s", (name,)
            ).fetchall()
        assert 0 < used <= CONNECTIONS


async def test_events_are_written_and_months_are_made_through_the_pooler(
    pooled_url: str, clock: Clock
) -> None:
    events = [call_event(clock()) for _ in range(20)]
    database = open_database(pooled_url)
    try:
        for _ in range(8):
            await write_or_refuse(database, events, [], now=clock())
        clock.advance(days=62)
        async with database.writing() as db, db.begin():
            await make_months(db, "call_log", now=clock())
            months = await list_months(db, "call_log")
    finally:
        await database.close()

    assert len(await logged_calls(pooled_url)) == 20
    assert (clock().year, clock().month) in {(month.year, month.month) for month in months}


def test_a_migration_asks_for_a_connection_of_its_own(direct_url: str, pooler: Pooler) -> None:
    with pytest.raises(MigrationBlocked, match="leads to PostgreSQL itself"):
        migrate(pooler.url(direct_url.partition("?")[0]))

    migrate(direct_url)
    assert migrate(pooler.url(direct_url.partition("?")[0])) == migrate(direct_url)


@pytest.mark.parametrize("direct", [True, False])
async def test_a_server_that_is_not_the_configured_one_gets_no_password(
    pooler: Pooler, direct: bool
) -> None:
    """An unknown authority, another name, the wrong password, no TLS."""
    right = pooler.url("/postgres", direct=direct)
    await ping(right)
    for reason, wrong in {
        "certificate verify failed": right.replace(str(pooler.authority), "system"),
        "does not match host name": right.replace("@127.0.0.1", "@localhost"),
        "failed": right.replace("of-the-app", "guessed"),
        "SSL required|pg_hba.conf rejects": right.replace("verify-full", "disable"),
    }.items():
        with pytest.raises(OperationalError, match=reason):
            await ping(wrong)


async def ping(url: str) -> None:
    """Ask the database for one row, as the health check does."""
    database = open_database(url)
    try:
        await database.ping()
    finally:
        await database.close()
