"""Both adapters of the port `UsedProofs`: within one process, and in Redis for several."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from gatepost.proofs.dpop import Proof
from mcp_gateway.possession.redis_used_proofs import RedisUsedProofs
from mcp_gateway.possession.used_proofs import LocalUsedProofs, TooManyProofs, UsedProofs
from mcp_gateway.redis.open import open_connection
from support.in_process.clock import Clock
from support.processes.redis import RedisServer

RESOURCE = "http://127.0.0.1:8401/mcp"
LIFETIME = 300


def proof(clock: Clock, name: str = "first") -> Proof:
    """Make a proof that was made now."""
    expires_at = int(clock().timestamp()) + LIFETIME
    return Proof("thumbprint", hashlib.sha256(name.encode()).hexdigest(), expires_at, None)


@pytest.fixture(params=["local", "redis", "cluster"])
async def both(
    request: pytest.FixtureRequest, clock: Clock
) -> AsyncIterator[tuple[UsedProofs, UsedProofs]]:
    """Return what two requests ask, which reach one process, or two that share a Redis."""
    if request.param == "local":
        local = LocalUsedProofs(clock)
        yield local, local
        return
    redis = request.getfixturevalue(request.param)
    async with AsyncExitStack() as stack:
        made = []
        for _ in range(2):
            connection = open_connection(redis.url)
            await stack.enter_async_context(connection.connected())
            made.append(RedisUsedProofs(connection, resource=RESOURCE, now=clock))
        yield made[0], made[1]


async def test_a_proof_is_used_once_wherever_it_arrives_a191(
    both: tuple[UsedProofs, UsedProofs], clock: Clock
) -> None:
    """RFC 9449 §11.1. A191."""
    one, other = both
    assert await one.use(proof(clock))
    assert not await other.use(proof(clock))
    assert not await one.use(proof(clock))
    assert await other.use(proof(clock, "second"))


async def test_of_fifty_uses_at_once_one_counts_a191(
    both: tuple[UsedProofs, UsedProofs], clock: Clock
) -> None:
    uses = [both[number % 2].use(proof(clock)) for number in range(50)]
    assert sorted(await asyncio.gather(*uses)) == [False] * 49 + [True]


async def test_an_expired_proof_is_forgotten_a199(clock: Clock) -> None:
    local = LocalUsedProofs(clock)
    for number in range(100):
        await local.use(proof(clock, str(number)))
    clock.advance(seconds=LIFETIME + 60)
    assert await local.use(proof(clock))
    assert len(local) == 1


async def test_a_process_remembers_so_many_proofs_and_takes_no_more_a199(clock: Clock) -> None:
    """A199: what can't be remembered could be used twice."""
    local = LocalUsedProofs(clock, most=2)
    assert await local.use(proof(clock, "a")) and await local.use(proof(clock, "b"))
    with pytest.raises(TooManyProofs):
        await local.use(proof(clock, "c"))
    assert not await local.use(proof(clock, "a"))
    clock.advance(seconds=LIFETIME + 60)
    assert await local.use(proof(clock, "c"))


async def test_a_used_proof_leaves_redis_after_its_expiry_a199(
    redis: RedisServer, clock: Clock
) -> None:
    connection = open_connection(redis.url)
    async with connection.connected():
        await RedisUsedProofs(connection, resource=RESOURCE, now=clock).use(proof(clock))
    with redis.connect() as client:
        [key] = client.keys()
        assert LIFETIME <= client.ttl(key) <= LIFETIME + 60


@pytest.mark.parametrize("up_at_first", [True, False])
async def test_a_proof_counts_no_second_time_when_redis_goes_or_comes_back_a191(
    redis: RedisServer, clock: Clock, up_at_first: bool
) -> None:
    """RFC 9449 §11.1. A191: at the process that has seen the proof."""
    connection = open_connection(redis.url)
    if not up_at_first:
        redis.stop()
    async with connection.connected():
        used = RedisUsedProofs(connection, resource=RESOURCE, now=clock)
        assert await used.use(proof(clock))
        if up_at_first:
            redis.stop()
        else:
            redis.start()
        while True:
            if connection.is_up is not up_at_first:
                break
            await asyncio.sleep(0)
        assert not await used.use(proof(clock))
        assert await used.use(proof(clock, "second"))


async def test_without_redis_a_proof_counts_once_in_each_process_a191(
    redis: RedisServer, clock: Clock
) -> None:
    """A191: calls go on, as with every part of Redis."""
    connection = open_connection(redis.url)
    redis.stop()
    async with connection.connected():
        used = RedisUsedProofs(connection, resource=RESOURCE, now=clock)
        assert await used.use(proof(clock))
        assert not await used.use(proof(clock))
