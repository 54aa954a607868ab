"""Traces of calls, from the client's context to the upstream."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from opentelemetry.trace import SpanKind, StatusCode
from structlog.testing import capture_logs

from gatepost.tracing import names
from mcp_gateway.http_client.port import HttpResponse, RequestFailed
from mcp_gateway.redis.open import open_connection
from mcp_gateway.redis.resp import ErrorReply
from mcp_gateway.redis.traced import TracedConnection
from support.in_process.clock import Clock
from support.in_process.gateway import META, MODERN, World, a_world
from support.in_process.spans import PARENT, TRACE_ID, Recorded, keeping_spans, trace_of
from support.processes.redis import RedisServer

AROUND = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@asynccontextmanager
async def traced(folder: Path, **settings: Any) -> AsyncIterator[tuple[World, Recorded]]:
    async with (
        keeping_spans(Clock(), **settings) as recorded,
        a_world(folder, tracing=recorded.tracing) as world,
    ):
        yield world, recorded


async def call(
    world: World,
    *,
    meta: Any = None,
    headers: dict[str, str] | None = None,
    name: str = "list_tasks",
    arguments: Any = None,
) -> Any:
    params = {"name": name, "arguments": arguments or {}, "_meta": {**META, **(meta or {})}}
    body = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params}
    usual = {"mcp-protocol-version": MODERN, "mcp-method": "tools/call", "mcp-name": name}
    return await world.post(body, headers={**usual, **(headers or {})})


def test_without_traces_a_gateway_does_not_even_load_them() -> None:
    script = "import sys, mcp_gateway.cli, mcp_gateway.app; print('opentelemetry' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


async def test_a_call_can_be_followed_from_the_client_to_the_upstream(tmp_path: Path) -> None:
    async with traced(tmp_path) as (world, recorded):
        await call(world, meta={"traceparent": PARENT, "tracestate": "vendor=kept"})

        server, sent = recorded.one("tools/call list_tasks"), recorded.one("GET")
        assert {trace_of(span) for span in recorded.spans} == {TRACE_ID}
        assert server.kind is SpanKind.SERVER
        assert server.parent is not None
        assert f"{server.parent.span_id:016x}" == "00f067aa0ba902b7"
        assert recorded.path(sent) == ["GET", "call_upstream", "tools/call list_tasks"]
        parent = f"00-{TRACE_ID}-{sent.context.span_id:016x}-01"
        assert world.api.header("traceparent") == parent
        assert world.api.header("tracestate") == "vendor=kept"
        attributes = server.attributes or {}
        assert attributes[names.METHOD] == "tools/call"
        assert attributes[names.TOOL] == "list_tasks"
        assert attributes[names.PROTOCOL_VERSION] == MODERN
        assert attributes[names.TENANT] == "org_acme"
        assert attributes[names.DECISION] == "allowed"
        assert attributes[names.REQUEST_ID] == "7"
        assert (recorded.one("call_upstream").attributes or {})[names.URL_TEMPLATE] == "/tasks"
        assert world.records[-1]["trace_id"] == TRACE_ID
        # Steps that only compute have no span.
        assert len(recorded.spans) <= 5


async def test_the_context_of_the_message_is_the_parent_and_that_of_http_a_link(
    tmp_path: Path,
) -> None:
    async with traced(tmp_path) as (world, recorded):
        await call(world, meta={"traceparent": PARENT}, headers={"traceparent": AROUND})
        both = recorded.one("tools/call list_tasks")
        recorded.forget()
        await call(world, headers={"traceparent": AROUND})
        alone = recorded.one("tools/call list_tasks")
        recorded.forget()
        await call(world, meta={"traceparent": "nonsense"}, headers={"traceparent": AROUND})
        instead = recorded.one("tools/call list_tasks")

        assert trace_of(both) == TRACE_ID
        assert [f"{link.context.trace_id:032x}" for link in both.links] == [AROUND[3:35]]
        for span in (alone, instead):
            assert trace_of(span) == AROUND[3:35]
            assert not span.links


@pytest.mark.parametrize(
    "malformed",
    [
        "",
        "nonsense",
        7,
        None,
        {"a": 1},
        "00-" + "0" * 32 + "-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-" + "0" * 16 + "-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        PARENT + "-more",
        PARENT.upper(),
        PARENT + "\n",
        "x" * 100_000,
    ],
)
async def test_a_malformed_context_is_ignored_a187(tmp_path: Path, malformed: Any) -> None:
    async with traced(tmp_path) as (world, recorded):
        answer = await call(world, meta={"traceparent": malformed, "tracestate": malformed})

        assert answer.status_code == 200
        assert recorded.one("tools/call list_tasks").parent is None


async def test_a_stranger_cannot_make_every_call_sampled_a187(tmp_path: Path) -> None:
    async with traced(tmp_path, sample=0, asked_per_minute=3) as (world, recorded):
        for _ in range(20):
            await call(world, meta={"traceparent": PARENT})
        named = [
            request for request in world.api.requests if "traceparent" in dict(request.headers)
        ]

        assert recorded.names.count("tools/call list_tasks") == 3
        assert sum(bool(record["trace_id"]) for record in world.records) == 3
        # The upstream does not record more than the gateway does.
        assert len(world.api.requests) == 20
        assert len(named) == 3


async def test_a_caller_neither_hides_from_traces_nor_chooses_an_id_that_is_always_recorded_a187(
    tmp_path: Path,
) -> None:
    async with traced(tmp_path, sample=1) as (world, recorded):
        await call(world, meta={"traceparent": PARENT[:-2] + "00"})
        assert trace_of(recorded.one("tools/call list_tasks")) == TRACE_ID
    lowest = "00-" + "0" * 31 + "1-00f067aa0ba902b7-00"
    async with traced(tmp_path, sample=0.4) as (world, recorded):
        await call(world, meta={"traceparent": lowest})
        assert recorded.names == []


async def test_no_argument_or_token_is_in_a_span_a188(tmp_path: Path) -> None:
    async with traced(tmp_path) as (world, recorded):
        token = world.token()
        world.api.answer = lambda _: HttpResponse(
            200, "application/json", b'{"id":"answer-secret"}'
        )
        await call(
            world,
            name="create_task",
            arguments={"title": "argument-secret", "project_id": "path-secret"},
            meta={"traceparent": PARENT, "baggage": "who=baggage-secret"},
            headers={
                "authorization": f"Bearer {token}",
                "baggage": "who=baggage-secret",
                "cookie": "cookie-secret",
            },
        )
        world.api.answer = lambda _: HttpResponse(500, "text/plain", b"answer-secret")
        await call(world, name="create_task", arguments={"title": "argument-secret"})
        await call(world, name="invented-secret")
        await world.post({"method": "invented-secret"}, token="forged-secret")

        assert len(recorded.spans) > 6
        held = recorded.text()
        assert "org_acme" in held
        for secret in ("-secret", token, "usr_ada", "Ada", "baggage"):
            assert secret not in held
        assert "baggage-secret" not in str([one.headers for one in world.api.requests])


async def test_a_refused_call_names_the_step_that_refused_it(tmp_path: Path) -> None:
    async with traced(tmp_path) as (world, recorded):
        await call(world, name="create_task", arguments={"nonsense": 1})
        await world.post({}, token="forged")

        step = recorded.one("validate_arguments")
        assert step.status.status_code is StatusCode.ERROR
        call_span = recorded.one("tools/call create_task")
        assert (call_span.attributes or {})[names.DECISION] == "refused"
        assert (call_span.attributes or {})[names.ERROR] == "tool_error"
        assert (recorded.one("refused").attributes or {})[names.ERROR] == "invalid_token"


async def test_each_attempt_to_reach_the_upstream_is_part_of_the_call(tmp_path: Path) -> None:
    async with traced(tmp_path) as (world, recorded):

        def fail_once(_: Any) -> HttpResponse:
            if len(world.api.requests) == 1:
                raise RequestFailed("unreachable", "The API can't be reached.")
            return HttpResponse(200, "application/json", b"{}")

        world.api.answer = fail_once
        await call(world)

        first, second = [span for span in recorded.spans if span.name == "GET"]
        assert (first.attributes or {})[names.ERROR] == "unreachable"
        assert (second.attributes or {})[names.HTTP_STATUS] == 200
        attributes = recorded.one("tools/call list_tasks").attributes or {}
        assert attributes[names.RETRIES] == 1


async def test_a_command_to_redis_is_part_of_the_call_without_its_arguments(
    redis: RedisServer,
) -> None:
    connection = TracedConnection(open_connection(redis.url))
    async with keeping_spans(Clock()) as recorded, connection.connected():
        await connection.ask("SET", "key-secret", "value-secret")
        assert recorded.names == []
        with recorded.tracing.serving("request", {}):
            await connection.ask("GET", "key-secret")
            with pytest.raises(ErrorReply):
                await connection.ask("EVALSHA", "0" * 40, 0)
            await asyncio.sleep(0)

        assert recorded.path(recorded.one("GET")) == ["GET", "request"]
        assert (recorded.one("EVALSHA").attributes or {})[names.ERROR] == "ErrorReply"
        assert "-secret" not in recorded.text()


async def test_log_lines_of_a_recorded_call_name_its_trace_and_a_fault_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with traced(tmp_path) as (world, recorded):
        monkeypatch.setattr(world.api, "answer", lambda _: 1 / 0)
        with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
            await call(world, meta={"traceparent": PARENT})

        (fault,) = [line for line in lines if line["event"] == "tool_call_fault"]
        assert fault["trace_id"] == TRACE_ID
        assert len(fault["span_id"]) == 16
        step = recorded.one("call_upstream")
        assert (step.attributes or {})[names.ERROR] == "ZeroDivisionError"
        assert "trace_id" not in structlog.contextvars.get_contextvars()
