"""The audit log against somebody who can write to the database, but does not know secret_key."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import delete
from sqlmodel import col, select

from auth_server.cli import auth_server as command
from auth_server.db.engine import DbSession, open_database
from auth_server.maintenance import maintain
from auth_server.records.audit.heads import read_heads
from auth_server.records.audit.store import Audit, chain_hash, record
from auth_server.records.audit.table import AuditEntry, AuditSeal
from support.in_process.auth_server import RESOURCE, SECRET_KEY, AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.processes.configuration import issuing, write_config

Change = Callable[[DbSession], Awaitable[Any]]


async def tamper(url: str, change: Change) -> Any:
    """Change the database without the server's keys."""
    database = open_database(url)
    async with database.writing() as db, db.begin():
        done = await change(db)
    await database.close()
    return done


async def read_entries(db: DbSession) -> list[AuditEntry]:
    """Read the whole log."""
    query = select(AuditEntry).order_by(col(AuditEntry.number))
    return list((await db.execute(query)).scalars())


async def cut(db: DbSession) -> None:
    """Remove the newest two entries."""
    newest = (await read_entries(db))[-1].number
    await db.execute(delete(AuditEntry).where(col(AuditEntry.number) > newest - 2))


async def rewrite(db: DbSession, *, beginning: int = 1) -> None:
    """Change who did everything, with hashes that fit."""
    previous = None
    for entry in await read_entries(db):
        if entry.number >= beginning:
            entry.person_id = "usr_somebody_else"
        entry.previous_hash = previous or entry.previous_hash
        entry.hash = previous = chain_hash(entry)


async def rewrite_with_the_seal(db: DbSession) -> None:
    """Change everything, and make the seal name the new hash."""
    await rewrite(db)
    seal = await db.get(AuditSeal, 1)
    assert seal is not None
    seal.hash = (await read_entries(db))[-1].hash


async def append(db: DbSession) -> None:
    """Add an entry that never happened."""
    await record(db, Audit("signed_out", person_id="usr_ada"), now=Clock()())


async def remove_the_seal(db: DbSession) -> None:
    """Remove what tells where the log ends."""
    await db.execute(delete(AuditSeal))


async def change_one(db: DbSession) -> None:
    """Change the second entry alone."""
    (await read_entries(db))[1].person_id = "usr_somebody_else"


async def verify(
    folder: Path, url: str, *arguments: str, secret: str = SECRET_KEY, **settings: Any
) -> Result:
    """Run the command on a database."""
    section = issuing("http://127.0.0.1:8400", RESOURCE, database_url=url, **settings)
    config = write_config(folder, secret=secret, auth_server=section)
    words = ["audit-verify", "--config", str(config), *arguments]
    return await asyncio.to_thread(CliRunner().invoke, command, words)


async def sign_in(server: AuthServer, times: int = 3) -> None:
    """Leave entries."""
    for _ in range(times):
        person = server.person()
        await person.sign_in(await person.open("/sign-in"))


@pytest.mark.both_databases
@pytest.mark.parametrize(
    "change", [cut, rewrite, rewrite_with_the_seal, append, remove_the_seal, change_one]
)
async def test_whoever_changes_the_database_can_not_change_the_log_unnoticed_a158(
    auth_server: AuthServer, tmp_path: Path, change: Change
) -> None:
    await sign_in(auth_server)
    before = await verify(tmp_path, auth_server.database_url)
    await tamper(auth_server.database_url, change)
    after = await verify(tmp_path, auth_server.database_url)

    assert (before.exit_code, "The audit log is intact" in before.output) == (0, True)
    assert after.exit_code == 1
    assert "the audit log is broken at entry" in after.output


@pytest.mark.parametrize("change", [cut, rewrite, append])
async def test_a_break_stays_visible_while_the_log_goes_on_a158(
    sqlite_server: AuthServer, tmp_path: Path, change: Change
) -> None:
    """Until an operator has looked into it; from there on the log is verified again."""
    url = sqlite_server.database_url
    await sign_in(sqlite_server)
    await tamper(url, change)
    broken = (await verify(tmp_path, url)).output
    await sign_in(sqlite_server)
    later = await verify(tmp_path, url)
    accepted = await verify(tmp_path, url, "--accept")
    await sign_in(sqlite_server)
    intact = await verify(tmp_path, url)
    await tamper(url, cut)

    assert (later.exit_code, accepted.exit_code, intact.exit_code) == (1, 0, 0)
    assert broken.split(":")[1] == later.output.split(":")[1] or change is not cut
    assert (await verify(tmp_path, url)).exit_code == 1
    entries = await tamper(url, read_entries)
    assert [entry.event for entry in entries].count("audit.accepted") == 1


