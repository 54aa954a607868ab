"""Whatever is sent, the gateway answers as its protocol says: never a 500, never -32603."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.gateway import META, MODERN, World, a_world

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
    | st.sampled_from(["tools/call", "list_tasks", "create_task", MODERN, "2.0"])
)
JSON = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "arguments", "_meta", "cursor", "title", "q", "id", "a"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
METHODS = st.sampled_from(
    ["initialize", "ping", "tools/list", "tools/call", "server/discover", "prompts/list", "no"]
)
CALLS = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["list_tasks", "create_task", "get_task", "list_team_tasks"]),
        "arguments": st.dictionaries(st.sampled_from(["title", "priority", "q", "id"]), JSON),
        "_meta": st.just(META),
    }
)
PARAMS = JSON | CALLS | st.dictionaries(st.text(max_size=3), JSON, max_size=2)
MESSAGES = JSON | st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0"), "method": METHODS | LEAVES},
    optional={"id": LEAVES, "params": PARAMS},
)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "mcp-protocol-version": st.sampled_from([MODERN, "2025-11-25", "2025-03-26", "?"]),
        "mcp-method": st.sampled_from(["tools/call", "tools/list", "=?base64?!?=", ""]),
        "mcp-name": st.sampled_from(["list_tasks", "create_task", "=?base64?AA==?=", ""]),
        "authorization": st.sampled_from(["Bearer x.y.z", "Bearer e30.e30.e30", "x"]),
    },
)


def require_sound(status: int, content: bytes) -> None:
    """Fail on an answer no input may produce."""
    assert status < 500
    for answer in [orjson.loads(content)] if content else []:
        for one in answer if isinstance(answer, list) else [answer]:
            error = one.get("error")
            assert not isinstance(error, dict) or error["code"] != -32603
            result = one.get("result", {})
            text = str(result.get("content", [{}])[0].get("text", "")) if result else ""
            assert "could not complete this call" not in text


@asynccontextmanager
async def fresh_world() -> AsyncIterator[World]:
    """Open a gateway for one round of examples."""
    with tempfile.TemporaryDirectory() as folder:
        async with a_world(Path(folder)) as world:
            yield world


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
@given(st.lists(st.tuples(MESSAGES | st.lists(MESSAGES, max_size=3), HEADERS), min_size=20))
def test_no_json_makes_an_internal_error(rounds: list[tuple[Any, dict[str, str]]]) -> None:
    async def knock() -> None:
        async with fresh_world() as world:
            for body, headers in rounds:
                answer = await world.post(body, headers=headers)
                require_sound(answer.status_code, answer.content)

    asyncio.run(knock())


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.lists(st.binary(max_size=200), min_size=20))
def test_no_bytes_make_an_internal_error(bodies: list[bytes]) -> None:
    async def knock() -> None:
        async with fresh_world() as world:
            for body in bodies:
                answer = await world.post(body)
                require_sound(answer.status_code, answer.content)
                token = body.hex() or "x"
                answer = await world.post(b"{}", token=token)
                require_sound(answer.status_code, answer.content)

    asyncio.run(knock())
