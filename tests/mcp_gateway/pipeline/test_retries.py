"""Which requests are repeated, how often, and what the log messages say."""

import json
from collections.abc import Callable, Iterable
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import jwt
import pytest

from mcp_gateway.http_client.port import HttpResponse, RequestFailed
from mcp_gateway.requests.request import HttpRequest
from mcp_gateway.upstream.retries import RetryBudget
from support.in_process.gateway import World, a_world
from support.in_process.talk import talking

FINE = HttpResponse(200, "application/json", b"{}")
GONE = RequestFailed("unreachable", "The API can't be reached, or it closed the connection.")
LATE = RequestFailed("deadline", "The API did not answer within 30 seconds.")


def status(code: int, retry_after: str = "") -> HttpResponse:
    """Answer with an error of the API."""
    return HttpResponse(code, "", b"", retry_after)


def in_turn(
    *outcomes: HttpResponse | RequestFailed,
) -> Callable[[HttpRequest], HttpResponse]:
    """Return one answer after the other, and repeat the last."""
    left = list(outcomes)

    def answer(_: HttpRequest) -> HttpResponse:
        outcome = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(outcome, RequestFailed):
            raise outcome
        return outcome

    return answer


@pytest.mark.parametrize("trouble", [GONE, status(502), status(503), status(504)])
async def test_a_read_that_meets_a_passing_trouble_is_made_again(
    world: World, trouble: HttpResponse | RequestFailed
) -> None:
    world.api.answer = in_turn(trouble, trouble, FINE)
    result = await world.call("new", "list_tasks")
    assert result["isError"] is False
    assert len(world.api.requests) == 3
    assert world.waits == [0.1, 0.2]


@pytest.mark.parametrize(
    "value",
    [
        "Sat, 01 Jan 0001 00:00:00 +2359",
        "Fri, 31 Dec 9999 23:59:59 -99999999999999",
        "Mon, 99999999999999999999 Jan 2026 00:00:00 GMT",
        "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
        "1e9",
        "-5",
        " " * 60_000 + "Fri",
    ],
)
async def test_a_wait_that_is_not_a_date_is_ignored_and_the_breaker_still_told(
    world: World, value: str
) -> None:
    world.api.answer = in_turn(status(503, value))
    for _ in range(2):
        result = await world.call("new", "list_tasks")
        assert result["content"][0]["text"].startswith("The API answered 503 Service Unavailable.")
    await world.call("new", "list_tasks")
    assert world.records[-1]["reason"] == "breaker_open"


async def test_it_is_made_three_times_at_most(world: World) -> None:
    world.api.answer = in_turn(status(503))
    result = await world.call("new", "list_tasks")
    assert (result["isError"], len(world.api.requests)) == (True, 3)
    assert "503" in result["content"][0]["text"]


@pytest.mark.parametrize(
    "trouble", [LATE, RequestFailed("too_large", "x"), status(500), status(404), status(429)]
)
async def test_a_call_is_not_retried_if_a_retry_would_not_help(
    world: World, trouble: HttpResponse | RequestFailed
) -> None:
    world.api.answer = in_turn(trouble)
    assert (await world.call("new", "list_tasks"))["isError"] is True
    assert len(world.api.requests) == 1


@pytest.mark.parametrize("trouble", [GONE, status(503, "1"), status(429, "1")])
async def test_a_change_is_never_made_twice(
    world: World, trouble: HttpResponse | RequestFailed
) -> None:
    world.api.answer = in_turn(trouble, FINE)
    assert (await world.call("new", "create_task", {"title": "x"}))["isError"] is True
    assert len(world.api.requests) == 1


async def test_a_change_with_an_idempotency_key_is_made_again_under_the_same_key(
    tmp_path: Path,
) -> None:
    header = {"name": "Idempotency-Key", "in": "header", "schema": {"type": "string"}}
    document = {"openapi": "3.1.0", "paths": {"/pay": {"post": {"parameters": [header]}}}}
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    (tmp_path / "tools.yaml").write_text(
        "version: 1\nname: Shop\nopenapi: openapi.json\ntools: {pay: {operation: POST /pay}}"
    )
    async with a_world(tmp_path, manifest=tmp_path / "tools.yaml") as world:
        world.api.answer = in_turn(GONE, FINE)
        assert (await world.call("new", "pay"))["isError"] is False
        first, second = (world.api.header("idempotency-key", request=n) for n in (0, 1))
        assert first
        assert first == second