def put_back(file: Path, contents: bytes) -> None:
    """Put a SQLite file back to what it was, without the files beside it."""
    for rest in file.parent.glob(f"{file.name}*"):
        rest.unlink()
    file.write_bytes(contents)


async def test_a_database_put_back_to_yesterday_lacks_the_head_that_was_written_elsewhere_a158(
    sqlite_url: str, clock: Clock, tmp_path: Path
) -> None:
    """The seal of yesterday is genuine: only a file or a log line knows better."""
    heads, file = tmp_path / "heads", Path(sqlite_url.partition(":///")[2])
    async with running_auth_server(sqlite_url, clock, audit_head_file=heads) as server:
        await sign_in(server)
        await maintain(server.opened)
    yesterday = await asyncio.to_thread(file.read_bytes)
    async with running_auth_server(sqlite_url, clock, audit_head_file=heads) as server:
        await sign_in(server)
        for _ in range(2):
            await maintain(server.opened)
    intact = await verify(tmp_path, sqlite_url, audit_head_file=str(heads))
    newest = (await tamper(sqlite_url, read_entries))[-1]
    await asyncio.to_thread(put_back, file, yesterday)

    assert intact.exit_code == 0
    assert len(read_heads(heads)) == 2
    assert (await verify(tmp_path, sqlite_url)).exit_code == 0
    for found in (
        await verify(tmp_path, sqlite_url, audit_head_file=str(heads)),
        await verify(tmp_path, sqlite_url, "--head", f"{newest.number}:{newest.hash}"),
    ):
        assert f"broken at entry {newest.number}" in found.output
    for unreadable in (f"{newest.number}", f"x:{newest.hash}", f"{newest.number}:abc"):
        refused = await verify(tmp_path, sqlite_url, "--head", unreadable)
        assert "NUMBER:HASH" in refused.output


@pytest.mark.both_databases
async def test_old_entries_go_in_steps_and_the_rest_is_still_verified(
    database_url: str, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auth_server.records.audit.verify._STEP", 50)
    async with running_auth_server(
        database_url, clock, audit_retention=timedelta(days=30)
    ) as server:
        async with server.opened.transaction() as db:
            for _ in range(110):
                await record(db, Audit("signed_out", person_id="usr_ada"), now=clock())
        clock.advance(days=31)
        await sign_in(server, 2)
        kept = len([e for e in await tamper(database_url, read_entries) if e.at == clock()])
        await maintain(server.opened)
        left = await tamper(database_url, read_entries)
        intact = await verify(tmp_path, database_url)
        await tamper(database_url, change_one)

    assert len(left) == kept > 0
    assert (intact.exit_code, f"entries {left[0].number} to " in intact.output) == (0, True)
    assert (await verify(tmp_path, database_url)).exit_code == 1


async def test_nothing_is_deleted_from_a_log_that_is_broken(sqlite_url: str, clock: Clock) -> None:
    """The old entries are the evidence."""
    async with running_auth_server(sqlite_url, clock, audit_retention=timedelta(days=1)) as server:
        await sign_in(server)
        await tamper(sqlite_url, rewrite_with_the_seal)
        before = await tamper(sqlite_url, read_entries)
        clock.advance(days=2)
        await maintain(server.opened)

    assert len(await tamper(sqlite_url, read_entries)) >= len(before)


async def test_a_log_from_before_the_seal_is_sealed_whole_at_its_next_entry(
    sqlite_server: AuthServer, tmp_path: Path
) -> None:
    url = sqlite_server.database_url
    await sign_in(sqlite_server)
    await tamper(url, remove_the_seal)
    await sign_in(sqlite_server, 1)
    intact = await verify(tmp_path, url)
    await tamper(url, change_one)

    assert (intact.exit_code, "entries 1 to " in intact.output) == (0, True)
    assert "broken at entry 2" in (await verify(tmp_path, url)).output


async def test_the_seal_follows_the_secret_key_to_its_successor(
    sqlite_url: str, clock: Clock, tmp_path: Path
) -> None:
    """Also if nothing happens until the former key is forgotten."""
    new = "another-one-0123456789abcdef0123456789abcdef"
    async with running_auth_server(sqlite_url, clock) as server:
        await sign_in(server)
    before = await verify(tmp_path, sqlite_url, secret=new)
    async with running_auth_server(
        sqlite_url, clock, secret_key=new, previous_secret_keys=(SECRET_KEY,)
    ) as server:
        await maintain(server.opened)

    assert "the seal was not made with secret_key" in before.output
    assert (await verify(tmp_path, sqlite_url, secret=new)).exit_code == 0


@pytest.mark.both_databases
async def test_parallel_sign_ins_leave_one_chain(auth_server: AuthServer, tmp_path: Path) -> None:

    await asyncio.gather(*(sign_in(auth_server, 2) for _ in range(4)))
    assert (await verify(tmp_path, auth_server.database_url)).exit_code == 0
