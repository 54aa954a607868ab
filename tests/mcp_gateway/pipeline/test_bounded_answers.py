"""Answers of any size, depth, charset or number of parts don't hold up the calls of others."""

from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from mcp_gateway.http_client.port import HttpResponse
from support.in_process.gateway import API, World, a_world
from support.in_process.loop_steps import watched_steps

MIB = 1 << 20
TOOLS = """
  few_fields:
    operation: listTasks
    bind: {tenant_id: tenant_id}
    shape: {fields: ["tasks[].id"], redact: ["tasks[].owner.mail"]}
  checked_tasks:
    operation: listTasks
    bind: {tenant_id: tenant_id}
    check: {"tasks[].org_id": tenant_id}
"""


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    (tmp_path / "openapi.yaml").write_bytes((API / "openapi.yaml").read_bytes())
    (tmp_path / "tools.yaml").write_text((API / "tools.yaml").read_text() + TOOLS)
    async with a_world(tmp_path, manifest=tmp_path / "tools.yaml") as opened:
        yield opened


def parts(number: int) -> bytes:
    """Write an answer of so many parts."""
    return b"".join(b"--b\r\n\r\n%d\r\n" % one for one in range(number)) + b"--b--"


def nested(depth: int) -> bytes:
    """Write parts within parts."""
    body = b"x"
    for level in range(depth):
        head = b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (level, level - 1)
        body = head + body + b"\r\n--b%d--" % level
    return body


@pytest.mark.parametrize("era", ["old", "new"])
@pytest.mark.parametrize(
    ("status", "content_type", "body", "said"),
    [
        (200, "text/plain; charset=punycode", b"a-" + b"z" * 500_000, "Cut: the first"),
        (200, "text/plain; charset=idna", b"a." * 200_000, "Cut: the first"),
        (200, "text/plain; charset=windows-1252", b"\x81" * 4 * MIB, "Cut: the first"),
        (200, "text/plain; charset=utf-16le", b"\x00\xd8" * MIB, "Cut: the first"),
        (200, "text/plain", b"\xe2\x80\x8b" * MIB, "Cut: the first"),
        (200, "multipart/mixed; boundary=b", parts(100_000), "more than 50 parts"),
        (200, "multipart/mixed; boundary=b1999", nested(2_000), "blob"),
        (200, "application/json", b"[" + b"[]," * (MIB + 1) + b"1]", "more than 200,000 values"),
        (200, "application/json", b"[" * 4 * MIB, "more than 200,000 values"),
        (200, "application/json", b'["\\u200b' + b"\xe2\x80\x8bx" * MIB + b'"]', "is cut"),
        (
            422,
            "application/json",
            orjson.dumps({"errors": [[["a-a." * 5] * 20] * 20] * 6}),
            "The API answered 422",
        ),
    ],
)
async def test_a_costly_answer_is_cut_or_refused(
    world: World, era: str, status: int, content_type: str, body: bytes, said: str
) -> None:
    world.api.answer = lambda _: HttpResponse(status, content_type, body)
    with watched_steps() as steps:
        result = await world.call(era, "list_tasks")
    assert steps.bounded
    assert said in orjson.dumps(result["content"]).decode()
    assert len(orjson.dumps(result)) < 200_000 or said == "blob"


@pytest.mark.parametrize("tool", ["few_fields", "checked_tasks"])
async def test_a_long_listing_is_read_while_other_calls_go_on(world: World, tool: str) -> None:
    owner = {"id": "usr_ada", "mail": "ada@acme.example"}
    tasks = [{"id": n, "owner": owner, "org_id": "org_acme", "n": "x" * 90} for n in range(20_000)]
    body = orjson.dumps({"tasks": tasks})
    world.api.answer = lambda _: HttpResponse(200, "application/json", body)
    with watched_steps() as steps:
        result = await world.call("new", tool)
    assert (steps.bounded, steps.longest < 0.2) == (True, True)
    assert "of 20000 items of tasks" in result["content"][1]["text"]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/plain; charset=unicode_escape", b"Team \\ud800"),
        ("text/plain; charset=utf-7", b"Team +2AA-"),
        ("text/plain; charset=utf-16", b"T\0e\0a\0m\0\x00\xd8"),
        ("application/json; charset=unicode_escape", b'"Team \\ud800"'),
        ("application/json", b'"Team \xed\xa0\x80"'),
        ("image/\udcff", b"Team"),
        (
            "multipart/mixed; boundary=b",
            b"--b\r\nContent-Type: image/\xff\xed\xa0\x80\r\n\r\nTeam\r\n--b--",
        ),
    ],
)
async def test_half_a_surrogate_pair_reaches_no_client(
    world: World, content_type: str, body: bytes
) -> None:
    world.api.answer = lambda _: HttpResponse(200, content_type, body)
    result = await world.call("new", "list_tasks")
    assert result["isError"] is False
    assert world.records[-1]["decision"] == "allowed"


async def test_parts_share_the_size_of_one_answer(world: World) -> None:
    part = b"--b\r\nContent-Type: text/plain\r\n\r\n" + b"line\n" * 8_000 + b"\r\n"
    body = part * 40 + b"--b--"
    world.api.answer = lambda _: HttpResponse(200, "multipart/mixed; boundary=b", body)
    result = await world.call("new", "list_tasks")
    assert sum(len(block["text"]) for block in result["content"]) < 80_000
    assert result["content"][-1]["text"].startswith("Cut: 2 of 40 parts are shown.")
