"""Both adapters of the port `Confirmations`: within one process, and in Redis for several."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from mcp_gateway.elicitation.confirmations import (
    Confirmations,
    ConfirmationsUnavailable,
    LocalConfirmations,
)
from mcp_gateway.elicitation.redis_confirmations import RedisConfirmations
from mcp_gateway.redis.open import open_connection
from support.in_process.clock import Clock
from support.processes.redis import RedisServer

RESOURCE = "http://127.0.0.1:8401/mcp"
LIFETIME = 600


@pytest.fixture(params=["local", "redis", "cluster"])
async def both(
    request: pytest.FixtureRequest, clock: Clock
) -> AsyncIterator[tuple[Confirmations, Confirmations]]:
    """Return what two requests ask, which reach one process, or two that share a Redis."""
    if request.param == "local":
        local = LocalConfirmations(clock)
        yield local, local
        return
    redis = request.getfixturevalue(request.param)
    async with AsyncExitStack() as stack:
        made = []
        for _ in range(2):
            connection = open_connection(redis.url)
            await stack.enter_async_context(connection.connected())
            made.append(RedisConfirmations(connection, resource=RESOURCE, now=clock))
        yield made[0], made[1]


def soon(clock: Clock) -> int:
    """Return when a confirmation given now expires."""
    return int(clock().timestamp()) + LIFETIME


async def test_a_confirmation_is_used_once_wherever_it_arrives(
    both: tuple[Confirmations, Confirmations], clock: Clock
) -> None:
    one, other = both
    assert await one.redeem("first", soon(clock))
    assert not await other.redeem("first", soon(clock))
    assert not await one.redeem("first", soon(clock))
    assert await other.redeem("second", soon(clock))


async def test_of_many_uses_at_once_one_counts(
    both: tuple[Confirmations, Confirmations], clock: Clock
) -> None:
    uses = [both[number % 2].redeem("first", soon(clock)) for number in range(20)]
    assert sorted(await asyncio.gather(*uses)) == [False] * 19 + [True]


async def test_an_expired_confirmation_is_forgotten(clock: Clock) -> None:
    local = LocalConfirmations(clock)
    for number in range(100):
        await local.redeem(f"state-{number}", soon(clock) - number % 7)
    clock.advance(seconds=LIFETIME + 1)
    assert await local.redeem("another", soon(clock))
    assert len(local) == 1


async def test_a_used_confirmation_leaves_redis_after_its_expiry(
    redis: RedisServer, clock: Clock
) -> None:
    connection = open_connection(redis.url)
    async with connection.connected():
        await RedisConfirmations(connection, resource=RESOURCE, now=clock).redeem(
            "first", soon(clock)
        )
    with redis.connect() as client:
        [key] = client.keys()
        assert LIFETIME <= client.ttl(key) <= LIFETIME + 60


async def test_without_redis_no_confirmation_counts(redis: RedisServer, clock: Clock) -> None:
    connection = open_connection(redis.url)
    redis.stop()
    async with connection.connected():
        confirmations = RedisConfirmations(connection, resource=RESOURCE, now=clock)
        with pytest.raises(ConfirmationsUnavailable):
            await confirmations.redeem("first", soon(clock))
