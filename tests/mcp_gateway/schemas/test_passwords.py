"""Models are never asked for a password."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from click.testing import CliRunner

from mcp_gateway.catalogue.tool import Tool
from mcp_gateway.importing.command import import_
from mcp_gateway.review.lint.passwords import asks_for_password
from mcp_gateway.schemas.passwords import find_password

TEXT = {"type": "string"}


def an_object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


@pytest.mark.parametrize(
    "schema",
    [
        an_object(secret={"type": "string", "format": "password"}),
        an_object(newPassword=TEXT),
        an_object(user=an_object(passwd={"type": ["string", "null"]})),
        an_object(users={"type": "array", "items": an_object(password_confirmation=TEXT)}),
        an_object(who={"anyOf": [TEXT, an_object(passphrase=TEXT)]}),
        {**an_object(who={"$ref": "#/$defs/Who"}), "$defs": {"Who": an_object(password=TEXT)}},
    ],
)
def test_an_argument_for_a_password_is_found_wherever_it_hides(schema: dict[str, Any]) -> None:
    assert find_password(schema)


@pytest.mark.parametrize(
    "schema",
    [
        an_object(reset_password={"type": "boolean"}),
        an_object(password_policy=TEXT),
        {**an_object(kind=TEXT), "$defs": {"Password": an_object(length={"type": "integer"})}},
    ],
)
def test_a_text_about_passwords_is_not_a_password(schema: dict[str, Any]) -> None:
    assert find_password(schema) is None


def test_a_password_deep_in_a_schema_too_large_to_show_is_known_all_the_same(
    tool_of: Callable[..., Tool],
) -> None:
    deep = an_object(password=TEXT, note={"type": "string", "description": "x" * 40_000})
    for _ in range(9):
        deep = an_object(inner=deep, **{f"field_{n}": an_object(a=TEXT) for n in range(120)})
    body = {"content": {"application/json": {"schema": an_object(settings=deep)}}}
    tool = tool_of({"requestBody": body})
    assert find_password(tool.input_schema) is None
    assert asks_for_password(tool) == "settings"


def test_an_operation_that_asks_for_a_password_is_never_exposed_and_the_report_says_why(
    tmp_path: Path,
) -> None:
    body = {"content": {"application/json": {"schema": an_object(email=TEXT, password=TEXT)}}}
    paths = {"/sessions": {"post": {"operationId": "createSession", "requestBody": body}}}
    (tmp_path / "api.json").write_bytes(orjson.dumps({"openapi": "3.1.0", "paths": paths}))
    arguments = ["openapi", str(tmp_path / "api.json"), "--out", str(tmp_path / "out"), "--all"]
    result = CliRunner().invoke(import_, arguments)
    assert result.exit_code == 0, result.output
    assert "create_session: it asks for a password (password)" in result.output
    written = yaml.safe_load((tmp_path / "out" / "tools.yaml").read_text())
    assert written["tools"]["create_session"]["expose"] is False
