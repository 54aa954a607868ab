"""Fixtures of all tests: databases of both kinds, a clock, a running authorization server.

Each fixture has its own imports, so that a file of pure values starts at once.
"""

import gc
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from support.in_process.clock import Clock

if TYPE_CHECKING:
    from support.in_process.auth_server import AuthServer
    from support.processes.postgres import PostgresServer
    from support.processes.redis import RedisServer
    from support.processes.redis_cluster import Cluster

# The duration of one example depends on the machine, not on the code. A change is never refused for an example
# that an unlucky run found: each run tries the same ones, and `explore` looks for others.
settings.register_profile("gatepost", deadline=None, max_examples=40, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=400, print_blob=True)
settings.load_profile("gatepost")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run async tests on asyncio, as the services do."""
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def plain_logs() -> Iterator[None]:
    """Logs that every test can capture, without the values of local variables, which take seconds to write.

    A service keeps the loggers that it has used once. Here a logger that a test with a service's own
    configuration used first would write past `capture_logs` in all later tests of the process.
    """
    import structlog

    configure = structlog.configure

    def configure_without_cache(**options: Any) -> None:
        configure(**(options | {"cache_logger_on_first_use": False}))

    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    configure(processors=[structlog.processors.add_log_level, plain])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(structlog, "configure", configure_without_cache)
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator["PostgresServer"]:
    """A PostgreSQL server of this test process."""
    from support.processes.postgres import running_postgres

    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def redis_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator["RedisServer"]:
    """A Redis server of this test process."""
    from support.processes.redis import running_redis

    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis(redis_process: "RedisServer") -> "RedisServer":
    """A Redis server that is up and empty."""
    if redis_process.process is None:
        redis_process.start()
    with redis_process.connect() as client:
        client.flushall()
    return redis_process


@pytest.fixture(scope="session")
def cluster_processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Cluster"]:
    """A Redis cluster of this test process."""
    from support.processes.redis_cluster import running_cluster

    with running_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def cluster(cluster_processes: "Cluster") -> "Cluster":
    """A Redis cluster that is up and empty."""
    with cluster_processes.connect() as client:
        client.flushall()
    return cluster_processes


@pytest.fixture(scope="session")
def cheap_auth_server() -> Iterator[None]:
    """Has the authorization servers of this test process start and hash passwords cheaply."""
    from support.in_process.cheap_starts import cheap_starts

    with cheap_starts():
        yield


@pytest.fixture(scope="session")
def seeded_sqlite(tmp_path_factory: pytest.TempPathFactory, cheap_auth_server: None) -> Path:
    """A migrated and seeded SQLite file, to be copied."""
    from support.in_process.auth_server import prepare_database

    path = tmp_path_factory.mktemp("database") / "seeded.db"
    prepare_database(f"sqlite+aiosqlite:///{path}")
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that is marked `both_databases` once on SQLite and once on PostgreSQL."""
    if metafunc.definition.get_closest_marker("both_databases"):
        for fixture in {"database_url", "deployment"} & set(metafunc.fixturenames):
            metafunc.parametrize(fixture, ["sqlite", "postgresql"], indirect=True)


def pytest_collection_finish() -> None:
    """Keep the imported modules out of garbage collections, and make fewer: one takes 0.1 s."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 40)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give a test that is marked `whole_machine` ten minutes."""
    for item in items:
        if item.get_closest_marker("whole_machine"):
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture
def sqlite_url(tmp_path: Path, seeded_sqlite: Path) -> str:
    """A migrated, seeded SQLite database of the test's own."""
    path = tmp_path / "gatepost.db"
    shutil.copy(seeded_sqlite, path)
    return f"sqlite+aiosqlite:///{path}"


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A migrated, seeded database of the test's own: SQLite, or both for `both_databases`."""
    if getattr(request, "param", "sqlite") == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    from support.in_process.auth_server import prepare_database

    server: PostgresServer = request.getfixturevalue("postgres")
    request.getfixturevalue("cheap_auth_server")
    with server.lend_database(prepare_database) as url:
        yield url


@pytest.fixture
def clock() -> Clock:
    """The time, as the test has it."""
    return Clock()


@pytest.fixture
async def auth_server(database_url: str, clock: Clock) -> AsyncIterator["AuthServer"]:
    """A running authorization server with Ada, Bo and Cy in it."""
    from support.in_process.auth_server import running_auth_server

    async with running_auth_server(database_url, clock) as server:
        yield server


@pytest.fixture
async def sqlite_server(sqlite_url: str, clock: Clock) -> AsyncIterator["AuthServer"]:
    """The same only on SQLite, for tests that don't depend on the database."""
    from support.in_process.auth_server import running_auth_server

    async with running_auth_server(sqlite_url, clock) as server:
        yield server
