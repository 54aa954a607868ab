"""Tools that agents asked for in vain become proposals for the manifest."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mcp_gateway.importing.command import import_
from mcp_gateway.importing.wanted import propose_tools

ID = [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}]
BEFORE: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Orbit"},
    "servers": [{"url": "https://api.orbit.example"}],
    "paths": {
        "/tasks": {
            "get": {"operationId": "listTasks", "summary": "List tasks"},
            "post": {"operationId": "createTask", "summary": "Create a task"},
        },
    },
}
ARCHIVE = {
    "/tasks/{id}/archive": {
        "post": {"operationId": "archiveTask", "summary": "Archive a task", "parameters": ID}
    }
}
SOAP = {
    "/tasks/import": {
        "post": {
            "operationId": "importTasks",
            "requestBody": {"content": {"application/soap+xml": {}}},
        }
    }
}


@pytest.fixture
def run(tmp_path: Path) -> Any:
    """Import an API, which then grows; propose tools for what agents tried."""
    source = tmp_path / "api.json"
    source.write_text(json.dumps(BEFORE))
    imported = CliRunner().invoke(import_, ["openapi", str(source), "--out", str(tmp_path)])
    assert imported.exit_code == 0, imported.output
    copy = next(tmp_path.glob("*openapi*"))
    copy.write_text(json.dumps({**BEFORE, "paths": {**BEFORE["paths"], **ARCHIVE, **SOAP}}))

    def propose(*attempts: dict[str, Any] | str) -> Result:
        text = attempts[0] if isinstance(attempts[0], str) else json.dumps(attempts)
        return CliRunner().invoke(
            propose_tools, ["-", "--manifest", str(tmp_path / "tools.yaml")], input=text
        )

    return propose


def tried(*names: str, times: int = 3, kind: str = "missing") -> dict[str, Any]:
    """What `gatepost usage intent --json` prints of one attempt."""
    return {"kind": kind, "names": names, "words": [], "errors": [], "similar": [], "times": times}


def test_an_operation_that_the_manifest_lacks_is_written_as_an_entry(run: Any) -> None:
    done = run(tried("archive_tasks", "taskArchive"))

    assert done.exit_code == 0, done.output
    assert done.stdout == (
        "# Asked for 3 times: archive_tasks, taskArchive\n"
        "  archive_task:\n"
        "    operation: POST /tasks/{id}/archive\n"
        "    title: Archive a task\n"
        "    description: Archive a task.\n"
        "    scope: mcp:write\n"
        "    idempotent: true\n"
        "    expose: false\n\n"
    )


def test_an_entry_that_is_not_exposed_is_named(run: Any) -> None:
    done = run(tried("new_task", times=2), tried("add_task", times=5))

    assert "# Asked for 7 times: new_task, add_task" in done.stdout
    assert "has it as create_task; remove `expose: false` to serve it." in done.stdout


def test_an_operation_that_cannot_be_served_is_told_with_the_reason(run: Any) -> None:
    assert "# POST /tasks/import can't be served: " in run(tried("import_task")).stdout


@pytest.mark.parametrize(
    "attempt", [tried("listTask"), tried("send_rocket"), tried("archive_task", kind="invalid")]
)
def test_what_is_served_or_unlike_every_operation_is_not_proposed(run: Any, attempt: Any) -> None:
    done = run(attempt)

    assert (done.exit_code, done.stdout) == (0, "")
    assert "No operation that isn't served matches" in done.stderr


@pytest.mark.parametrize(
    "text", ["", "[{}]", '[{"kind": 1}]', "{", '[{"kind":"missing","names":[],"times":1}]']
)
def test_another_file_is_refused_in_words(run: Any, text: str) -> None:
    done = run(text)

    assert done.exit_code == 1
    assert "this is not the output of `gatepost usage intent --json`" in done.stderr
