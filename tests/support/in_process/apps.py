"""A manifest of the demo SaaS with an app of each view, and its pages."""

import json
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any

from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.manifest.load import load_catalogue
from mcp_gateway.server_features.apps import write_app

ALL = frozenset(["@read", "@write"])
MANIFEST = """\
version: 1
name: Orbit
openapi: openapi.json
tools:
  list_tasks:
    operation: listTasks
    bind: {org_id: tenant_id}
    app: {view: table, title: Tasks, row: get_task, submit: create_task}
  get_task:
    operation: getTask
    bind: {org_id: tenant_id}
    app: {view: card, title: Task, submit: update_task}
  create_task:
    operation: createTask
    title: Create a task
    bind: {org_id: tenant_id}
    app: {view: form, title: New task}
  update_task:
    operation: updateTask
    title: Change the task
    bind: {org_id: tenant_id}
  delete_task:
    operation: deleteTask
    bind: {org_id: tenant_id}
    confirm: true
"""


def write_manifest(folder: Path, text: str = MANIFEST) -> Path:
    """Write a manifest and the document of the demo SaaS."""
    document = (files("demo_saas") / "openapi.json").read_bytes()
    (folder / "openapi.json").write_bytes(document)
    manifest = folder / "tools.yaml"
    manifest.write_text(text)
    return manifest


def load_manifest(folder: Path, text: str = MANIFEST) -> Catalogue:
    """Return the catalogue of a manifest beside the document of the demo SaaS."""
    return load_catalogue(write_manifest(folder, text))


def page_of(catalogue: Catalogue, tool: str, allowed: frozenset[str] = ALL) -> str:
    """Return the page of a tool's app for a caller with these tools."""
    written = write_app(catalogue, allowed, catalogue.tools[tool], "ui://gatepost/test")
    text: str = written["text"]
    return text


def data_of(page: str) -> dict[str, Any]:
    """Read what a page shows and calls, as its script does."""
    data: dict[str, Any] = json.loads(page.split('id="app">')[1].split("</script>")[0])
    return data


def result_of(answer: Any) -> dict[str, Any]:
    """Return the result of a call with this answer of the API, an object."""
    return {
        "content": [{"type": "text", "text": json.dumps(answer)}],
        "structuredContent": answer,
        "isError": False,
    }


def task(number: int = 1, **changes: Any) -> dict[str, Any]:
    """Return a task of the demo SaaS."""
    day = date(2026, 12, number % 28 + 1).isoformat()
    return {
        "id": f"tsk_{number}",
        "project_id": "prj_website",
        "team": "design",
        "title": f"Task {number}",
        "description": None,
        "status": "in_progress",
        "priority": "high",
        "assignee": None,
        "labels": ["copy", "launch"],
        "due_on": day,
        "estimate": 1300,
        "created_by": "usr_ada",
        "created_at": "2026-11-02T09:00:00Z",
        "updated_at": "2026-11-20T12:00:00Z",
        "completed_at": None,
        **changes,
    }


def tasks(*listed: dict[str, Any], following: str | None = None) -> dict[str, Any]:
    """Return the result of `list_tasks`, as the gateway writes it."""
    answer: dict[str, Any] = {"items": list(listed), "next_cursor": following}
    if following is not None:
        answer["nextCursor"] = following
    return result_of(answer)
