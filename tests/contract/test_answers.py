"""Both adapters of the port `Answers`: within one process, and through Redis to another."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import count

import pytest

from mcp_gateway.elicitation.answers import AnswerNotTaken, Answers, LocalAnswers
from mcp_gateway.elicitation.redis_answers import RedisAnswers
from mcp_gateway.redis.connection import RedisConnection
from mcp_gateway.redis.open import open_connection
from support.processes.redis import RedisServer
from support.processes.redis_cluster import Cluster
from support.processes.services import POLL_SECONDS

RESOURCE = "http://127.0.0.1:8401/mcp"
YES = {"jsonrpc": "2.0", "id": "1", "result": {"action": "accept", "content": {"ä": [1, None]}}}
NO = {"jsonrpc": "2.0", "id": "1", "result": {"action": "decline"}}


async def at_once(_: float) -> None:
    """Try again without a pause."""
    await asyncio.sleep(0)


class Processes:
    """Processes of one gateway that share a Redis."""

    def __init__(self, redis: RedisServer | Cluster, stack: AsyncExitStack) -> None:
        self._redis = redis
        self._stack = stack
        self._names = count(1)

    async def start(self) -> tuple[RedisAnswers, RedisConnection]:
        """Start another process."""
        connection = open_connection(self._redis.url)
        await self._stack.enter_async_context(connection.connected())
        ids = count()
        name = f"{next(self._names):032x}"
        answers = RedisAnswers(
            connection,
            self._redis.url,
            resource=RESOURCE,
            # The first id names the process.
            new_id=lambda: f"{name}{number}" if (number := next(ids)) else name,
            sleep=at_once,
        )
        await self._stack.enter_async_context(answers.listening())
        await until_present(self._redis)
        return answers, connection


async def until_present(redis: RedisServer | Cluster, processes: int = 1) -> None:
    """Wait until that many processes listen."""
    with redis.connect() as client:
        everywhere = {"target_nodes": "primaries"} if isinstance(redis, Cluster) else {}
        while True:
            if len(client.keys("*:present", **everywhere)) >= processes:
                return
            await asyncio.sleep(POLL_SECONDS)


@pytest.fixture
async def processes(redis: RedisServer) -> AsyncIterator[Processes]:
    async with AsyncExitStack() as stack:
        yield Processes(redis, stack)


@pytest.fixture(params=["local", "redis", "cluster"])
async def both(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Answers, Answers]]:
    """Return the process that asks, and the one that receives the answer."""
    if request.param == "local":
        ids = count()
        answers = LocalAnswers(lambda: f"id{next(ids)}")
        yield answers, answers
        return
    async with AsyncExitStack() as stack:
        started = Processes(request.getfixturevalue(request.param), stack)
        (asks, _), (hears, _) = await started.start(), await started.start()
        yield asks, hears


async def test_an_answer_reaches_the_process_that_asked(both: tuple[Answers, Answers]) -> None:
    asks, hears = both
    with asks.expect("ada") as (ask_id, waiting):
        await hears.deliver("ada", ask_id, YES)
        assert await waiting == YES


async def test_the_first_answer_counts(both: tuple[Answers, Answers]) -> None:
    asks, hears = both
    with asks.expect("ada") as (ask_id, waiting), asks.expect("ada") as (last, all_heard):
        await hears.deliver("ada", ask_id, NO)
        await hears.deliver("ada", ask_id, YES)
        await hears.deliver("ada", last, YES)
        await all_heard
        assert await waiting == NO


async def test_nobody_else_can_answer_at_any_process_a125(
    both: tuple[Answers, Answers],
) -> None:
    asks, hears = both
    with asks.expect("ada") as (ask_id, waiting), asks.expect("bo") as (other, heard):
        await hears.deliver("bo", ask_id, YES)
        await hears.deliver("bo", other, NO)
        await heard
        assert not waiting.done()  # type: ignore[attr-defined]
        await hears.deliver("ada", ask_id, NO)
        assert await waiting == NO


async def test_an_answer_that_nobody_waits_for_is_dropped(both: tuple[Answers, Answers]) -> None:
    asks, hears = both
    with asks.expect("ada") as (gone, _):
        pass
    await hears.deliver("ada", gone, YES)
    with asks.expect("ada") as (ask_id, waiting):
        await hears.deliver("ada", ask_id, NO)
        assert await waiting == NO


@pytest.mark.parametrize("ask_id", ["", "1", "-", "0" * 65, "ä-1", "no process-7", "f" * 32 + "-1"])
async def test_ids_that_name_nobody_leave_nothing_behind(
    processes: Processes, redis: RedisServer, ask_id: str
) -> None:
    """Otherwise a client could fill Redis with answers to questions that were never asked."""
    answers, _ = await processes.start()

    await answers.deliver("ada", ask_id, YES)

    with redis.connect() as client:
        left = client.keys()
    assert [key for key in left if not key.endswith(b":present")] == []


async def test_no_more_is_left_for_a_process_than_it_could_read(
    processes: Processes, redis: RedisServer
) -> None:
    answers, _ = await processes.start()
    with redis.connect() as client:
        tag = f"gatepost:{{{RESOURCE} dead}}"
        client.set(f"{tag}:present", b"")
        await asyncio.gather(*(answers.deliver("ada", f"dead-{n}", YES) for n in range(1200)))
        assert client.llen(f"{tag}:answers") == 1000
        assert 0 < client.ttl(f"{tag}:answers") <= 60


async def test_while_redis_is_away_an_answer_for_another_process_is_not_taken(
    processes: Processes, redis: RedisServer
) -> None:
    """Local answers still are, and everything works again once Redis is back, empty."""
    (asks, _), (hears, connection) = await processes.start(), await processes.start()
    with asks.expect("ada") as (ask_id, waiting):
        redis.stop()
        with pytest.raises(AnswerNotTaken):
            await hears.deliver("ada", ask_id, YES)
        with hears.expect("ada") as (own, own_waiting):
            await hears.deliver("ada", own, NO)
            assert await own_waiting == NO
        redis.start()
        await until_present(redis, 2)
        while True:
            if connection.is_up:
                break
            await asyncio.sleep(0)
        await hears.deliver("ada", ask_id, YES)
        assert await waiting == YES
