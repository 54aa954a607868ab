"""Fixtures of journeys: the whole product as processes, on either database, and its people."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from support.in_process.auth_server import prepare_database
from support.in_process.person import ADA, BO, Person
from support.processes.deployment import Deployment, a_person, running_deployment
from support.processes.postgres import PostgresServer


@pytest.fixture(scope="session")
def on_sqlite(
    tmp_path_factory: pytest.TempPathFactory, seeded_sqlite: Path
) -> Iterator[Deployment]:
    """Everything running, the authorization server on SQLite."""
    folder = tmp_path_factory.mktemp("on-sqlite")
    shutil.copy(seeded_sqlite, folder / "gatepost.db")
    with running_deployment(folder, "sqlite+aiosqlite:///gatepost.db") as deployment:
        yield deployment


@pytest.fixture(scope="session")
def on_postgresql(
    tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer
) -> Iterator[Deployment]:
    """Everything running, the authorization server on PostgreSQL."""
    folder = tmp_path_factory.mktemp("on-postgresql")
    with running_deployment(folder, postgres.create_database(prepare_database)) as deployment:
        yield deployment


@pytest.fixture
def deployment(request: pytest.FixtureRequest) -> Deployment:
    """Everything running: on SQLite, or on both databases for `both_databases`."""
    database = getattr(request, "param", "sqlite")
    running: Deployment = request.getfixturevalue(f"on_{database}")
    return running


@pytest.fixture
async def ada() -> AsyncIterator[Person]:
    """Ada, of Acme and Globex, at a browser of her own."""
    async with a_person(ADA[0]) as person:
        yield person


@pytest.fixture
async def bo() -> AsyncIterator[Person]:
    """Bo, of Globex, at a browser of his own."""
    async with a_person(BO[0]) as person:
        yield person
