"""An answer with another tenant's record is withheld from the model."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from structlog.testing import capture_logs

from gatepost.scopes import TRACE
from mcp_gateway.http_client.port import HttpResponse
from mcp_gateway.pipeline.trace import TRACE_META
from support.in_process.gateway import API, World, a_world

BOTH = pytest.mark.parametrize("era", ["old", "new"])
CHECKS = """
  checked_tasks:
    operation: listTasks
    bind: {tenant_id: tenant_id}
    check: {"tasks[].org_id": tenant_id}
  own_tasks:
    operation: listTasks
    bind: {tenant_id: tenant_id}
    check: {"[].owner.id": sub, "[].team": data_scope.team}
  checked_query:
    graphql: {query: "query CheckedQuery { orders { org } }"}
    check: {"data.orders[].org": tenant_id}
"""


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    (tmp_path / "openapi.yaml").write_bytes((API / "openapi.yaml").read_bytes())
    manifest = tmp_path / "tools.yaml"
    manifest.write_text((API / "tools.yaml").read_text() + CHECKS)
    async with a_world(tmp_path, manifest=manifest) as opened:
        yield opened


def answer(world: World, body: Any, status: int = 200) -> None:
    """Set the API's answer."""
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    world.api.answer = lambda _: HttpResponse(status, "application/json", raw)


@BOTH
@pytest.mark.parametrize(
    "body",
    [
        {"tasks": [{"org_id": "org_acme"}, {"org_id": "org_globex", "title": "Merger"}]},
        {"tasks": [{"title": "Merger"}]},
        {"tasks": [{"org_id": None, "title": "Merger"}]},
        {"tasks": [{"org_id": ["org_acme"], "title": "Merger"}]},
        {"tasks": {"org_id": "org_acme", "title": "Merger"}},
        {"items": [{"org_id": "org_globex", "title": "Merger"}]},
        [{"org_id": "org_acme", "title": "Merger"}],
        b'{"tasks": [{"org_id": "org_acme", "title": "Merger"}',
        b'{"tasks": [{"org_id": "org_acme"}], "tasks": [{"org_id": "x", "title": "Merger"}]}',
        b"Merger",
    ],
)
async def test_another_tenants_row_in_an_answer_reaches_nobody_and_the_operator_is_told_a123(
    world: World, era: str, body: Any
) -> None:
    answer(world, body)
    with capture_logs() as logs:
        result = await world.call(era, "checked_tasks")
    record = world.records[-1]
    assert result["isError"] is True
    assert result["content"] == [
        {
            "type": "text",
            "text": "The API was called, but its answer may contain another tenant's data. It was "
            "withheld, and the operator was told. Calling again will not help. "
            f"Call id: {record['call_id']}",
        }
    ]
    assert "Merger" not in orjson.dumps(result).decode()
    assert (record["decision"], record["reason"]) == ("failed", "foreign_record")
    [alarm] = [line for line in logs if line["event"] == "foreign_record_withheld"]
    assert (alarm["log_level"], alarm["call_id"]) == ("error", record["call_id"])
    assert (alarm["tenant_id"], alarm["tool"]) == ("org_acme", "checked_tasks")
    assert "Merger" not in repr(alarm)


@pytest.mark.parametrize(
    "body",
    [
        {"tasks": [{"org_id": "org_acme"}, {"org_id": "org_acme"}]},
        {"tasks": []},
        {"tasks": None},
        {"tasks": [{"org_id": "org_acme", "title": "Tea\u200bm"}]},
    ],
)
async def test_rows_of_the_callers_own_tenant_come_through(world: World, body: Any) -> None:
    answer(world, body)
    result = await world.call("new", "checked_tasks")
    seen = orjson.loads(orjson.dumps(body).replace("\u200b".encode(), b""))
    assert (result["isError"], result["structuredContent"]) == (False, seen)


async def test_a_tenant_whose_id_is_a_number_in_the_api_is_known_by_its_digits(
    world: World,
) -> None:
    answer(world, {"tasks": [{"org_id": 42}]})
    for tenant, withheld in (("42", False), ("4", True), ("042", True)):
        result = await world.call("new", "checked_tasks", token=world.token(tenant_id=tenant))
        assert result["isError"] is withheld
    answer(world, {"tasks": [{"org_id": True}]})
    assert (await world.call("new", "checked_tasks", token=world.token(tenant_id="1")))["isError"]


@pytest.mark.parametrize(
    ("rows", "withheld"),
    [
        ([{"owner": {"id": "usr_ada"}, "team": "design"}], False),
        ([{"owner": {"id": "usr_ada"}, "team": "sales"}], True),
        ([{"owner": {"id": "usr_bo"}, "team": "design"}], True),
        ([{"owner": None, "team": "design"}], True),
    ],
)
async def test_every_place_is_checked_against_any_value_of_its_claim(
    world: World, rows: Any, withheld: bool
) -> None:
    answer(world, rows)
    token = world.token(data_scope="team:design team:engineering")
    assert (await world.call("new", "own_tasks", token=token))["isError"] is withheld


