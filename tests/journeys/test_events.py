"""An event of the API reaches the agents whom it concerns, whichever process it comes to."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import orjson
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.client.subscriptions import ResourceUpdated, Subscription
from standardwebhooks import Webhook

from support.in_process.gateway import API
from support.in_process.oauth_client import register
from support.in_process.person import ADA
from support.in_process.revocations import read_unverified
from support.processes.configuration import issuing, serving, write_config
from support.processes.deployment import a_person, serve
from support.processes.redis import running_redis
from support.processes.services import POLL_SECONDS, free_port, running_service

pytestmark = pytest.mark.whole_machine

SECRET = "whsec_c2VjcmV0LW9mLTI0LWJ5dGVzLWxvbmc="
TASK = "tracker://tasks/7"
EVENTS = """
events:
  tracker:
    tenant: data.org_id
    on:
      task.updated:
        updates: {task: {id: data.id}}
        data_scope: {team: "data.teams[]"}
"""


@pytest.fixture
def gateways(tmp_path: Path, seeded_sqlite: Path) -> Iterator[tuple[str, str, str]]:
    """Run an authorization server and two processes of one gateway; return their URLs."""
    issuer, one, other = (f"http://127.0.0.1:{free_port()}" for _ in range(3))
    for name in ("openapi.yaml", "logo.png"):
        shutil.copy(API / name, tmp_path / name)
    (tmp_path / "tools.yaml").write_text((API / "talking.yaml").read_text() + EVENTS)
    shutil.copy(seeded_sqlite, tmp_path / "gatepost.db")
    with ExitStack() as stack:
        redis = stack.enter_context(running_redis(tmp_path))
        config = write_config(
            tmp_path,
            auth_server=issuing(issuer, f"{one}/mcp", redis_url=redis.url),
            mcp_gateway=serving(
                issuer,
                f"{one}/mcp",
                f"http://127.0.0.1:{free_port()}",
                redis_url=redis.url,
                manifest=tmp_path / "tools.yaml",
                event_secrets={"tracker": [{"env": "TRACKER_SECRET"}]},
                allowed_hosts=[urlsplit(url).netloc for url in (one, other)],
            ),
        )
        for name, service, url in (
            ("issuer", "auth-server", issuer),
            ("one", "mcp-gateway", one),
            ("other", "mcp-gateway", other),
        ):
            spool = {"GATEPOST_MCP_EVENT_SPOOL": str(tmp_path / f"{name}.events.db")}
            stack.enter_context(
                running_service(
                    (*serve(service, config), "--port", str(urlsplit(url).port)),
                    url=url,
                    log=tmp_path / f"{name}.log",
                    ready_path="/readyz",
                    env={"TRACKER_SECRET": SECRET, **spool},
                )
            )
        yield issuer, f"{one}/mcp", f"{other}/mcp"


@asynccontextmanager
async def watching(url: str, tokens: dict[str, Any]) -> AsyncIterator[Subscription]:
    """Watch the task through the official client."""
    headers = {"authorization": f"Bearer {tokens['access_token']}"}
    async with (
        httpx2.AsyncClient(headers=headers, trust_env=False, timeout=30) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
        client.listen(resource_subscriptions=[TASK]) as subscription,
    ):
        yield subscription


async def send(
    http: httpx2.AsyncClient, url: str, tenant_id: str, number: int, teams: list[str]
) -> int:
    """Send an event as the API does; return the status."""
    body = orjson.dumps(
        {"type": "task.updated", "data": {"id": "7", "org_id": tenant_id, "teams": teams}}
    )
    at = datetime.now(UTC)
    headers = {
        "webhook-id": f"msg_{number}",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(SECRET).sign(f"msg_{number}", at, body.decode()),
    }
    return (await http.post(f"{url}/events/tracker", content=body, headers=headers)).status_code


async def test_a_subscription_fires_although_the_event_came_to_the_other_process(
    gateways: tuple[str, str, str],
) -> None:
    issuer, one, other = gateways
    async with httpx2.AsyncClient(trust_env=False) as http, a_person(ADA[0]) as ada:
        client = await register(http, issuer, one)
        tokens = await client.connect(ada)
        teams = read_unverified(tokens["access_token"])[0].data_scope["team"]
        async with watching(other, tokens) as far, watching(one, tokens) as near:
            assert await send(http, one, "org_globex", 1, teams) == 202
            assert await send(http, one, "org_acme", 2, teams) == 202
            for subscription in (far, near):
                async with asyncio.timeout(30):
                    assert await anext(subscription) == ResourceUpdated(TASK)
            # It was sent again, to the other process, and is not told again.
            assert await send(http, other, "org_acme", 2, teams) == 202
            for subscription in (far, near):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(POLL_SECONDS):
                        await anext(subscription)
