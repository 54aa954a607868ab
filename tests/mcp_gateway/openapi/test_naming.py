"""Tool names: verb first, legal, unique, the same at every import."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from gatepost.allowed_tools import TOOL_NAME
from mcp_gateway.openapi.document import FoundOperation
from mcp_gateway.openapi.naming import LONGEST, name_operation, name_operations


def found(key: str, operation_id: str | None = None) -> FoundOperation:
    method, _, path = key.partition(" ")
    return FoundOperation(method, path, operation_id, "", "", (), False, {}, {})


@pytest.mark.parametrize(
    ("key", "operation_id", "name"),
    [
        ("GET /tasks", "listTasks", "list_tasks"),
        ("GET /x", "issues/list-for-repo", "list_issues_for_repo"),
        ("GET /x", "users.get", "get_users"),
        ("GET /x", "Projects.GetHTTPStatus", "get_projects_http_status"),
        ("GET /x", "get_user__by_id", "get_user_by_id"),
        ("GET /orgs/{org_id}/tasks", "list_tasks_orgs__org_id__tasks_get", "list_tasks"),
        ("GET /tasks", None, "list_tasks"),
        ("GET /tasks/{id}", None, "get_task"),
        ("POST /api/v1/tasks", None, "create_task"),
        ("PUT /tasks/{id}", None, "replace_task"),
        ("PATCH /tasks/{id}", None, "update_task"),
        ("DELETE /companies/{id}/branches/{b}", None, "delete_company_branch"),
        ("POST /tasks/{id}/close", None, "close_task"),
        ("GET /status", None, "list_status"),
        ("GET /me", None, "get_me"),
        ("GET /", None, "get_root"),
        ("GET /tasks", "一覧", "list_tasks"),
    ],
)
def test_a_name_says_what_the_operation_does(key: str, operation_id: str | None, name: str) -> None:
    assert name_operation(found(key, operation_id)) == name


def test_a_name_that_is_taken_gets_a_suffix_that_later_operations_do_not_change() -> None:
    first, second = found("GET /a", "list"), found("GET /b", "list")
    names = name_operations([first, second])
    assert names["GET /a"] == "list"
    assert name_operations([first, found("GET /c", "list"), second])["GET /b"] == names["GET /b"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["GET", "POST", "HEAD"]), st.text(max_size=90), st.text(max_size=90)
        ),
        max_size=12,
        unique_by=lambda triple: triple[:2],
    )
)
def test_any_operations_get_legal_and_unique_names(operations: list[tuple[str, str, str]]) -> None:
    named = name_operations([found(f"{m} /{path}", id_ or None) for m, path, id_ in operations])
    assert len(set(named.values())) == len(operations)
    assert all(TOOL_NAME.fullmatch(name) and len(name) <= LONGEST for name in named.values())
