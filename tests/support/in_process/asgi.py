"""Running an ASGI app inside the test: its lifespan, its state, a client, no socket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2


@asynccontextmanager
async def running(app: Any, base_url: str) -> AsyncIterator[httpx2.AsyncClient]:
    """Start a Starlette or FastAPI app and talk to it; redirects are not followed."""
    async with app.router.lifespan_context(app) as state:

        async def with_state(scope: Any, receive: Any, send: Any) -> None:
            await app({**scope, "state": dict(state or {})}, receive, send)

        transport = httpx2.ASGITransport(app=with_state, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url=base_url) as client:
            yield client
