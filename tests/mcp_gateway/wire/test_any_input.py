"""The gateway answers any input by its protocol: never a 500, never -32603."""

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.in_process.gateway import API, META, MODERN, World, a_world

KEYS = (
    *("name", "arguments", "_meta", "cursor", "title", "q", "id", "a", "ref", "uri", "argument"),
    *("value", "type", "inputResponses", "requestState", "action", "content", "confirm", "words"),
    *("progressToken", "level"),
)
CALLED = ("tools/call", "prompts/get", "resources/read", "completion/complete")
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
            st.sampled_from(KEYS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
METHODS = st.sampled_from(
    [
        *("initialize", "ping", "tools/list", "server/discover", "prompts/list", "no"),
        *("resources/list", "resources/templates/list", "logging/setLevel"),
        *CALLED,
    ]
)
CALLS = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["list_tasks", "create_task", "get_task", "list_team_tasks"]),
        "arguments": st.dictionaries(st.sampled_from(["title", "priority", "q", "id"]), JSON),
        "_meta": st.just(META),
    }
)
EAGER: dict[str, Any] = {"elicitation": {}, "sampling": {}}
ASKED = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["delete_task", "create_task", "draft_task", "plan_week"]),
        "_meta": st.fixed_dictionaries(
            {
                "io.modelcontextprotocol/protocolVersion": st.just(MODERN),
                "io.modelcontextprotocol/clientCapabilities": st.just(EAGER) | JSON,
            },
            optional={"progressToken": JSON, "io.modelcontextprotocol/logLevel": JSON},
        ),
    },
    optional={
        "arguments": st.dictionaries(st.sampled_from(["id", "title", "priority", "team"]), JSON),
        "inputResponses": JSON
        | st.dictionaries(
            st.sampled_from(["confirm", "title", "priority", "words", "arguments"]),
            JSON | st.fixed_dictionaries({"action": st.just("accept"), "content": JSON}),
        ),
        "requestState": JSON,
        "uri": st.sampled_from(["tracker://guide", "tracker://tasks/1", "tracker://tasks/%ff", ""]),
        "ref": st.just({"type": "ref/prompt", "name": "plan_week"}) | JSON,
        "argument": st.just({"name": "team", "value": "d"}) | JSON,
    },
)
PARAMS = JSON | CALLS | ASKED | st.dictionaries(st.text(max_size=3), JSON, max_size=2)
NEARLY_RIGHT = st.fixed_dictionaries(
    {
        "jsonrpc": st.just("2.0"),
        "id": st.just(1),
        "method": st.sampled_from(CALLED),
        "params": CALLS | ASKED,
    }
)
MESSAGES = (
    NEARLY_RIGHT
    | JSON
    | st.fixed_dictionaries(
        {"jsonrpc": st.just("2.0"), "method": METHODS | LEAVES},
        optional={"id": LEAVES, "params": PARAMS},
    )
)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "mcp-protocol-version": st.sampled_from([MODERN, "2025-11-25", "2025-03-26", "?"]),
        "mcp-method": st.sampled_from(["tools/call", "tools/list", "=?base64?!?=", ""]),
        "mcp-name": st.sampled_from(["list_tasks", "create_task", "=?base64?AA==?=", ""]),
        "mcp-session-id": st.sampled_from(["x", "AAAA", ""]),
        "mcp-param-search": st.sampled_from(["x", "=?base64?!?=", ""]),
        "accept": st.sampled_from(["application/json", "*/*", "text/html", ",;"]),
        "content-type": st.sampled_from(["application/json", "text/plain", ";"]),
        "authorization": st.sampled_from(["Bearer x.y.z", "Bearer e30.e30.e30", "x"]),
    },
)


