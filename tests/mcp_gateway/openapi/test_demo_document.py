"""The demo SaaS's own document: every operation is served correctly."""

from importlib.resources import files
from pathlib import Path

from click.testing import CliRunner

from mcp_gateway.importing.command import import_
from mcp_gateway.manifest.load import load_catalogue
from mcp_gateway.requests.serialise import serialise

DOCUMENT = str(files("demo_saas") / "openapi.json")


def test_the_demo_document_imports_fully_with_its_tenant_bound(tmp_path: Path) -> None:
    arguments = ["openapi", DOCUMENT, "--out", str(tmp_path), "--all", "--bind", "org_id=tenant_id"]
    result = CliRunner().invoke(import_, arguments)
    assert result.exit_code == 0, result.output
    assert "    0 refused" in result.output
    assert "looks like the tenant" not in result.output
    tools = load_catalogue(tmp_path / "tools.yaml").tools
    assert len(tools) >= 20
    assert not any("org_id" in tool.input_schema["properties"] for tool in tools.values())
    bound = [tool for tool in tools.values() if tool.bindings]
    assert len(bound) >= 20

    # The request of one tool of each kind.
    patch = tools["update_task"]
    values = {"org_id": "org_acme", "task_id": "t 1", "assignee": None}
    request = serialise(patch.operation, "http://u", values)
    assert request.method == "PATCH"
    assert request.url == "http://u/v1/orgs/org_acme/tasks/t%201"
    assert request.body == b'{"assignee":null}'
    form = tools["quick_add_task"].operation.body
    upload = tools["upload_attachment"].operation.body
    assert form is not None
    assert form.content_type == "application/x-www-form-urlencoded"
    assert upload is not None
    assert upload.content_type == "multipart/form-data"
    assert upload.files == {"file"}
    assert tools["delete_task"].destructive
    assert {"cursor", "limit"} <= tools["list_tasks"].input_schema["properties"].keys()
    assert tools["download_attachment"].operation.responses["200"] == ("application/octet-stream",)
