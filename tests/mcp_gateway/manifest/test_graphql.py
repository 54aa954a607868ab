"""Only the GraphQL operations that a manifest lists are tools."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import orjson
import pytest

from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.http_client.port import HttpResponse
from mcp_gateway.manifest.entries import ManifestError
from mcp_gateway.manifest.graphql import UnusableQuery, parse_query
from mcp_gateway.manifest.load import load_catalogue
from support.in_process.gateway import World, a_world

MANIFEST = """\
version: 1
name: Shop
tools:
  find_orders:
    title: Find orders
    description: Find the orders of your organisation by their state.
    graphql:
      path: /api/graphql
      query: |
        query FindOrders($org: ID!, $state: String, $first: Int = 10) {
          orders(org: $org, state: $state, first: $first) { id total }
        }
      variables:
        org: {type: string}
        state: {type: string, enum: [open, paid]}
        first: {type: integer, minimum: 1, maximum: 50}
    bind: {org: tenant_id}
  cancel_order:
    description: Cancel one order by its id.
    destructive: true
    graphql:
      query: "mutation CancelOrder($id: ID!) { cancelOrder(id: $id) { id } }"
      variables: {id: {type: string}}
  count_orders:
    description: Count every order there is.
    graphql: {query: "query CountOrders { orderCount }"}
"""


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[World]:
    manifest = tmp_path / "tools.yaml"
    manifest.write_text(MANIFEST)
    async with a_world(tmp_path, manifest=manifest) as opened:
        opened.api.answer = lambda _: HttpResponse(
            200, "application/json", b'{"data":{"orders":[]}}'
        )
        yield opened


async def test_a_call_posts_the_reviewed_query_with_the_variables_and_the_bound_claim(
    shop: World,
) -> None:
    result = await shop.call("new", "find_orders", {"state": "open"})
    assert result["structuredContent"] == {"data": {"orders": []}}
    [request] = shop.api.requests
    assert (request.method, request.url) == ("POST", "http://127.0.0.1:8402/api/graphql")
    assert shop.api.header("content-type") == "application/json"
    body = orjson.loads(request.body)
    assert body["variables"] == {"org": "org_acme", "state": "open"}
    assert body["operationName"] == "FindOrders"
    assert body["query"].startswith("query FindOrders(")


async def test_an_operation_without_variables_is_posted_too(shop: World) -> None:
    await shop.call("old", "count_orders")
    assert orjson.loads(shop.api.requests[-1].body)["variables"] == {}
    assert shop.api.header("content-type") == "application/json"


async def test_graphql_errors_become_a_tool_error_without_their_extensions(
    shop: World,
) -> None:
    answer = {"data": None, "errors": [{"message": "No order 7", "extensions": {"stack": "at x"}}]}
    shop.api.answer = lambda _: HttpResponse(200, "application/json", orjson.dumps(answer))
    result = await shop.call("new", "cancel_order", {"id": "7"})
    assert result["isError"] is True
    assert "No order 7" in result["content"][0]["text"]
    assert "stack" not in str(result)
    assert shop.records[-1]["reason"] == "graphql_error"


async def test_a_graphql_error_tells_no_model_how_the_server_is_made(shop: World) -> None:
    told = "No order 7 at db.internal:5432, password=hunter2\nTraceback (most recent call last)\n x"
    answer = {"errors": [{"message": told}, {"message": "<html><body>Down"}]}
    shop.api.answer = lambda _: HttpResponse(200, "application/json", orjson.dumps(answer))
    text = (await shop.call("new", "cancel_order", {"id": "7"}))["content"][0]["text"]
    assert "No order 7" in text
    assert not [word for word in ("internal", "hunter2", "Traceback", "html") if word in text]


async def test_variables_are_checked_before_anything_is_sent(shop: World) -> None:
    for arguments in ({"state": "lost"}, {"org": "org_globex"}, {"query": "{ all }"}):
        assert (await shop.call("new", "find_orders", arguments))["isError"] is True
    assert shop.api.requests == []


def test_a_query_reads_and_a_mutation_changes(tmp_path: Path) -> None:
    (tmp_path / "tools.yaml").write_text(MANIFEST)
    tools = load_catalogue(tmp_path / "tools.yaml").tools
    seen = {name: (t.read_only, t.destructive, t.scope) for name, t in tools.items()}
    assert seen == {
        "find_orders": (True, False, "mcp:read"),
        "count_orders": (True, False, "mcp:read"),
        "cancel_order": (False, True, "mcp:write"),
    }
    assert tools["cancel_order"].input_schema["required"] == ["id"]
    assert "required" not in tools["find_orders"].input_schema


Load = Callable[[str], Catalogue]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load_graphql(graphql: str) -> Catalogue:
        text = f"version: 1\nname: S\ntools:\n  a_tool:\n    graphql: {graphql}\n"
        (tmp_path / "tools.yaml").write_text(text)
        return load_catalogue(tmp_path / "tools.yaml")

    return load_graphql


@pytest.mark.parametrize(
    ("graphql", "message"),
    [
        ("{query: '{ orders }'}", "exactly one operation"),
        ("{query: 'query A { a } query B { b }'}", "exactly one operation"),
        ("{query: 'query { a }'}", "must name its operation"),
        ("{query: 'subscription S { a }'}", "is a subscription"),
        ("{query: 'query A($x: Int!) { a }'}", r"needs \$x"),
        ("{query: 'query A { a }', variables: {x: {}}}", r"doesn't declare \$x"),
        ("{query: 'query A($x: Int) { a }', variables: {x: {$ref: '#/x'}}}", r"\$ref"),
        ("{query: 'query A($x: Int) { a }', variables: {x: {type: 5}}}", "malformed at type"),
        (
            "{query: 'query A($x: Int) { a }', variables: {x: {pattern: '('}}}",
            "malformed at pattern",
        ),
        ("{query: 'query A { a }', path: '//evil.example/x?y'}", "must be a path"),
        ("{}", "query: missing"),
    ],
)
def test_a_query_that_cannot_be_a_tool_is_explained(load: Load, graphql: str, message: str) -> None:
    with pytest.raises(ManifestError, match=message) as refused:
        load(graphql)
    assert "tools.a_tool.graphql" in str(refused.value)


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("query Q($a: Int = 3, $b: [String!]!, $c: ID!) { x }", {"a": False, "b": True, "c": True}),
        ("query Q($a: Int!\n$b: Int) @live(every: 5) { x }", {"a": True, "b": False}),
        ('query Q($a: In! = {b: "$c: Int!"}) { x }', {"a": False}),
        ('# query No { x }\nquery Q { x(text: "query Z { }") }', {}),
        ("fragment F on X { y }\nquery Q { ...F }", {}),
    ],
)
def test_variables_are_read_as_graphql_writes_them(text: str, variables: dict[str, bool]) -> None:
    query = parse_query(text)
    assert (query.name, query.variables) == ("Q", variables)


def test_variables_in_a_form_that_cannot_be_read_are_refused() -> None:
    with pytest.raises(UnusableQuery, match="in a form"):
        parse_query("query Q($a Int) { x }")