async def test_each_attempt_is_signed_for_itself(world: World) -> None:
    """An API that refuses an assertion it has seen still takes the second attempt."""
    world.api.answer = in_turn(GONE, GONE, FINE)
    await world.call("new", "list_tasks")
    call_id = world.records[-1]["call_id"]
    assert jtis(world) == [call_id, f"{call_id}.2", f"{call_id}.3"]


def jtis(world: World) -> list[str]:
    """Read the ids of the assertions that reached the API."""
    sent = [world.api.header("gatepost-assertion", request=n) for n in range(3)]
    return [
        jwt.decode(assertion or "", options={"verify_signature": False})["jti"]
        for assertion in sent
    ]


async def test_the_api_says_how_long_to_wait(world: World) -> None:
    """RFC 9110 §10.2.3: seconds, or a date."""
    date = format_datetime(world.clock() + timedelta(seconds=7), usegmt=True)
    world.api.answer = in_turn(status(429, "3"), status(503, date), FINE)
    assert (await world.call("new", "list_tasks"))["isError"] is False
    assert world.waits == [3, pytest.approx(4, abs=1)]


@pytest.mark.parametrize("asked", ["31", "999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
async def test_a_wait_past_the_deadline_is_the_callers_to_decide(world: World, asked: str) -> None:
    world.api.answer = in_turn(status(429, asked))
    assert (await world.call("new", "list_tasks"))["isError"] is True
    assert (len(world.api.requests), world.waits) == (1, [])


async def test_all_attempts_share_one_deadline(tmp_path: Path) -> None:
    deadlines: list[float] = []

    class Slow:
        async def send(self, request: HttpRequest, *, deadline: float) -> HttpResponse:
            deadlines.append(deadline)
            world.clock.advance(seconds=12)
            return status(503, "5")

    async with a_world(tmp_path, upstream=Slow()) as world:
        await world.call("new", "list_tasks")
    assert deadlines == [30, 13]


def test_retries_are_a_tenth_of_the_calls_once_the_savings_are_spent() -> None:
    budget = RetryBudget()
    spent = 0
    for _ in range(1000):
        budget.earn()
        spent += budget.spend() + budget.spend()
    assert 100 <= spent <= 110
    for _ in range(1000):
        budget.earn()
    assert [budget.spend() for _ in range(11)] == [True] * 10 + [False]


async def test_a_call_whose_retry_is_not_in_the_budget_is_answered_as_it_is(world: World) -> None:
    world.api.answer = lambda _: status(504)
    for number in range(10):
        # Tenants take turns, and breakers have time to reset, so only the budget runs out.
        world.clock.advance(seconds=31)
        world.api.answer = in_turn(status(504), status(504), FINE)
        await world.call("new", "get_task", {"id": str(number)})
    sent = len(world.api.requests)
    world.clock.advance(seconds=31)
    world.api.answer = in_turn(status(504), FINE)
    assert (await world.call("new", "get_task", {"id": "x"}))["isError"] is True
    assert len(world.api.requests) == sent + 1


@pytest.mark.parametrize("era", ["old", "new"])
async def test_a_client_that_listens_is_told_of_each_retry(world: World, era: str) -> None:
    world.api.answer = in_turn(status(503), FINE)
    meta = {"io.modelcontextprotocol/logLevel": "warning"}
    params: dict[str, Any] = {"name": "list_tasks", "arguments": {}, "_meta": meta}
    async with talking(world, era, "tools/call", params) as talk:
        *told, _ = await talk.messages()
    assert said(told) == ["List tasks: The API answered 503; retrying in 0.1 seconds"]


def said(told: Iterable[Any]) -> list[str]:
    """Read the texts of log messages."""
    return [message["params"]["data"] for message in told]
