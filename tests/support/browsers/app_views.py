"""Every view of an app with tasks like the demo's, for pictures."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import expect

from support.browsers.app_hosts import AppHost, text_error
from support.in_process.apps import load_manifest, page_of, result_of, task, tasks

TITLES = (
    ("Write the on-call handbook", "in_progress", "medium", "engineering", "usr_ada"),
    ("Rate limit for the export endpoint", "done", "high", "engineering", "usr_ada"),
    ("Rehearse restoring from a backup", "todo", "high", "engineering", None),
    ("Rewrite the pricing page", "in_review", "urgent", "design", "usr_cleo"),
    ("Interview five customers about reports", "backlog", "low", "design", None),
)


def app_views(host: AppHost, folder: Path, **context: Any) -> Iterator[str]:
    """Show each view in turn, and yield its name; the folder is for the manifest."""
    catalogue = load_manifest(folder)
    listed = [
        task(n, title=title, status=status, priority=priority, team=team, assignee=assignee)
        for n, (title, status, priority, team, assignee) in enumerate(TITLES, 1)
    ]
    listed[3] |= {"description": "Say what each plan is for.", "estimate": 5}
    table = tasks(*listed, following="2")
    app = host.open(page_of(catalogue, "list_tasks"), result=table, **context)
    expect(app.get_by_role("table")).to_be_visible()
    yield "app-table"
    app = host.open(page_of(catalogue, "get_task"), result=result_of(listed[3]), **context)
    expect(app.locator("dl")).to_be_visible()
    yield "app-card"
    refused = text_error("project_id: missing. Nothing was done.")
    arguments = {"title": "Write release notes"}
    page = page_of(catalogue, "create_task")
    app = host.open(page, arguments=arguments, result=refused, **context)
    expect(app.locator("form")).to_be_visible()
    yield "app-form"
