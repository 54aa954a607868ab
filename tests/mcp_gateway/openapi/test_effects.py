"""Whether an operation destroys something or only reads, by its words."""

from typing import Any

import pytest

from mcp_gateway.openapi.effects import destroys, only_reads
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
