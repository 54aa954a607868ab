"""A network with receivers, and a server that sends into it."""

from collections.abc import AsyncIterator

import pytest

from support.in_process.auth_server import AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.receiver import Network, Receiver
from support.processes.certificates import Authority


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def network(authority: Authority) -> Network:
    return Network(authority, {})


@pytest.fixture
async def server(database_url: str, clock: Clock, network: Network) -> AsyncIterator[AuthServer]:
    hosts = ("127.0.0.1",)
    post = network.post()
    async with running_auth_server(
        database_url, clock, post=post, webhook_private_hosts=hosts
    ) as running:
        yield running


@pytest.fixture
async def acme(network: Network) -> AsyncIterator[Receiver]:
    """Acme's receiver."""
    async with network.receiver() as receiver:
        yield receiver


@pytest.fixture
async def operators(network: Network) -> AsyncIterator[Receiver]:
    """The operator's receiver, in a private network without TLS."""
    async with network.receiver("127.0.0.1") as receiver:
        yield receiver
