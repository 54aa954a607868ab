"""A server whose gateway's API has an authorization server of its own."""

from collections.abc import AsyncIterator

import pytest

from support.in_process.clock import Clock
from support.in_process.link_provider import Place, running_place


@pytest.fixture
async def place(database_url: str, clock: Clock) -> AsyncIterator[Place]:
    """A server that knows two such servers."""
    async with running_place(database_url, clock) as running:
        yield running
