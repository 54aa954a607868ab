"""Orbit Invoicing behind a gateway."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx2
import pytest

from demo_invoicing.app import create_app
from demo_invoicing.database import prepare_database
from demo_invoicing.settings import Settings
from mcp_gateway.signing_key import load_signing_key, publish_key
from support.in_process.gateway import a_world
from support.in_process.invoicing import HERE, KEY, URL, Invoicing
from support.in_process.tokens import RESOURCE


@pytest.fixture
async def invoicing(tmp_path: Path) -> AsyncIterator[Invoicing]:
    database = tmp_path / "invoicing.sqlite"
    key = tmp_path / "gateway.pem"
    keys = publish_key(load_signing_key(key))
    apis = {
        "invoicing": {
            "url": URL,
            "manifest": HERE / "tools.yaml",
            "prefix": "",
            "credentials": {"apiKey": {"mode": "static", "value": KEY}},
        }
    }
    async with AsyncExitStack() as stack:
        opened = Invoicing(httpx2.AsyncClient())
        world = await stack.enter_async_context(
            a_world(tmp_path, upstream=opened, manifest=None, upstream_url="", apis=apis)
        )
        prepare_database(database, today=world.clock().date())
        settings = Settings(database, URL, RESOURCE, f"{URL}/jwks", KEY)
        app = create_app(settings, now=world.clock, fetch_jwks=lambda _: keys)
        await opened.http.aclose()
        opened.http = await stack.enter_async_context(
            httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app))
        )
        opened.world = world
        yield opened
