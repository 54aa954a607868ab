"""While a release rolls out, the former one and this one serve one database and one another."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from support.in_process.auth_server import prepare_database
from support.in_process.oauth_client import register
from support.in_process.person import Person
from support.processes.deployment import (
    SAAS,
    Connection,
    Deployment,
    configure,
    origin,
    serve,
)
from support.processes.former_release import (
    NoFormerRelease,
    unpack_former_release,
    with_code,
)
from support.processes.postgres import PostgresServer
from support.processes.services import Service, free_port, running_service

pytestmark = pytest.mark.whole_machine

MANIFEST = """\
version: 1
name: Orbit
openapi: openapi.json
tools:
  list_tasks: {operation: listTasks, bind: {org_id: tenant_id}}
"""


@pytest.fixture
def former_code(tmp_path: Path) -> str:
    """The folders with the former release's packages, as a path for Python."""
    try:
        return unpack_former_release(tmp_path / "former")
    except NoFormerRelease as problem:
        pytest.skip(str(problem))


@pytest.fixture
def database_url(postgres: PostgresServer) -> str:
    """A database with this release's schema and seed."""
    return postgres.create_database(prepare_database)


@contextmanager
def running(deployment: Deployment, service: str, code: str | None) -> Iterator[Service]:
    """Run a service of a release, this one's if `code` is None."""
    url = deployment.issuer if service == "auth-server" else origin(deployment.resource)
    argv = [*serve(service, deployment.folder / "gatepost.yaml"), "--port", str(urlsplit(url).port)]
    command, env = with_code(argv, code)
    log = deployment.folder / f"{service}.log"
    with running_service(command, url=url, log=log, ready_path="/readyz", env=env) as started:
        yield started


async def test_a_connection_goes_on_while_releases_change_places(
    tmp_path: Path, database_url: str, former_code: str, ada: Person
) -> None:
    """Ada connects by the former release on the new schema; then each release follows the other."""
    deployment = Deployment(
        issuer=f"http://127.0.0.1:{free_port()}",
        resource=f"http://127.0.0.1:{free_port()}/mcp",
        other_resource=f"http://127.0.0.1:{free_port()}/mcp",
        saas=f"http://127.0.0.1:{free_port()}",
        folder=tmp_path,
    )
    configure(deployment, database_url)
    # A manifest uses the keys of a release once it has rolled out.
    (tmp_path / "tools.yaml").write_text(MANIFEST)
    gateway = origin(deployment.resource)
    saas = (
        *(*SAAS, "--database", tmp_path / "orbit.db", "--gatepost-issuer", deployment.resource),
        *("--gatepost-jwks-url", f"{gateway}/.well-known/jwks.json"),
        *("--port", str(urlsplit(deployment.saas).port)),
    )
    log = tmp_path / "saas.log"
    with running_service(saas, url=deployment.saas, log=log, ready_path="/healthz"):
        async with httpx2.AsyncClient(trust_env=False) as http:
            with (
                running(deployment, "auth-server", former_code),
                running(deployment, "mcp-gateway", None),
            ):
                client = await register(http, deployment.issuer, deployment.resource)
                tokens = await client.connect(ada, tenant="Acme")
                assert await reads_tasks(Connection(deployment, tokens))
            for auth_server, mcp_gateway in ((None, former_code), (former_code, None)):
                with (
                    running(deployment, "auth-server", auth_server),
                    running(deployment, "mcp-gateway", mcp_gateway),
                ):
                    assert await reads_tasks(Connection(deployment, tokens))
                    answer = await client.refresh(tokens["refresh_token"])
                    assert answer.status_code == 200, answer.text
                    tokens = answer.json()
                    assert await reads_tasks(Connection(deployment, tokens))


async def reads_tasks(connection: Connection) -> bool:
    """Call a tool."""
    answer = await connection.call("list_tasks", limit=1)
    return not answer.is_error
