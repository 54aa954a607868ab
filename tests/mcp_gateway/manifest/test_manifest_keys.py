"""Every key of a manifest: its effect, and the error of a wrong value."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.data_scope import MalformedDataScope, parse_data_scope
from gatepost.document import parse_document
from mcp_gateway.catalogue.catalogue import Catalogue, fingerprint
from mcp_gateway.catalogue.meta_tools import META_TOOLS
from mcp_gateway.catalogue.tool import (
    DeclaredPagination,
    Lifecycle,
    ResponseCheck,
    Shape,
    ToolLimits,
    publish_tool,
)
from mcp_gateway.manifest.entries import ManifestError
from mcp_gateway.manifest.load import load_catalogue
from mcp_gateway.manifest.schema import SCHEMA, claim_problem, manifest_problems
from mcp_gateway.results.fields import PLACE_PATTERN, format_field, parse_field

TEXT = {"type": "string"}
API = {
    "openapi": "3.1.0",
    "paths": {
        "/tasks": {
            "get": {
                "operationId": "listTasks",
                "parameters": [
                    {"name": name, "in": "query", "schema": TEXT} for name in ("cursor", "limit")
                ],
            },
            "post": {
                "operationId": "createTask",
                "requestBody": {
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "properties": {"done": {"type": "boolean"}},
                            }
                        }
                    }
                },
            },
        },
        "/tasks/{id}": {
            "get": {
                "operationId": "getTask",
                "parameters": [{"name": "id", "in": "path", "required": True, "schema": TEXT}],
            }
        },
    },
}
HEAD = "version: 1\nname: Orbit\nopenapi: openapi.json\ntools:\n"
Load = Callable[[str], Catalogue]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load a manifest with these lines under `tools:`."""

    def load_text(text: str) -> Catalogue:
        (tmp_path / "openapi.json").write_text(json.dumps(API))
        (tmp_path / "tools.yaml").write_text(HEAD + text)
        return load_catalogue(tmp_path / "tools.yaml")

    return load_text


def test_r21_a_tool_contains_the_settings_for_its_answer(load: Load) -> None:
    tool = load(
        """
        list_tasks:
          operation: listTasks
          check: {"tasks[].org_id": tenant_id, owner: sub}
          shape:
            fields: ["tasks[].id", "tasks[].owner.name"]
            redact: ["tasks[].owner.email"]
            paging: {argument: cursor, next: meta.next, size: limit, most: 50}
        """
    ).tools["list_tasks"]
    assert tool.checks == (
        ResponseCheck(("tasks", "[]", "org_id"), "tenant_id"),
        ResponseCheck(("owner",), "sub"),
    )
    assert tool.shape == Shape(
        fields=(("tasks", "[]", "id"), ("tasks", "[]", "owner", "name")),
        redact=(("tasks", "[]", "owner", "email"),),
        paging=DeclaredPagination("cursor", ("meta", "next"), "limit", 50),
    )


def test_limits_cost_and_confirmation_are_known_to_the_tool(load: Load) -> None:
    tools = load(
        """
        a_tool: {operation: createTask, billing: {meter: exports, units: 5, when: always}, limits: {per_minute: 10, concurrent: 2}}
        asks: {operation: createTask, title: Create a task, confirm: true}
        asks_so: {operation: createTask, confirm: "Really?"}
        """
    ).tools
    assert (tools["a_tool"].billing, tools["a_tool"].limits) == (
        ("exports", 5, "always"),
        ToolLimits(10, 2),
    )
    assert tools["a_tool"].confirm is None
    assert tools["asks"].confirm == "Allow this: Create a task?"
    assert tools["asks_so"].confirm == "Really?"
    assert tools["asks"].billing == ("calls", 1, "success")


def test_a_model_is_told_that_a_tool_is_deprecated_and_its_replacement(load: Load) -> None:
    tools = load(
        """
        list_tasks:
          operation: listTasks
          description: List tasks.
          version: "1"
          sunset: 2027-06-30
          replaced_by: find_tasks
        find_tasks: {operation: listTasks, version: "2"}
        """
    ).tools
    old = tools["list_tasks"]
    assert old.lifecycle == Lifecycle("1", True, date(2027, 6, 30), "find_tasks")
    assert old.description == (
        "List tasks.\n\nDeprecated. Use find_tasks instead. It is served until 2027-06-30."
    )
    assert not tools["find_tasks"].lifecycle.deprecated


