"""A gateway whose tools ask before they are called."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.in_process.gateway import API, World, a_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """The gateway with a manifest whose tools ask questions."""
    async with a_world(tmp_path, manifest=API / "talking.yaml") as opened_world:
        yield opened_world
