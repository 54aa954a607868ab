"""Following `next_cursor` shows every row once, whatever the page size."""

from typing import Any

import pytest

LISTS = [
    ("tasks", 23),
    ("projects?include_archived=true", 4),
    ("members", 3),
    ("tasks/tsk_1001/comments", 3),
    ("tasks/tsk_1002/attachments", 5),
]


def _walk(caller: Any, path: str, limit: int) -> list[str]:
    seen: list[str] = []
    cursor = None
    while True:
        params = {"limit": limit} | ({"cursor": cursor} if cursor else {})
        glue = "&" if "?" in path else "?"
        query = "&".join(f"{name}={value}" for name, value in params.items())
        page = caller.get(f"/v1/orgs/org_acme/{path}{glue}{query}").json()
        assert len(page["items"]) <= limit
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return seen
        assert len(page["items"]) == limit


@pytest.mark.parametrize("limit", [1, 2, 5, 23, 100])
@pytest.mark.parametrize(("path", "total"), LISTS)
def test_every_row_is_shown_once(ada: Any, path: str, total: int, limit: int) -> None:
    if path.endswith("attachments"):
        # All at the same moment, so only their ids order them.
        for name in "abcde":
            ada.post(f"/v1/orgs/org_acme/{path}", files={"file": (name, b"")})
    seen = _walk(ada, path, limit)
    assert len(seen) == len(set(seen)) == total
    assert seen == _walk(ada, path, 100)


def test_a_task_created_meanwhile_moves_no_row_to_another_page(ada: Any) -> None:
    tasks = "/v1/orgs/org_acme/tasks"
    first = ada.get(f"{tasks}?limit=10").json()
    ada.post(tasks, json={"project_id": "prj_website", "title": "New"})
    second = ada.get(f"{tasks}?limit=10&cursor={first['next_cursor']}").json()
    shown = [task["id"] for task in first["items"] + second["items"]]
    assert shown == [f"tsk_{number}" for number in range(1023, 1003, -1)]


@pytest.mark.parametrize("cursor", ["x", "####", "YWJj", "_____w", "é", "a" * 401, ""])
def test_a_cursor_that_was_never_given_out_is_refused(ada: Any, cursor: str) -> None:
    for path in ("tasks", "members"):
        refused = ada.get(f"/v1/orgs/org_acme/{path}", params={"cursor": cursor})
        assert refused.status_code == 422
        assert [error["field"] for error in refused.json()["errors"]] == ["cursor"]