def test_prompts_and_resources_are_part_of_the_catalogue(load: Load, tmp_path: Path) -> None:
    (tmp_path / "guide.md").write_text("# Guide\n")
    catalogue = load(
        """
  a_tool: {operation: listTasks}
prompts:
  plan_week:
    title: Plan a week
    arguments: {team: {description: Whose week., required: true}, tone: {}}
    text: "Plan the week of {{team}}, {{ tone }}."
resources:
  guide: {file: guide.md, description: How to write tasks.}
  motto: {text: Ship it., mime_type: text/plain}
"""
    )
    prompt = catalogue.prompts["plan_week"]
    assert [(a.name, a.required) for a in prompt.arguments] == [("team", True), ("tone", False)]
    assert prompt.fill({"team": "{{tone}}", "tone": "calmly"}) == (
        "Plan the week of {{tone}}, calmly."
    )
    guide = catalogue.resources["guide"]
    assert (guide.title, guide.mime_type, guide.text) == ("Guide", "text/markdown", "# Guide\n")
    assert guide.uri == "gatepost:resources/guide"
    assert catalogue.hash != load("  a_tool: {operation: listTasks}").hash


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("  t: {operation: listTasks, check: {}}", r"tools\.t\.check: must be a mapping of field"),
        ("  t: {operation: listTasks, check: {a..b: sub}}", r"check\.a\.\.b: is not a field"),
        ("  t: {operation: listTasks, check: {a: me}}", "'me' is not a claim"),
        ("  t: {operation: listTasks, fill: {limit: 5}}", r"fill\.limit: must be a mapping"),
        ("  t: {operation: listTasks, fill: {limit: {}}}", "`credential` or `value` or `omit`"),
        ("  t: {operation: listTasks, fill: {limit: {omit: false}}}", "omit: must be true"),
        ("  t: {operation: listTasks, fill: {limits: {value: a}}}", "did you mean limit"),
        (
            "  t: {operation: listTasks, bind: {limit: sub}, fill: {limit: {value: a}}}",
            "a claim fills it",
        ),
        ("  t: {operation: listTasks, fill: {limit: {value: 5}}}", r"limit\.value: must be "),
        ("  t: {operation: getTask, fill: {id: {omit: true}}}", "requires it; set `credential`"),
        (
            "  t: {operation: createTask, fill: {done: {credential: c}}}",
            "wants boolean in its body",
        ),
        ("  t: {operation: listTasks, shape: {field: [a]}}", "did you mean fields"),
        ("  t: {operation: listTasks, shape: {redact: a}}", "must be a list of fields"),
        ("  t: {operation: listTasks, shape: {redact: ['a b']}}", "'a b' is not a field"),
        ("  t: {operation: listTasks, shape: [a]}", r"tools\.t\.shape: must be a mapping"),
        (
            "  t: {operation: listTasks, shape: {paging: {argument: page, next: n}}}",
            "no argument 'page'; it has cursor, limit",
        ),
        ("  t: {operation: listTasks, shape: {paging: {next: n}}}", r"paging\.argument: missing"),
        ("  t: {operation: listTasks, limits: {per_minute: 0}}", "a whole number from 1"),
        ("  t: {operation: listTasks, billing: {units: 1.5}}", "a whole number from 1"),
        ("  t: {operation: listTasks, confirm: ''}", "true, false or the question"),
        ("  t: {operation: listTasks, sunset: soon}", "must be a date, such as 2027-06-30"),
        ("  t: {operation: listTasks, sunset: 2027-02-30}", "a calendar date"),
        ("  t: {operation: listTasks, replaced_by: t}", "t is not another tool"),
        ("  t: {operation: listTasks, replaced_by: u}", "there is no tool u"),
        (
            "  t: {operation: listTasks, replaced_by: u}\n  u: {operation: listTasks, expose: false}",
            "u is not another tool that is exposed",
        ),
        (
            "  t: {operation: listTasks, sunset: 2027-01-01, deprecated: false}",
            "is always deprecated",
        ),
        ("  t: {operation: listTasks, destructive: true}", "can't be destructive"),
        ("  t: {operation: listTasks, graphql: {query: 'query A {a}'}}", "either `operation` or"),
        ("  t: {operation: listTasks}\nhosts: ['https://x']", r"hosts\.0: must be a list of hosts"),
        ("  t: {operation: listTasks}\nsearch_above: 0", "a whole number from 1"),
        ("  t: {operation: listTasks}\nprompts: {p: {text: 'a {{b}}'}}", r"\{\{b\}\} is not among"),
        (
            "  t: {operation: listTasks}\nprompts: {p: {text: a, arguments: {b: {}}}}",
            "the text doesn't use it",
        ),
        ("  t: {operation: listTasks}\nresources: {r: {}}", "either `text` or `file`"),
        ("  t: {operation: listTasks}\nresources: {r: {file: gone.md}}", "can't be read"),
        (
            "  t: {operation: listTasks}\nresources: {r: {file: ../x}}",
            "must be beside the manifest",
        ),
        ("  t: {operation: listTasks}\nresources: {'a b': {text: x}}", "1 to 64 letters"),
    ],
)
def test_a_wrong_key_is_named_with_the_fix(load: Load, text: str, message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        load(text)


def test_r22_an_entry_for_a_stale_argument_or_operation_does_not_load(load: Load) -> None:
    with pytest.raises(ManifestError, match="does not have an operation 'removed'"):
        load("  t: {operation: removed}")
    with pytest.raises(ManifestError, match="the operation does not have this argument"):
        load("  t: {operation: listTasks, bind: {gone: sub}}")


def test_r24_a_catalogue_is_loaded_whole_or_not_at_all_and_each_tool_has_its_hash(
    load: Load,
) -> None:
    with pytest.raises(ManifestError):
        load("  good: {operation: listTasks}\n  bad: {operation: gone}")
    one = load("  a: {operation: listTasks}\n  b: {operation: createTask}")
    other = load("  a: {operation: listTasks}\n  b: {operation: createTask, billing: {units: 2}}")
    same, changed = (
        fingerprint(one.tools[name]) == fingerprint(other.tools[name]) for name in ("a", "b")
    )
    assert (same, changed) == (True, False)
    assert one.hash != other.hash


def test_a_tool_says_all_four_hints_and_reaches_beyond_the_api_only_if_the_manifest_says_so(
    load: Load,
) -> None:
    """A client takes a missing `openWorldHint` for true; directories refuse tools without it."""
    tools = load(
        "  a: {operation: listTasks}\n  b: {operation: createTask, open_world: true}"
    ).tools
    hints = [publish_tool(tools[name])["annotations"] for name in ("a", "b")]
    hints += [meta.published["annotations"] for meta in META_TOOLS.values()]
    names = {"readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"}
    for hint in hints:
        assert {name for name, value in hint.items() if isinstance(value, bool)} == names
    assert [hint["openWorldHint"] for hint in hints] == [False, True, False, False, False]


def test_the_schema_for_editors_is_valid_and_describes_every_key() -> None:
    jsonschema_rs.meta.validate(SCHEMA)
    stack = [("", SCHEMA)]
    while stack:
        place, schema = stack.pop()
        for name, child in schema.get("properties", {}).items():
            assert child.get("description"), f"{place}.{name} has no description"
            stack.append((f"{place}.{name}", child))
        if isinstance(schema.get("additionalProperties"), dict):
            stack.append((f"{place}.*", schema["additionalProperties"]))


KEYS = [*SCHEMA["properties"], "tool", "x-y"]
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(0, 3), st.text("ab{}./ ", max_size=4))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(
            st.sampled_from(
                ["operation", "graphql", "query", "text", "bind", "check", "shape", "a", "toolsets"]
            ),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5))
