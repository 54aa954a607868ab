"""Whether an operation destroys something or only reads, by its words."""

from typing import Any

import pytest

from mcp_gateway.openapi.effects import (
    can_be_repeated,
    changes_by_get,
    destroys,
    only_reads,
    reaches_people,
    undoes,
)
from support.in_process.documents import MakeTool, ReadDocument


@pytest.mark.parametrize(
    ("key", "node", "expected"),
    [
        ("DELETE /tasks/{id}", {}, True),
        ("POST /tasks/{id}/delete", {}, True),
        ("POST /tasks:batchDelete", {}, True),
        ("POST /api/chat.delete", {}, True),
        ("PUT /sessions/{id}", {"operationId": "terminateSession"}, True),
        ("PATCH /users/{id}", {"operationId": "users/ban"}, True),
        ("POST /orders/{id}/state", {"summary": "Cancels an order"}, True),
        ("POST /caches", {"summary": "Bulk purge"}, True),
        ("POST /keys/{id}/revoke", {"x-mcp": {"destructive": False}}, False),
        ("POST /tasks", {"x-mcp": {"destructive": True}}, True),
        ("POST /tasks", {"summary": "Create a task", "operationId": "createTask"}, False),
        ("PUT /tasks/{id}/removed-at", {"summary": "Set when it was removed"}, False),
        ("POST /tasks/{id}/x", {"description": "Closes it. This can't be undone."}, True),
        ("POST /tasks/{id}/x", {"description": "Does not permanently delete it."}, False),
        ("POST /deletions", {"summary": "Request the deletion of data"}, False),
    ],
)
def test_a_change_that_cannot_be_undone_is_destructive_whatever_its_method(
    key: str, node: dict[str, Any], expected: bool, read: ReadDocument, tool_of: MakeTool
) -> None:
    method, _, path = key.partition(" ")
    document = read({path: {method.lower(): node}})
    assert destroys(document.operations[0]) == expected
    assert tool_of(node, key).destructive == expected
    assert tool_of(node, key, destructive=not expected).destructive != expected
    assert not tool_of(node, key, read_only=True).destructive


@pytest.mark.parametrize(
    ("key", "node", "expected"),
    [
        ("POST /accounts/get", {"summary": "Retrieve accounts"}, True),
        ("POST /transactions/list", {"summary": "Lists transactions"}, True),
        ("POST /search", {"description": "Search everything."}, True),
        ("POST /conversations.list", {"operationId": "conversationsList"}, True),
        ("POST /issues/_search", {"operationId": "searchIssues"}, True),
        ("POST /search/jql", {"summary": "Search for issues"}, True),
        (
            "POST /search",
            {"summary": "Search items", "operationId": "search_items_search_post"},
            True,
        ),
        ("POST /accounts/get", {"summary": "Create accounts"}, False),
        ("POST /accounts", {"summary": "Retrieve accounts"}, False),
        ("POST /messages/get", {"summary": "Get messages and mark them as read"}, False),
        ("POST /users/get-or-create", {"summary": "Get a user"}, False),
        ("POST /accounts/get", {"summary": "Get accounts", "operationId": "syncAccounts"}, False),
        ("POST /accounts/get", {}, False),
        ("PUT /accounts/get", {"summary": "Retrieve accounts"}, False),
    ],
)
def test_a_post_reads_if_its_path_and_its_summary_say_so(
    key: str, node: dict[str, Any], expected: bool, read: ReadDocument
) -> None:
    method, _, path = key.partition(" ")
    assert only_reads(read({path: {method.lower(): node}}).operations[0]) == expected


@pytest.mark.parametrize(
    ("key", "node", "expected"),
    [
        ("GET /tasks/{id}/delete", {}, True),
        ("GET /apps.uninstall", {}, True),
        ("GET /tasks/{id}/x", {"summary": "Restarts a task"}, True),
        ("GET /files/{id}/x", {"description": "Share a file with a channel."}, True),
        ("GET /x", {"operationId": "sendMessage"}, True),
        ("GET /x/archive", {"summary": "Download an archive"}, False),
        ("GET /x", {"operationId": "listKeys", "summary": "Create a key"}, False),
        ("GET /posts", {"summary": "Posts of a person"}, False),
        ("GET /tasks/{id}", {}, False),
        ("POST /tasks/{id}/delete", {}, False),
    ],
)
def test_a_get_changes_something_if_its_words_say_so(
    key: str, node: dict[str, Any], expected: bool, read: ReadDocument
) -> None:
    method, _, path = key.partition(" ")
    assert changes_by_get(read({path: {method.lower(): node}}).operations[0]) == expected


@pytest.mark.parametrize(
    ("key", "name", "repeated", "undone", "reaches"),
    [
        ("POST /tasks/{id}/archive", "archive_task", True, False, False),
        ("POST /tasks", "create_task", None, False, False),
        ("PUT /tasks", "create_task", False, False, False),
        ("PUT /tasks/{id}", "replace_task", None, False, False),
        ("DELETE /tasks/{id}/lock", "unlock_task", None, True, False),
        ("DELETE /tasks/{id}", "delete_task", None, False, False),
        ("POST /messages", "create_message", None, False, True),
        ("POST /invoices/{id}/send", "send_invoice", None, False, True),
    ],
)
def test_other_effects_follow_from_the_verb(
    key: str, name: str, *, repeated: bool | None, undone: bool, reaches: bool, read: ReadDocument
) -> None:
    method, _, path = key.partition(" ")
    [found] = read({path: {method.lower(): {}}}).operations
    verb = name.partition("_")[0]
    assert can_be_repeated(found, verb) is repeated
    assert undoes(found, verb) is undone
    assert reaches_people(found, name) is reaches
