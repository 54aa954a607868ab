"""A folder with a manifest and its document, in which to run `gatepost tools`."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mcp_gateway.cli import tools as tools_command

TEXT = {"type": "string"}
PAGE = [
    {"name": name, "in": "query", "description": f"The {name}.", "schema": TEXT}
    for name in ("cursor", "limit")
]
ID = {"name": "id", "in": "path", "required": True, "description": "The id.", "schema": TEXT}
API: dict[str, Any] = {
    "openapi": "3.1.0",
    "paths": {
        "/tasks": {
            "get": {
                "operationId": "listTasks",
                "summary": "List tasks",
                "description": "List the tasks of your organisation, newest first.",
                "parameters": PAGE,
            },
            "post": {
                "operationId": "createTask",
                "summary": "Create task",
                "description": "Create a task in your organisation.",
                "requestBody": {
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "required": ["title"],
                                "properties": {
                                    "title": {**TEXT, "description": "The work to do."},
                                    "owner": {**TEXT, "description": "The owner."},
                                },
                            }
                        }
                    }
                },
            },
        },
        "/tasks/{id}": {
            "parameters": [ID],
            "delete": {
                "operationId": "deleteTask",
                "summary": "Delete task",
                "description": "Permanently delete one of your tasks.",
            },
        },
    },
}
TOOLS = """\
  list_tasks: {operation: listTasks}
  create_task: {operation: createTask}
  delete_task: {operation: deleteTask}
"""


class Review:
    """The files that a person reviews."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.api: dict[str, Any] = json.loads(json.dumps(API))
        self.tools = TOOLS

    def run(self, *arguments: str, head: str = "") -> Result:
        """Write the current files, and run one command."""
        (self.path / "openapi.json").write_text(json.dumps(self.api))
        text = f"version: 1\nname: Orbit\nopenapi: openapi.json\n{head}tools:\n{self.tools}"
        (self.path / "tools.yaml").write_text(text)
        options = ["--manifest", str(self.path / "tools.yaml")]
        result = CliRunner().invoke(tools_command, [*arguments, *options])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        return result

    def operation(self, path: str, method: str) -> Any:
        """One operation of the document, to change."""
        return self.api["paths"][path][method]


@pytest.fixture
def review(tmp_path: Path) -> Review:
    return Review(tmp_path)
