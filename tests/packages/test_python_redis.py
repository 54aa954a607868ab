"""The memory of used ids in Redis, for APIs of several processes."""

from concurrent.futures import ThreadPoolExecutor

import anyio
import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from gatepost_verify import AsyncRedisMemory, RedisMemory, VerificationUnavailable
from support.processes.redis import RedisServer


def test_of_fifty_threads_with_one_id_one_is_told_yes_a255(redis: RedisServer) -> None:
    with Redis.from_url(redis.url) as client, ThreadPoolExecutor(50) as threads:
        memory = RedisMemory(client)
        said = list(threads.map(lambda _: memory.first_use("call_1", 90), range(50)))
        assert sum(said) == 1
        assert memory.first_use("call_2", 90)
        assert 80 < client.ttl("gatepost:jti:call_1") <= 90
    redis.stop()
    with Redis.from_url(redis.url) as client, pytest.raises(VerificationUnavailable):
        RedisMemory(client).first_use("call_3", 90)


async def test_of_fifty_tasks_with_one_id_one_is_told_yes_a255(redis: RedisServer) -> None:
    said: list[bool] = []
    async with AsyncRedis.from_url(redis.url) as client:
        memory = AsyncRedisMemory(client)

        async def ask() -> None:
            said.append(await memory.first_use("call_1", 90))

        async with anyio.create_task_group() as tasks:
            for _ in range(50):
                tasks.start_soon(ask)
    assert sum(said) == 1


async def test_a_client_whose_answers_would_all_count_as_yes_is_refused_a255(
    redis: RedisServer,
) -> None:
    async with AsyncRedis.from_url(redis.url) as client:
        memory = RedisMemory(client)
        with pytest.raises(TypeError, match="AsyncRedisMemory"):
            memory.first_use("call_1", 90)
    with Redis.from_url(redis.url) as client, pytest.raises(TypeError):
        RedisMemory(client.pipeline()).first_use("call_1", 90)


async def test_a_redis_that_keeps_the_connection_and_does_not_answer_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Silent:
        async def set(self, *_: object, **__: object) -> None:
            await anyio.sleep_forever()

    monkeypatch.setattr("gatepost_verify.memory._WAIT_SECONDS", 0)
    with pytest.raises(VerificationUnavailable):
        await AsyncRedisMemory(Silent()).first_use("call_1", 90)
