"""Helpers of the authorization server's tests: readers of answers, and a server for rule tables."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from click.testing import CliRunner, Result
from sqlmodel import SQLModel

from auth_server.cli import auth_server as command
from auth_server.cli import billing, usage
from auth_server.commands.credits import credits
from auth_server.db.engine import open_database
from auth_server.settings import ResourceSettings
from support.in_process.auth_server import RESOURCE, SECRET_KEY, AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.processes.configuration import issuing, write_config

ReadToken = Callable[[AuthServer, str], Awaitable[dict[str, Any]]]
ChangeRow = Callable[..., Awaitable[None]]
Operate = Callable[..., Result]
OTHER_RESOURCE = "http://127.0.0.1:8411/mcp"


@pytest.fixture(scope="session", autouse=True)
def cheaply(cheap_auth_server: None) -> None:
    """Every file here starts servers."""


@pytest.fixture(scope="module")
async def table_server(
    tmp_path_factory: pytest.TempPathFactory, seeded_sqlite: Path
) -> AsyncIterator[AuthServer]:
    """One server for a whole file of tests that only try rules: two resources, SQLite."""
    path = tmp_path_factory.mktemp("table") / "gatepost.db"
    shutil.copy(seeded_sqlite, path)
    resources = tuple(ResourceSettings(resource=name) for name in (RESOURCE, OTHER_RESOURCE))
    url = f"sqlite+aiosqlite:///{path}"
    async with running_auth_server(url, Clock(), resources=resources) as server:
        yield server


@pytest.fixture
def read_token() -> ReadToken:
    """Verifies an access token with a library that the server does not use."""

    async def read(server: AuthServer, token: str) -> dict[str, Any]:
        keys = jwt.PyJWKSet.from_dict((await server.http.get("/jwks.json")).json())
        header = jwt.get_unverified_header(token)
        assert header["typ"] == "at+jwt"
        claims: dict[str, Any] = jwt.decode(
            token,
            keys[header["kid"]],
            algorithms=["ES256"],
            audience=server.resource,
            issuer=server.issuer,
            # The tests' clock may be far from the machine's.
            options={"verify_exp": False, "verify_iat": False},
        )
        return claims

    return read


@pytest.fixture
def change_row() -> ChangeRow:
    """Changes one row, as an administrator's tool would; without changes it deletes the row."""

    async def change(
        server: AuthServer, table: type[SQLModel], key: object, **changes: object
    ) -> None:
        database = open_database(server.database_url)
        try:
            async with database.writing() as db, db.begin():
                row = await db.get(table, key)
                assert row is not None
                if not changes:
                    await db.delete(row)
                for name, value in changes.items():
                    setattr(row, name, value)
        finally:
            await database.engine.dispose()

    return change


@pytest.fixture
def operate(database_url: str, tmp_path: Path) -> Operate:
    """Runs a command on a seeded database."""
    section = issuing("http://127.0.0.1:8400", RESOURCE, database_url=database_url)
    config = write_config(tmp_path, secret=SECRET_KEY, auth_server=section)

    def run(group: str, verb: str, *arguments: str | Path, input: str = "") -> Result:
        words = [verb, "--config", str(config), *map(str, arguments)]
        own = {"billing": billing, "credits": credits, "usage": usage}.get(group)
        if own is not None:
            return CliRunner().invoke(own, words, input=input)
        return CliRunner().invoke(command, [group, *words], input=input)

    return run
