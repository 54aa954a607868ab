"""A server where Acme's own provider keeps its people."""

from collections.abc import AsyncIterator

import pytest

from support.in_process.clock import Clock
from support.in_process.customers_place import Place, running_place
from support.in_process.directory import Scim, add_directory


@pytest.fixture
async def place(database_url: str, clock: Clock) -> AsyncIterator[Place]:
    """A server where Ada is an admin of Acme alone, whose provider can sign her in."""
    async with running_place(database_url, clock) as made:
        await made.leave_globex()
        yield made


@pytest.fixture
async def scim(place: Place) -> Scim:
    """Acme's provider."""
    return await add_directory(place)