async def test_without_the_claim_to_check_against_nothing_is_sent(world: World) -> None:
    result = await world.call("new", "own_tasks", token=world.token(data_scope="region:eu"))
    assert (result["isError"], world.api.requests) == (True, [])
    assert world.records[-1]["reason"] == "claim_missing"


@BOTH
@pytest.mark.parametrize(
    "body",
    [
        b'{"tasks": [{"org_id": "x", "title": "Merger"}], "tasks": [{"org_id": "org_acme"}]}',
        b'{"tasks": [{"org_id": "x", "org_id": "org_acme"}], "tas\\u200bks": []}',
        b'{"tas\xe2\x80\x8bks": [{"org_id": "x", "title": "Merger"}], "tasks": []}',
    ],
)
async def test_a_member_that_occurs_twice_is_shown_as_it_was_checked(
    world: World, era: str, body: bytes
) -> None:
    answer(world, body)
    result = await world.call(era, "checked_tasks")
    shown = result["content"][0]["text"]
    assert result["isError"] is False
    assert ("Merger" in shown, "x" in shown, shown.count("tasks")) == (False, False, 1)


@pytest.mark.parametrize("status", [200, 201, 203, 206, 207, 226, 299])
@pytest.mark.parametrize("row", [{"org_id": "org_globex"}, {}])
async def test_every_successful_answer_is_checked_whatever_its_status(
    world: World, status: int, row: dict[str, str]
) -> None:
    answer(world, {"tasks": [{**row, "title": "Merger"}]}, status)
    result = await world.call("new", "checked_tasks")
    assert (result["isError"], "Merger" in orjson.dumps(result).decode()) == (True, False)
    assert world.records[-1]["reason"] == "foreign_record"


FOREIGN = {"org_id": "org_globex", "title": "Merger"}


@BOTH
@pytest.mark.parametrize("status", [409, 500])
@pytest.mark.parametrize(
    "body",
    [
        {"title": "Conflict", "errors": [FOREIGN]},
        {"title": "Conflict", "detail": {"existing": {"tasks": [FOREIGN]}}},
        {"tasks": [FOREIGN], "message": "Merger is in the way"},
        {"message": {"org_id": None, "title": "Merger"}},
        b'{"detail": {"org_id": "org_globex", "title": "Merger"}, "detail": "Merger", "org_id": 1}',
    ],
)
async def test_another_tenants_record_in_an_error_reaches_nobody_a123(
    world: World, era: str, status: int, body: Any
) -> None:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    world.api.answer = lambda _: HttpResponse(status, "application/problem+json", raw)
    with capture_logs() as logs:
        result = await world.call(era, "checked_tasks")
    assert result["isError"] is True
    assert "Merger" not in orjson.dumps(result).decode()
    assert [line["event"] for line in logs if line["log_level"] == "error"] == [
        "foreign_record_withheld"
    ]


@pytest.mark.parametrize(
    ("content_type", "body", "shown"),
    [
        ("application/json", b'{"message": "Taken", "errors": [{"org_id": "org_acme"}]}', "Taken"),
        ("application/json", b'{"detail": [{"loc": ["title"], "msg": "too long"}]}', "too long"),
        ("text/plain", b"Merger of Globex", ""),
        ("text/html", b"<p>Merger", ""),
    ],
)
async def test_an_error_without_foreign_records_is_told_if_it_can_be_checked(
    world: World, content_type: str, body: bytes, shown: str
) -> None:
    world.api.answer = lambda _: HttpResponse(409, content_type, body)
    text = (await world.call("new", "checked_tasks"))["content"][0]["text"]
    assert text.startswith("The API answered 409 Conflict.")
    assert (shown in text, "Merger" in text) == (True, False)


async def test_errors_beside_foreign_rows_of_a_query_are_withheld(world: World) -> None:
    foreign = {"orders": [{"org": "org_globex"}]}
    answer(world, {"data": foreign, "errors": [{"message": "Merger is late"}]})
    result = await world.call("new", "checked_query")
    assert "Merger" not in orjson.dumps(result).decode()
    assert world.records[-1]["reason"] == "foreign_record"


async def test_an_error_of_the_api_stays_an_error_of_the_api(world: World) -> None:
    answer(world, {"title": "Busy"}, 503)
    await world.call("new", "checked_tasks")
    assert world.records[-1]["reason"] == "upstream_status"
    answer(world, {"data": None, "errors": [{"message": "No such order"}]})
    result = await world.call("new", "checked_query")
    assert "No such order" in result["content"][0]["text"]
    answer(world, {"data": {"orders": [{"org": "org_globex"}]}})
    await world.call("new", "checked_query")
    assert world.records[-1]["reason"] == "foreign_record"


async def test_a_withheld_answer_is_not_in_a_trace_either(world: World) -> None:
    answer(world, {"tasks": [{"org_id": "org_globex", "title": "Merger"}]})

    result = await world.call("new", "checked_tasks", token=world.token(scope=f"mcp:read {TRACE}"))

    trace = result["_meta"][TRACE_META]
    assert (trace["steps"][-1]["step"], trace["answer"]) == ("check_response", "")
    assert trace["exchanges"][0]["status"] == 200
    assert "Merger" not in str(result)
