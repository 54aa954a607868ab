"""The guarantees that hand-written statements rely on, on SQLite and on PostgreSQL."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from auth_server.db.raw_sql import RawSql
from auth_server.db.sqlite import SqliteRawSql
from auth_server.redemptions.facts import NewToken, RefreshFacts
from auth_server.redemptions.statements import is_live, read_refresh_token, rotate
from auth_server.secrets import hash_secret
from support.in_process.auth_server import AuthServer
from support.in_process.grants import connect_without_pages
from support.processes.postgres import PostgresServer

pytestmark = pytest.mark.both_databases


async def issue(server: AuthServer) -> tuple[RawSql, str, RefreshFacts]:
    """Let Ada connect a client; return the hash of its refresh token, and its record."""
    tokens = await connect_without_pages(server)
    direct, token_hash = server.opened.database.raw_sql, hash_secret(tokens["refresh_token"])
    facts = await read_refresh_token(direct, token_hash)
    assert facts is not None
    return direct, token_hash, facts


def successor(token_hash: str, facts: RefreshFacts) -> NewToken:
    """A successor with the lifetimes of the token before it."""
    return NewToken(token_hash, facts.idle_expires_at, facts.absolute_expires_at)


async def test_moments_come_back_as_they_were_written(auth_server: AuthServer) -> None:
    now, policy = auth_server.clock(), auth_server.settings
    direct, token_hash, facts = await issue(auth_server)

    kept = facts.idle_expires_at - timedelta(days=1)
    assert await rotate(direct, token_hash, successor("1" * 64, facts), keep_until=kept, now=now)

    used, new = [await read_refresh_token(direct, name) for name in (token_hash, "1" * 64)]
    assert used is not None and new is not None
    assert (used.first_used_at, new.first_used_at, new.revoked_at) == (now, None, None)
    assert used.idle_expires_at == kept
    assert new.idle_expires_at == facts.idle_expires_at == now + policy.refresh_idle_lifetime
    assert new.grant == facts.grant


async def test_of_fifty_changes_at_once_one_is_made(auth_server: AuthServer) -> None:
    """A96."""
    direct, token_hash, facts = await issue(auth_server)
    names = [f"{number:064}" for number in range(50)]

    made = await asyncio.gather(
        *(
            rotate(
                direct,
                token_hash,
                successor(name, facts),
                keep_until=auth_server.clock(),
                now=auth_server.clock(),
            )
            for name in names
        )
    )

    assert made.count(True) == 1
    assert [await is_live(direct, name) for name in names] == made


async def test_a_change_whose_second_half_fails_changes_nothing(auth_server: AuthServer) -> None:
    """A used token without a successor would end the person's connection."""
    direct, token_hash, facts = await issue(auth_server)

    with pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError)):
        await rotate(
            direct,
            token_hash,
            successor(token_hash, facts),
            keep_until=auth_server.clock(),
            now=auth_server.clock(),
        )

    assert await read_refresh_token(direct, token_hash) == facts
    assert await rotate(
        direct,
        token_hash,
        successor("1" * 64, facts),
        keep_until=auth_server.clock(),
        now=auth_server.clock(),
    )


async def test_a_reader_does_not_wait_for_a_writer(auth_server: AuthServer) -> None:
    direct, token_hash, facts = await issue(auth_server)

    async with auth_server.opened.transaction() as db:
        await db.connection()
        assert await read_refresh_token(direct, token_hash) == facts


async def test_a_reader_waits_for_a_lock_without_holding_up_others(tmp_path: Path) -> None:
    """A query to a locked SQLite file is repeated in a thread."""
    path = str(tmp_path / "some.db")
    with closing(sqlite3.connect(path, isolation_level=None)) as alone:
        alone.execute("PRAGMA journal_mode = WAL")
        alone.execute("PRAGMA locking_mode = EXCLUSIVE")
        alone.execute("CREATE TABLE kept (name TEXT)")
        alone.execute("INSERT INTO kept VALUES ('here')")
        direct = SqliteRawSql(path)
        asking = asyncio.create_task(direct.fetch("SELECT name FROM kept", {}))
        await asyncio.sleep(0)
        assert not asking.done()

    assert await asking == ("here",)
    await direct.close()


async def test_requests_that_were_given_up_leave_no_trace_on_the_next(
    auth_server: AuthServer,
) -> None:
    direct, token_hash, facts = await issue(auth_server)
    for _ in range(20):
        given_up = [asyncio.create_task(is_live(direct, token_hash)) for _ in range(8)]
        await asyncio.sleep(0)
        for task in given_up:
            task.cancel()
        await asyncio.gather(*given_up, return_exceptions=True)

        assert await read_refresh_token(direct, token_hash) == facts


async def test_connections_that_were_cut_are_replaced_without_a_word(
    auth_server: AuthServer, request: pytest.FixtureRequest
) -> None:
    """A database restart must not fail a request; SQLite does not have connections to cut."""
    direct, token_hash, _ = await issue(auth_server)
    assert all(await asyncio.gather(*(is_live(direct, token_hash) for _ in range(20))))
    if auth_server.database_url.startswith("postgresql"):
        postgres: PostgresServer = request.getfixturevalue("postgres")
        with postgres.connect() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                [auth_server.database_url.rpartition("/")[2]],
            )

    assert all(await asyncio.gather(*(is_live(direct, token_hash) for _ in range(20))))