def test_any_manifest_that_is_wrong_for_editors_is_explained_and_no_other(
    source: dict[str, object],
) -> None:
    problems = manifest_problems(source)
    assert bool(problems) != jsonschema_rs.is_valid(SCHEMA, source)
    assert all(": " in problem for problem in problems)


@given(st.text("abz_09.AZ- ", max_size=40))
def test_a_claim_can_be_bound_where_the_data_scope_has_such_a_kind(kind: str) -> None:
    try:
        is_kind = parse_data_scope(f"{kind}:any").kinds.keys() == {kind}
    except MalformedDataScope:
        is_kind = False
    assert (claim_problem(f"data_scope.{kind}") is None) == is_kind


@given(st.from_regex(PLACE_PATTERN, fullmatch=True))
def test_any_place_in_an_answer_is_written_as_it_was_read(text: str) -> None:
    assert format_field(parse_field(text)) == text


def test_yaml_and_json_manifests_are_the_same(tmp_path: Path) -> None:
    (tmp_path / "openapi.json").write_text(json.dumps(API))
    (tmp_path / "tools.yaml").write_text(
        f"{HEAD}  t: {{operation: listTasks, billing: {{units: 3}}}}"
    )
    source = parse_document((tmp_path / "tools.yaml").read_bytes())
    (tmp_path / "tools.json").write_text(json.dumps(source))
    hashes = {load_catalogue(tmp_path / name).hash for name in ("tools.yaml", "tools.json")}
    assert len(hashes) == 1
