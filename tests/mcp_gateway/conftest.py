"""Fixtures of the gateway's tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.in_process.documents import MakeTool, ReadDocument, document_reader, tool_maker
from support.in_process.gateway import World, a_world


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio, as the gateway does."""
    return "asyncio"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A gateway with the demo's settings."""
    async with a_world(tmp_path) as opened_world:
        yield opened_world


@pytest.fixture
def read() -> ReadDocument:
    """Reads a document that has the given paths."""
    return document_reader()


@pytest.fixture
def tool_of(read: ReadDocument) -> MakeTool:
    """Makes the tool of a document's one operation."""
    return tool_maker(read)
