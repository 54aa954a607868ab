"""Fields that name a record's owner become checks at the import."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from mcp_gateway.importing.command import import_
from mcp_gateway.manifest.load import load_catalogue
from mcp_gateway.openapi.record_owners import find_owners
from mcp_gateway.results.fields import format_field
from support.in_process.documents import ReadDocument

TEXT = {"type": "string"}


def obj(*required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": properties}


def answering(schema: Any) -> dict[str, Any]:
    """An operation with this answer."""
    return {"responses": {"200": {"content": {"application/json": {"schema": schema}}}}}


ROW = obj("org_id", org_id=TEXT, title=TEXT)
SCHEMAS = {"Row": ROW, "Loop": obj("org_id", "next", org_id=TEXT)}
SCHEMAS["Loop"]["properties"]["next"] = {"$ref": "#/components/schemas/Loop"}


@pytest.mark.parametrize(
    ("schema", "places"),
    [
        (ROW, ["org_id"]),
        ({"$ref": "#/components/schemas/Row"}, ["org_id"]),
        ({"type": "array", "items": ROW}, ["[].org_id"]),
        (obj("items", items={"type": "array", "items": ROW}), ["items[].org_id"]),
        ({"allOf": [{"$ref": "#/components/schemas/Row"}, obj("id", id=TEXT)]}, ["org_id"]),
        (obj("data", data=ROW), ["data.org_id"]),
        (obj("org_id", org_id={"type": "integer"}), ["org_id"]),
        # The schema does not promise it in every answer, so a check would withhold valid ones.
        (obj("title", org_id=TEXT, title=TEXT), []),
        (obj(items={"type": "array", "items": ROW}), []),
        (obj("org_id", org_id={"type": ["string", "null"]}), []),
        (obj("org_id", org_id={"type": "string", "nullable": True}), []),
        (obj("data", data={"anyOf": [ROW, {"type": "null"}]}), []),
        (obj("org", org=TEXT), []),
        ({"$ref": "#/components/schemas/Gone"}, []),
        (True, []),
    ],
)
def test_only_members_of_every_answer_are_found(
    read: ReadDocument, schema: Any, places: list[str]
) -> None:
    document = read({"/x": {"get": answering(schema)}}, components={"schemas": SCHEMAS})
    found = find_owners(document, document.find("GET /x"), ["org_id"])
    assert [format_field(place) for place in found] == places


def test_a_schema_that_comes_back_to_itself_ends(read: ReadDocument) -> None:
    loop = {"$ref": "#/components/schemas/Loop"}
    document = read({"/x": {"get": answering(loop)}}, components={"schemas": SCHEMAS})
    assert 1 <= len(find_owners(document, document.find("GET /x"), ["org_id"])) <= 5


def test_an_import_that_binds_the_tenant_also_checks_the_answers(tmp_path: Path) -> None:
    org = {"name": "org_id", "in": "path", "required": True, "schema": TEXT}
    owner = {"name": "owner", "in": "query", "schema": TEXT}
    rows = obj(
        "items", items={"type": "array", "items": obj("org_id", "owner", org_id=TEXT, owner=TEXT)}
    )
    path = {"get": {"operationId": "listRows", "parameters": [org, owner], **answering(rows)}}
    (tmp_path / "api.json").write_text(
        json.dumps({"openapi": "3.1.0", "paths": {"/orgs/{org_id}/rows": path}})
    )
    command = ["openapi", str(tmp_path / "api.json"), "--out", str(tmp_path / "out")]
    bind = ["--bind", "org_id=tenant_id", "--bind", "owner=sub"]
    result = CliRunner().invoke(import_, [*command, *bind])
    assert result.exit_code == 0, result.output
    manifest = tmp_path / "out" / "tools.yaml"
    [tool] = yaml.safe_load(manifest.read_text())["tools"].values()
    assert tool["check"] == {"items[].org_id": "tenant_id"}
    assert len(load_catalogue(manifest).tools["list_rows"].checks) == 1
