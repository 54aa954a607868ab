"""The deployment under test: the fixture API, the authorization server and the gateway."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from support.in_process.auth_server import prepare_database
from support.in_process.oauth_client import register
from support.in_process.person import ADA
from support.processes.configuration import issuing, serving, write_config
from support.processes.deployment import a_person, origin, serve
from support.processes.services import free_port, running_service

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Fixture:
    """Where the parts answer."""

    issuer: str
    resource: str
    proxy_port: int
    """A free port, whose `Host` and `Origin` the gateway answers to as well."""

    async def token(self) -> str:
        """Be Ada, who allows a client everything."""
        async with a_person(ADA[0]) as ada:
            client = await register(ada.http, self.issuer, self.resource)
            return str((await client.connect(ada))["access_token"])


@contextmanager
def running_fixture(folder: Path) -> Iterator[Fixture]:
    """Run the three for as long as the block lasts; `folder` takes their files and logs."""
    issuer, gateway, api = (f"http://127.0.0.1:{free_port()}" for _ in range(3))
    fixture = Fixture(issuer, f"{gateway}/mcp", free_port())
    proxied = f"127.0.0.1:{fixture.proxy_port}"
    database = f"sqlite+aiosqlite:///{folder}/gatepost.db"
    prepare_database(database)
    served = folder / "served"
    served.mkdir()
    for name in ("tools.yaml", "openapi.yaml", "pixel.png"):
        shutil.copy(HERE / name, served / name)
    config = write_config(
        folder,
        auth_server=issuing(issuer, fixture.resource, database_url=database),
        mcp_gateway=serving(
            issuer,
            fixture.resource,
            api,
            manifest=served / "tools.yaml",
            serve_skills=True,
            allowed_hosts=[urlsplit(gateway).netloc, proxied],
            allowed_origins=[f"http://{proxied}"],
        ),
    )
    app = (sys.executable, "-m", "uvicorn", "--app-dir", HERE.parent, "conformance.fixture_api:app")
    with ExitStack() as stack:
        for name, argv, url, ready_path in (
            ("fixture-api", app, api, "/healthz"),
            ("auth-server", serve("auth-server", config), issuer, "/readyz"),
            ("mcp-gateway", serve("mcp-gateway", config), origin(gateway), "/readyz"),
        ):
            service = stack.enter_context(
                running_service(
                    (*argv, "--port", str(urlsplit(url).port)),
                    url=url,
                    log=folder / f"{name}.log",
                    ready_path=ready_path,
                    env={"CONFORMANCE_FOLDER": str(served)},
                )
            )
            # The fixture API changes the manifest, and lets the gateway know.
            if name == "mcp-gateway":
                (served / "gateway.pid").write_text(str(service.process.pid))
        yield fixture