def require_sound(status: int, content: bytes) -> None:
    """Fail on an answer that no input may cause."""
    assert status < 500
    events = content.startswith((b"data: ", b": "))
    texts = re.findall(rb"^data: (.+)$", content, re.MULTILINE) if events else [content]
    for answer in [orjson.loads(text) for text in texts if text]:
        for one in answer if isinstance(answer, list) else [answer]:
            error = one.get("error")
            assert not isinstance(error, dict) or error["code"] != -32603
            assert "could not complete this call" not in str(one.get("result"))


@asynccontextmanager
async def fresh_world() -> AsyncIterator[World]:
    """Open a gateway for one round of examples."""
    with tempfile.TemporaryDirectory() as folder:
        async with a_world(Path(folder), manifest=API / "talking.yaml") as world:
            yield world


def consistent(body: Any, headers: dict[str, str]) -> Any:
    """Let most requests of the newer era pass its first check, so that later ones are met."""
    if headers.get("mcp-protocol-version") == MODERN and isinstance(body, dict):
        method, params = body.get("method"), body.get("params")
        if "mcp-method" not in headers and isinstance(method, str) and method.isascii():
            headers["mcp-method"] = "".join(c for c in method if c.isprintable())
        named = "uri" if method == "resources/read" else "name"
        name = params.get(named) if isinstance(params, dict) else None
        if "mcp-name" not in headers and isinstance(name, str) and name.isascii():
            headers["mcp-name"] = "".join(c for c in name if c.isprintable())
    return body


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
@given(st.lists(st.tuples(MESSAGES | st.lists(MESSAGES, max_size=3), HEADERS), min_size=20))
def test_no_json_makes_an_internal_error_a156(rounds: list[tuple[Any, dict[str, str]]]) -> None:
    async def knock() -> None:
        async with fresh_world() as world:
            for body, headers in rounds:
                answer = await world.post(consistent(body, headers), headers=headers)
                require_sound(answer.status_code, answer.content)

    asyncio.run(knock())


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.lists(st.binary(max_size=200), min_size=20))
def test_no_bytes_make_an_internal_error_a156(bodies: list[bytes]) -> None:
    async def knock() -> None:
        async with fresh_world() as world:
            for body in bodies:
                answer = await world.post(body)
                require_sound(answer.status_code, answer.content)
                token = body.hex() or "x"
                answer = await world.post(b"{}", token=token)
                require_sound(answer.status_code, answer.content)

    asyncio.run(knock())


def nested(levels: int, inner: Any = 1) -> Any:
    """Wrap a value in so many lists."""
    for _ in range(levels):
        inner = [inner]
    return inner


@pytest.mark.parametrize("era", ["2025-11-25", MODERN])
@pytest.mark.parametrize("tool", ["list_tasks", "create_task", "delete_task", "draft_task", "none"])
async def test_a_value_with_the_deepest_allowed_nesting_is_answered_a156(
    era: str, tool: str
) -> None:
    deep = nested(190)
    async with fresh_world() as world:
        for place in ("arguments", "inputResponses", "requestState", "_meta", "more"):
            usual: dict[str, Any] = META if era == MODERN else {}
            params: dict[str, Any] = {"name": tool, "_meta": usual}
            if place == "_meta":
                params["_meta"] = {**usual, "progressToken": deep, "more": deep}
            else:
                params[place] = {"title": deep, "id": deep, "confirm": deep}
            body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
            headers = {"mcp-protocol-version": era}
            answer = await world.post(consistent(body, headers), headers=headers)
            require_sound(answer.status_code, answer.content)
        answer = await world.post({"jsonrpc": "2.0", "id": "ask.1", "result": {"content": deep}})
        require_sound(answer.status_code, answer.content)


@pytest.mark.parametrize("levels", [201, 254, 255, 300, 1024])
async def test_a_call_nested_deeper_than_can_be_written_again_is_refused_a156(levels: int) -> None:
    call = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_tasks",'
    inner = levels - 3
    async with fresh_world() as world:
        answer = await world.post(
            call + b'"arguments":{"q":' + b"[" * inner + b"]" * inner + b"}}}"
        )
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, -32700)
    assert error["message"] == "The body is nested deeper than 200 levels"
