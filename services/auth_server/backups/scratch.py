"""Restore a backup into a database of its own, which is removed afterwards."""

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from auth_server.db.pooler import read_postgres_url

_DUMP = b"PGDMP"
_SQLITE = b"SQLite format 3\0"


class CannotRestore(Exception):
    """The file is not a backup, or it can't be restored; the message says why, and the fix."""


@contextmanager
def restored(backup: Path, server_url: str) -> Iterator[str]:
    """Restore a backup for as long as the block lasts; yield the URL of the database.

    Args:
        backup: a dump by `pg_dump --format=custom`, or a SQLite file.
        server_url: of a database on the PostgreSQL server that may create another one.

    Raises:
        CannotRestore: see there.
    """
    try:
        with backup.open("rb") as opened:
            begins = opened.read(16)
    except OSError as error:
        raise CannotRestore(f"{backup} can't be read: {error.strerror}") from None
    if begins == _SQLITE:
        with tempfile.TemporaryDirectory(prefix="gatepost-") as folder:
            copy = shutil.copy(backup, folder)
            yield f"sqlite+aiosqlite:///{copy}"
    elif begins.startswith(_DUMP):
        with _scratch_database(read_postgres_url(server_url)[0]) as url:
            _restore(backup, url)
            yield url.render_as_string(hide_password=False)
    else:
        raise CannotRestore(
            f"{backup} is neither a dump that `pg_dump --format=custom` wrote nor a SQLite file"
        )


@contextmanager
def _scratch_database(server: URL) -> Iterator[URL]:
    if server.get_backend_name() != "postgresql":
        raise CannotRestore(
            "a dump is restored on the PostgreSQL server of database_url, and database_url is a SQLite "
            "file: name a server in GATEPOST_AUTH_DATABASE_URL"
        )
    name = f"gatepost_verify_{secrets.token_hex(4)}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT", hide_parameters=True)
    try:
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        try:
            yield server.set(database=name)
        finally:
            with engine.connect() as connection:
                connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    except SQLAlchemyError as error:
        raise CannotRestore(
            f"the database {name} can't be created or removed: {getattr(error, 'orig', error)}"
        ) from None
    finally:
        engine.dispose()


def _restore(backup: Path, url: URL) -> None:
    program = shutil.which("pg_restore")
    if program is None:
        raise CannotRestore("pg_restore is not installed: it is part of PostgreSQL's client")
    # The password must not be among the arguments, which every user of the machine can read.
    given = {
        "PGHOST": url.host,
        "PGPORT": str(url.port or ""),
        "PGUSER": url.username,
        "PGPASSWORD": None if url.password is None else str(url.password),
        **{f"PG{name.upper()}": str(value) for name, value in url.query.items()},
    }
    done = subprocess.run(  # noqa: S603 - a program of PostgreSQL, without a shell
        [
            program,
            "--no-owner",
            "--no-privileges",
            "--exit-on-error",
            f"--dbname={url.database}",
            backup,
        ],
        env={**os.environ, **{name: value for name, value in given.items() if value}},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise CannotRestore(f"pg_restore failed: {done.stderr.strip()[-500:]}")
