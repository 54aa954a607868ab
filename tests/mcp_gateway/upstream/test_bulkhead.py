"""The distribution of the upstream's capacity, and the order of waiting calls."""

import asyncio
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_gateway.upstream.bulkhead import Bulkhead


async def settle() -> None:
    """Let every task go as far as it can."""
    for _ in range(5):
        await asyncio.sleep(0)


def fill(bulkhead: Bulkhead, tenant: str) -> int:
    """Take as many places as a tenant gets at once."""
    taken = 0
    while bulkhead.take(tenant):
        taken += 1
    return taken


def test_one_tenant_gets_half_and_each_other_still_finds_capacity() -> None:
    bulkhead = Bulkhead(12)
    assert [fill(bulkhead, tenant) for tenant in "abcd"] == [6, 3, 2, 1]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans())), st.integers(2, 9))
def test_capacity_is_never_exceeded_and_never_lost(
    moves: list[tuple[str, bool]], limit: int
) -> None:
    bulkhead = Bulkhead(limit)
    held: Counter[str] = Counter()
    for tenant, takes in moves:
        if takes:
            held[tenant] += bulkhead.take(tenant)
        elif held[tenant]:
            bulkhead.leave(tenant)
            held[tenant] -= 1
        assert held.total() <= limit
    for tenant in held.elements():
        bulkhead.leave(tenant)
    assert fill(bulkhead, "new") == (limit + 1) // 2


async def test_tenants_take_turns_however_many_calls_one_of_them_has_waiting() -> None:
    bulkhead = Bulkhead(8)
    others = [f"other{number}" for number in range(8)]
    assert all(bulkhead.take(tenant) for tenant in others)
    order: list[str] = []

    async def call(tenant: str) -> None:
        assert await bulkhead.wait(tenant, 60)
        order.append(tenant)

    waiting = [asyncio.create_task(call(tenant)) for tenant in "aaabbc"]
    await settle()
    for tenant in others:
        bulkhead.leave(tenant)
        await settle()
    await asyncio.gather(*waiting)
    assert order == ["a", "b", "c", "a", "b", "a"]


async def test_one_tenant_can_not_fill_the_queue_for_the_others() -> None:
    bulkhead = Bulkhead(4)
    for tenant in "abcd":
        fill(bulkhead, tenant)
    waiting = [asyncio.create_task(bulkhead.wait("a", 60)) for _ in range(9)]
    await settle()
    assert [task.result() for task in waiting if task.done()] == [False] * 7
    other = asyncio.create_task(bulkhead.wait("b", 60))
    await settle()
    assert not other.done()
    for task in (*waiting, other):
        task.cancel()
    await asyncio.gather(*waiting, other, return_exceptions=True)


async def test_a_call_that_waits_too_long_is_told_and_leaves_the_queue() -> None:
    bulkhead = Bulkhead(2)
    assert bulkhead.take("a")
    assert not await bulkhead.wait("a", 0)
    bulkhead.leave("a")
    assert bulkhead.take("a")


@pytest.mark.parametrize("place_came", [False, True])
async def test_a_call_that_is_given_up_while_it_waits_keeps_no_place(place_came: bool) -> None:
    bulkhead = Bulkhead(2)
    assert bulkhead.take("a")
    waiting = asyncio.create_task(bulkhead.wait("a", 60))
    await settle()
    if place_came:
        bulkhead.leave("a")
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    if not place_came:
        bulkhead.leave("a")
    assert [fill(bulkhead, tenant) for tenant in "ab"] == [1, 1]


async def come(bulkhead: Bulkhead, tenant: str) -> bool:
    """Take a place, or wait for one."""
    return bulkhead.take(tenant) or await bulkhead.wait(tenant, 60)


MOVES = st.lists(
    st.tuples(st.sampled_from(["come", "leave", "give up"]), st.integers(0, 3)), max_size=8
)


@given(st.lists(MOVES, max_size=12), st.integers(2, 7))
def test_no_call_ever_waits_while_capacity_is_free(
    rounds: list[list[tuple[str, int]]], limit: int
) -> None:
    async def run() -> None:
        bulkhead = Bulkhead(limit)
        held: Counter[str] = Counter()
        waiting: list[tuple[str, asyncio.Task[bool]]] = []
        for moves in rounds:
            for move, number in moves:
                tenant = "abcd"[number]
                if move == "come":
                    waiting.append((tenant, asyncio.create_task(come(bulkhead, tenant))))
                elif move == "leave" and held[tenant]:
                    bulkhead.leave(tenant)
                    held[tenant] -= 1
                elif move == "give up" and waiting:
                    waiting[number % len(waiting)][1].cancel()
            await settle()
            ended = [(whose, task) for whose, task in waiting if task.done()]
            held.update(whose for whose, task in ended if not task.cancelled() and task.result())
            waiting = [(whose, task) for whose, task in waiting if not task.done()]
            free = limit - held.total()
            assert free >= 0
            assert all(held[whose] >= free for whose, _ in waiting)
            assert len(waiting) <= limit
        for _, task in waiting:
            task.cancel()
        await asyncio.gather(*(task for _, task in waiting), return_exceptions=True)
        for tenant in list(held.elements()):
            bulkhead.leave(tenant)
        assert fill(bulkhead, "new") == (limit + 1) // 2

    asyncio.run(run())
