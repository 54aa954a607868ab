"""A person whom their organisation's directory deactivates is out at every running gateway."""

import asyncio
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from auth_server.db.engine import open_database
from auth_server.records.tenant_domains.store import add_domain, verify_domain
from auth_server.records.tenant_domains.table import TenantDomain
from support.in_process.oauth_client import register
from support.in_process.person import ADA
from support.processes.configuration import issuing, serving, write_config
from support.processes.deployment import GATEPOST, a_person, run, serve, write_manifest
from support.processes.redis import running_redis
from support.processes.services import POLL_SECONDS, free_port, running_service

pytestmark = pytest.mark.whole_machine

PROMISED_SECONDS = 2
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
ACME_ID = {
    "kind": "oidc",
    "name": "acme-id",
    "title": "Acme ID",
    "issuer": "https://id.acme.example",
    "client_id": "gatepost",
    "customer": True,
}


@dataclass(frozen=True)
class Place:
    """An authorization server and two gateways of one resource, as processes."""

    issuer: str
    resource: str
    gateways: tuple[str, str]
    folder: Path

    def operate(self, *words: str) -> str:
        """Run a command as an operator."""
        return run(*GATEPOST, "auth-server", *words, "--config", self.folder / "gatepost.yaml")

    async def knock(self, http: httpx2.AsyncClient, gateway: str, **headers: str) -> int:
        """Ask a gateway for its tools; return the status."""
        # Both are behind the name of the resource.
        host = urlsplit(self.resource).netloc
        given = {"host": host, "mcp-protocol-version": "2025-11-25", **headers}
        return (await http.post(f"{gateway}/mcp", json=LIST, headers=given)).status_code


@pytest.fixture(params=["long poll", "redis"])
def place(request: pytest.FixtureRequest, tmp_path: Path, seeded_sqlite: Path) -> Iterator[Place]:
    """Everything running; without Redis, gateways ask the authorization server."""
    with ExitStack() as stack:
        redis = stack.enter_context(running_redis(tmp_path)) if request.param == "redis" else None
        setting = {"redis_url": redis.url} if redis else {}
        issuer, *gateways = (f"http://127.0.0.1:{free_port()}" for _ in range(3))
        resource = f"{gateways[0]}/mcp"
        shutil.copy(seeded_sqlite, tmp_path / "gatepost.db")
        ways = [{"kind": "local"}, ACME_ID]
        gateway = serving(issuer, resource, f"http://127.0.0.1:{free_port()}", **setting)
        write_config(
            tmp_path,
            auth_server=issuing(issuer, resource, sign_in=ways, **setting),
            mcp_gateway=gateway,
        )
        second = {**gateway, "event_spool": "other.events.db"}
        write_config(tmp_path, name="other.yaml", mcp_gateway=second)
        write_manifest(tmp_path)
        for service, url, config in (
            ("auth-server", issuer, "gatepost.yaml"),
            ("mcp-gateway", gateways[0], "gatepost.yaml"),
            ("mcp-gateway", gateways[1], "other.yaml"),
        ):
            arguments = serve(service, tmp_path / config)
            log = tmp_path / f"{urlsplit(url).port}.log"
            port = ("--port", str(urlsplit(url).port))
            starting = running_service((*arguments, *port), url=url, log=log, ready_path="/readyz")
            stack.enter_context(starting)
        yield Place(issuer, resource, (gateways[0], gateways[1]), tmp_path)


async def verify_acmes_domain(place: Place) -> None:
    """Make acme.example a verified domain of Acme."""
    database, now = open_database(f"sqlite+aiosqlite:///{place.folder / 'gatepost.db'}"), _now()
    async with database.writing() as db, db.begin():
        row = TenantDomain(tenant_id="org_acme", domain="acme.example", token="1", claimed_at=now)
        await add_domain(db, row)
        at = now + timedelta(days=1)
        await verify_domain(db, "org_acme", "acme.example", check_at=at, now=now)
    await database.close()


async def until_refused(
    http: httpx2.AsyncClient, place: Place, gateway: str, headers: dict[str, str]
) -> None:
    """Knock until a gateway refuses."""
    for _ in range(400):
        if (status := await place.knock(http, gateway, **headers)) != 200:
            break
        await asyncio.sleep(POLL_SECONDS)
    assert status == 401


def _now() -> datetime:
    return datetime.now(UTC)


async def test_a_person_who_is_deactivated_is_out_at_two_gateways_within_two_seconds_a225(
    place: Place, record_property: Callable[[str, object], None]
) -> None:
    """A225: the connected app and the API key of a leaver, both in use at both gateways."""
    owner = ("--label", "Nightly", "--person", "usr_ada", "--tenant", "org_acme")
    made = place.operate(
        "api-keys", "create", *owner, "--scope", "mcp:read", "--tool", "list_tasks"
    )
    key = next(word for word in made.split() if word.startswith("mcp_live_"))
    async with httpx2.AsyncClient(trust_env=False) as http, a_person(ADA[0]) as ada:
        client = await register(http, place.issuer, place.resource)
        tokens = await client.connect(ada)
        await verify_acmes_domain(place)
        place.operate("tenants", "provider", "org_acme", "acme-id")
        place.operate("memberships", "set", "usr_cy", "org_acme", "--role", "admin")
        token = place.operate("tenants", "directory", "org_acme", "--create", "Okta").split()[0]
        scim = f"{place.issuer}/scim/v2/Users"
        sends = {"authorization": f"Bearer {token}"}
        answer = await http.post(scim, json={"userName": ADA[0]}, headers=sends)
        assert answer.status_code == 201, answer.text
        user = answer.json()
        uses = [
            (gateway, headers)
            for gateway in place.gateways
            for headers in (
                {"authorization": f"Bearer {tokens['access_token']}"},
                {"x-api-key": key},
            )
        ]
        for gateway, headers in uses:
            assert await place.knock(http, gateway, **headers) == 200

        off = {"Operations": [{"op": "Replace", "path": "active", "value": "False"}]}
        started = time.monotonic()
        answer = await http.patch(f"{scim}/{user['id']}", json=off, headers=sends)
        assert answer.status_code == 200 and answer.json()["active"] is False
        seconds = []
        for gateway, headers in uses:
            await until_refused(http, place, gateway, headers)
            seconds.append(time.monotonic() - started)
        assert (await client.refresh(tokens["refresh_token"])).status_code == 400

    record_property("seconds", seconds)
    assert max(seconds) < PROMISED_SECONDS
