"""An operator learns whether a backup can be restored and is whole, before it is needed."""

import asyncio
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result

from auth_server.cli import auth_server as command
from auth_server.gateway_api.write_calls import write_calls
from auth_server.maintenance import maintain
from support.in_process.auth_server import (
    RESOURCE,
    SECRET_KEY,
    AuthServer,
    prepare_database,
    running_auth_server,
)
from support.in_process.call_events import call_event
from support.in_process.clock import Clock
from support.processes.configuration import issuing, write_config
from support.processes.deployment import run
from support.processes.postgres import PostgresServer


async def check(
    folder: Path, *arguments: str | Path, url: str, secret: str = SECRET_KEY, **settings: Any
) -> Result:
    """Run the command."""
    section = issuing("http://127.0.0.1:8400", RESOURCE, database_url=url, **settings)
    config = write_config(folder, secret=secret, auth_server=section)
    words = ["backup-verify", "--config", str(config), *map(str, arguments)]
    return await asyncio.to_thread(CliRunner().invoke, command, words)


async def use(server: AuthServer) -> None:
    """Leave a sign-in and a call behind."""
    person = server.person()
    await person.sign_in(await person.open("/sign-in"))
    async with server.opened.transaction() as db:
        await write_calls(db, [call_event(at=server.clock())], now=server.clock())
    await maintain(server.opened)


@pytest.fixture(scope="module")
async def used_an_hour_ago(seeded_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of a server that was in use an hour ago."""
    file, clock = tmp_path_factory.mktemp("used") / "gatepost.db", Clock()
    shutil.copy(seeded_sqlite, file)
    clock.advance(hours=-1)
    async with running_auth_server(f"sqlite+aiosqlite:///{file}", clock) as server:
        await use(server)
    return file


@pytest.fixture
def backup(used_an_hour_ago: Path, tmp_path: Path) -> Path:
    """A backup of the test's own."""
    file = tmp_path / "backup.db"
    # A copy of the file alone would lack what is in the write-ahead log.
    with closing(sqlite3.connect(used_an_hour_ago)) as live, closing(sqlite3.connect(file)) as copy:
        live.backup(copy)
    return file


def change(file: Path, sql: str) -> None:
    """Change the backup with a statement."""
    with closing(sqlite3.connect(file)) as db:
        db.execute(sql)
        db.commit()


async def test_a_backup_that_is_whole_passes_every_check(
    backup: Path, sqlite_url: str, tmp_path: Path
) -> None:
    done = await check(tmp_path, backup, "--json", url=sqlite_url)
    told = json.loads(done.output)

    assert (done.exit_code, told["ok"]) == (0, True)
    assert [each["check"] for each in told["checks"]] == [
        *("schema", "audit log", "books", "secrets", "newest record")
    ]
    assert "1.0 hours ago" in told["checks"][-1]["found"]


@pytest.mark.parametrize(
    ("damage", "failed"),
    [
        ("UPDATE audit_log SET person_id = 'usr_bo' WHERE number = 2", "audit log"),
        ("DELETE FROM audit_log WHERE number > 2", "audit log"),
        ("DELETE FROM ledger", "books"),
        ("UPDATE signing_keys SET private_sealed = x'00' WHERE state = 'next'", "secrets"),
        ("UPDATE alembic_version SET version_num = '9999'", "schema"),
        ("DELETE FROM alembic_version", "schema"),
    ],
)
async def test_damage_to_a_backup_is_found(
    backup: Path, sqlite_url: str, tmp_path: Path, damage: str, failed: str
) -> None:
    change(backup, damage)
    done = await check(tmp_path, backup, url=sqlite_url)

    assert done.exit_code == 1
    [line] = [line for line in done.output.splitlines() if line.startswith("FAILED")]
    assert line.startswith(f"FAILED  {failed}: ")


async def test_a_backup_whose_secret_key_is_lost_is_found_before_it_is_needed(
    backup: Path, sqlite_url: str, tmp_path: Path
) -> None:
    """The seal of the audit log is made with it too."""
    other = "another-one-0123456789abcdef0123456789abcdef"
    done = await check(tmp_path, backup, url=sqlite_url, secret=other)

    assert done.exit_code == 1
    assert "secret_key does not open 2 signing keys: set secret_key" in done.output
    assert "the seal was not made with secret_key" in done.output


async def test_an_old_backup_lacks_entries_that_were_written_elsewhere_and_says_which(
    backup: Path, sqlite_url: str, tmp_path: Path
) -> None:
    heads, live = tmp_path / "heads", tmp_path / "live.db"
    shutil.copy(backup, live)
    url = f"sqlite+aiosqlite:///{live}"
    async with running_auth_server(url, Clock(), audit_head_file=heads) as server:
        await use(server)
    newest = json.loads(heads.read_text().splitlines()[-1])

    told = await check(tmp_path, backup, url=sqlite_url, audit_head_file=str(heads))
    required = await check(
        tmp_path, backup, "--head", f"{newest['number']}:{newest['hash']}", url=sqlite_url
    )
    too_old = await check(tmp_path, backup, "--max-age", "0.5", url=sqlite_url)

    assert told.exit_code == 0
    assert f"up to entry {newest['number']}, which are not in it" in told.output
    assert (required.exit_code, too_old.exit_code) == (1, 1)
    assert f"broken at entry {newest['number']}" in required.output
    assert "more than 0.5 hours ago" in too_old.output


async def test_a_file_that_is_not_a_backup_is_refused_in_a_sentence(
    sqlite_url: str, tmp_path: Path
) -> None:
    (tmp_path / "dump.sql").write_text("CREATE TABLE people ();")
    (tmp_path / "cut.dump").write_bytes(b"PGDMP\x01")
    for name, said in (
        ("dump.sql", "neither a dump that `pg_dump --format=custom` wrote nor a SQLite file"),
        ("cut.dump", "GATEPOST_AUTH_DATABASE_URL"),
        ("none", "can't be read: No such file or directory"),
    ):
        done = await check(tmp_path, tmp_path / name, url=sqlite_url)
        assert (done.exit_code, said in done.output) == (1, True), done.output


@pytest.mark.skipif(shutil.which("pg_dump") is None, reason="needs PostgreSQL's client")
async def test_a_dump_of_postgresql_is_restored_checked_and_removed(
    postgres: PostgresServer, tmp_path: Path, cheap_auth_server: None
) -> None:
    url = await asyncio.to_thread(postgres.create_database, prepare_database)
    async with running_auth_server(url, Clock()) as server:
        await use(server)
    libpq = url.replace("+psycopg", "")
    dump = tmp_path / "database.dump"
    await asyncio.to_thread(run, "pg_dump", "--format=custom", f"--file={dump}", libpq)
    done = await check(tmp_path, dump, url=url)
    dump.write_bytes(dump.read_bytes()[:-20_000])
    cut = await check(tmp_path, dump, url=url)
    with psycopg.connect(libpq) as db:
        left = db.execute(
            "SELECT count(*) FROM pg_database WHERE datname LIKE 'gatepost_verify%'"
        ).fetchone()

    assert done.exit_code == 0, done.output
    assert [line[:6] for line in done.output.splitlines()] == ["ok    "] * 5
    assert (cut.exit_code, "pg_restore failed" in cut.output) == (1, True)
    assert left == (0,)
