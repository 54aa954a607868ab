"""What a document says of jobs in `x-mcp` comes into the manifest, or is told to be wrong."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gatepost.document import read_document
from mcp_gateway.importing.command import import_

ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
# One operation is called as the field that holds the state of a job.
TASK: dict[str, Any] = {
    "status": "state",
    "cancel": "stopReport",
    "id": "id",
    "state": "state",
    "states": {"completed": ["done"]},
}


def run(folder: Path, task: Any, *options: str) -> tuple[str, Any]:
    """Import an API whose document says this of its job; return the report and the entry's task."""
    paths = {
        "/reports": {"post": {"operationId": "createReport", "x-mcp": {"task": task}}},
        "/reports/{id}": {
            "parameters": [ID],
            "get": {"operationId": "state"},
            "delete": {"operationId": "stopReport"},
        },
    }
    document = {"openapi": "3.1.0", "info": {"title": "Reports"}, "paths": paths}
    (folder / "api.json").write_text(json.dumps(document))
    out = folder / "out"
    done = CliRunner().invoke(
        import_, ["openapi", str(folder / "api.json"), "--out", str(out), "--all", *options]
    )
    assert done.exit_code == 0, done.output
    return done.output, read_document(out / "tools.yaml")["tools"]["create_report"].get("task")


def test_operations_are_named_as_their_tools_and_fields_stay_fields(tmp_path: Path) -> None:
    report, task = run(tmp_path, TASK)
    assert task == {**TASK, "status": "get_state", "cancel": "stop_report"}
    assert "x-mcp" not in report


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("state", "task: must be a mapping"),
        ({**TASK, "status": "gone"}, "task.status: gone is not another tool"),
        ({**TASK, "status": "createReport"}, "task.status: create_report is not another tool"),
        ({**TASK, "poll": 0}, "task.poll: must be a whole number from 1 to 3600"),
        ({**TASK, "poll": 90, "ttl": 60}, "task.poll: must be shorter than `ttl`"),
        ({**TASK, "cancel": "state"}, "task.cancel: get_state only reads; name a tool that ends"),
    ],
)
def test_a_wrong_task_is_told_and_left_out(tmp_path: Path, wrong: Any, said: str) -> None:
    report, task = run(tmp_path, wrong)
    assert task is None
    [line] = [line for line in report.splitlines() if "x-mcp" in line]
    assert line.strip().startswith(f"create_report: x-mcp.{said}")
    assert line.endswith("; the task is left out")


def test_a_task_whose_tools_are_not_imported_is_told_and_left_out(tmp_path: Path) -> None:
    report, task = run(tmp_path, TASK, "--method", "post")
    assert task is None
    assert "create_report: x-mcp.task.status: get_state is not imported; the task" in report
