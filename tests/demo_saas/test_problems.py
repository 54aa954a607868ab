"""Every refusal is a problem document (RFC 9457) that names the fix; no input causes a 500."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ACME = "/v1/orgs/org_acme"


def _problem(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status
    assert problem["type"]
    assert problem["title"]
    assert problem["detail"]
    return problem


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"title": "x"}, "project_id"),
        ({"project_id": "prj_website", "title": ""}, "title"),
        ({"project_id": "prj_website", "title": "x", "due_on": "tomorrow"}, "due_on"),
        ({"project_id": "prj_website", "title": "x", "labels": ["a", ""]}, "labels.1"),
        ({"project_id": "prj_website", "title": "x", "estimate": -1}, "estimate"),
        ({"project_id": "prj_website", "title": "x", "status": "open"}, "status"),
        ({"project_id": "prj_website", "title": "x", "tittle": "y"}, "tittle"),
        ({"project_id": "prj_none", "title": "x"}, "project_id"),
        ({"project_id": "prj_website", "title": "x", "assignee": "usr_bo"}, "assignee"),
    ],
)
def test_a_wrong_field_in_a_body_is_named(ada: Any, body: dict[str, Any], field: str) -> None:
    problem = _problem(ada.post(f"{ACME}/tasks", json=body), 422)
    assert [(e["location"], e["field"]) for e in problem["errors"]] == [("body", field)]


@pytest.mark.parametrize(
    ("query", "field"),
    [("limit=0", "limit"), ("limit=101", "limit"), ("limit=x", "limit"), ("status=open", "status")],
)
def test_a_wrong_query_parameter_is_named(ada: Any, query: str, field: str) -> None:
    problem = _problem(ada.get(f"{ACME}/tasks?{query}"), 422)
    assert [(e["location"], e["field"]) for e in problem["errors"]] == [("query", field)]


@pytest.mark.parametrize(
    "body",
    [
        *(b"{", b"", b"[" * 20_000, b"\xff", b"null", b'"x"', b"[]"),
        *(b'{"estimate": 1e999}', b'{"estimate": NaN}', b'{"estimate": %s}' % (b"9" * 5000)),
        b'{"title": "\\ud800"}',
    ],
)
def test_a_body_that_makes_no_sense_is_a_problem(ada: Any, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = ada.post(f"{ACME}/tasks", content=body, headers=headers)
    _problem(answer, 400 if answer.status_code == 400 else 422)


def test_a_password_is_not_repeated_in_a_problem(orbit: Any) -> None:
    answer = orbit.client.post("/v1/sessions", json={"email": 5, "password": ["hunter2"]})
    _problem(answer, 422)
    assert "hunter2" not in answer.text


def test_an_unknown_object_is_a_problem_document(ada: Any) -> None:
    for path in ("tasks/x", "projects/x", "members/usr_bo", "attachments/x/content"):
        problem = _problem(ada.get(f"{ACME}/{path}"), 404)
        assert problem["type"].endswith("/not-found")
    _problem(ada.get("/v2"), 404)
    assert _problem(ada.delete("/v1/me"), 405)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    body=st.dictionaries(
        st.sampled_from(["title", "assignee", "labels", "due_on", "estimate", "priority", "x"]),
        st.none()
        | st.text()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.lists(st.text()),
    )
)
def test_no_change_to_a_task_makes_orbit_fail(ada: Any, body: dict[str, Any]) -> None:
    assert ada.patch(f"{ACME}/tasks/tsk_1001", json=body).status_code in (200, 422)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(q=st.text(max_size=50), cursor=st.text(max_size=50), label=st.text(max_size=50))
def test_no_query_makes_orbit_fail(ada: Any, q: str, cursor: str, label: str) -> None:
    tasks = f"{ACME}/tasks"
    assert ada.get(tasks, params={"q": q, "labels": label}).status_code in (200, 422)
    assert ada.get(tasks, params={"cursor": cursor}).status_code in (200, 422)
    assert ada.get(f"{ACME}/search", params={"q": q}).status_code in (200, 422)
