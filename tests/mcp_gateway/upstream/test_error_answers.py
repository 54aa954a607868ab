"""The parts of an error answer that a model reads, and those it does not."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_gateway.http_client.port import HttpResponse
from mcp_gateway.upstream.error_answers import describe_refusal

PROBLEM = "application/problem+json"


def fail(status: int, content_type: str = "", body: object = b"", advice: str = "") -> str:
    """Describe a failure; a body that is not bytes is written as JSON."""
    written = body if isinstance(body, bytes) else orjson.dumps(body)
    return describe_refusal(HttpResponse(status, content_type, written), advice=advice)


def test_r6_a_refusal_contains_only_members_meant_for_the_caller() -> None:
    """RFC 9457 §3.1."""
    problem = {
        "title": "Taken",
        "detail": "In use",
        "errors": [{"field": "a"}],
        "trace": "s3cret",
        "instance": "/srv/1",
    }
    assert fail(409, PROBLEM, problem) == (
        'The API answered 409 Conflict.\ntitle: Taken\ndetail: In use\nerrors: [{"field":"a"}]'
    )


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"error": "not_found", "error_description": "No such task"},
         "error: not_found\nerror_description: No such task"),
        ({"message": "Too long", "code": 17}, "message: Too long\ncode: 17"),
        ({"error": {"message": "No", "param": "due", "stack": ["a.py:1"]}},
         'error: {"message":"No","param":"due"}'),
        ({"errors": {"title": ["is too short"]}}, 'errors: {"title":["is too short"]}'),
        ({"detail": [{"loc": ["body", "due"], "msg": "not a date"}]},
         'detail: [{"loc":["body","due"],"msg":"not a date"}]'),
    ],
)  # fmt: skip
def test_the_usual_forms_of_an_error_are_understood(body: object, said: str) -> None:
    assert fail(422, "application/json", body) == (
        f"The API answered 422 Unprocessable Entity.\n{said}"
    )


def test_a_short_plain_text_is_passed_on() -> None:
    assert fail(400, "text/plain", b"due is no date") == (
        "The API answered 400 Bad Request.\ndue is no date"
    )


@pytest.mark.parametrize("body", [b"", b"[1]", b"{", b"null", b"<h1>Stack trace s3cret</h1>"])
@pytest.mark.parametrize("content_type", ["application/json", "text/html", "text/plain", ""])
@pytest.mark.parametrize("status", [404, 500])
def test_a_refusal_that_says_nothing_fit_to_be_read_is_told_by_its_status(
    content_type: str, body: bytes, status: int
) -> None:
    if (content_type, body, status) in {("text/plain", b, 404) for b in (b"[1]", b"{", b"null")}:
        return
    assert len(fail(status, content_type, body).splitlines()) == 1


@pytest.mark.parametrize("content_type", ["application/json", "text/plain"])
def test_a_server_that_failed_is_not_quoted(content_type: str) -> None:
    body = b'{"message": "relation orders has no column x", "detail": "x"}'
    assert fail(500, content_type, body) == "The API answered 500 Internal Server Error."
    assert "detail: x" in fail(500, PROBLEM, body)


@pytest.mark.parametrize(
    "leak",
    [
        "Traceback (most recent call last):\n  File s3cret",
        "boom\n    at s3cret (index.js:1)",
        "NullPointer at com.s3cret.Handler(Handler.java:12)",
        'bad: File "s3cret.py", line 3',
        "(psycopg.Error) no [SQL: SELECT s3cret FROM x]",
        "goroutine 1 [running]: s3cret",
        "<html><body>s3cret</body></html>",
        "connect to 10.0.0.7:5432/s3cret failed",
        "GET http://orders.internal/s3cret failed",
        "GET http://s3cret:8080/x failed",
        "no route to s3cret:6379",
        "http://localhost:9000/s3cret",
        "postgres://app:s3cret@db.example.com/x",
        "http://169.254.169.254/s3cret",
        "http://[::1]:80/s3cret",
        "s3cret.svc.cluster.local did not answer",
        "in /srv/app/s3cret.py:12",
        "in C:\\app\\s3cret.dll",
        "password=s3cret",
        '"api_key": "s3cret"',
        "X-Token: s3cret",
        "Bearer s3cret-abcdef",
        "token eyJhbGciOiJFUzI1NiJ9.s3cret.c2ln is expired",
        "Invalid API key provided: sk_live_s3cret_abcdefgh",
    ],
)
@pytest.mark.parametrize("status", [400, 500])
def test_an_error_never_tells_a_model_how_the_server_is_made_or_what_it_knows(
    leak: str, status: int
) -> None:
    told = fail(status, PROBLEM, {"title": "No", "detail": leak, "errors": [{"message": [leak]}]})
    assert "title: No" in told
    assert "s3cret" not in told
    assert "s3cret" not in fail(status, "text/plain", leak.encode())


@pytest.mark.parametrize(
    "harmless",
    [
        "Due date must be after 2026-01-01T10:00:00Z",
        "See https://docs.example.com/errors/17 for more",
        "The project 3f2b8c1e-aaaa-4bbb-8ccc-000000000000 is archived",
        "Amount 10.00 is over 9999.99; ratio 3:4500 is not allowed",
        "Use the field page_token of the last answer",
        "Task is locked by ada@example.com",
        "Path /tasks/17/comments is read only",
    ],
)
def test_text_that_helps_a_model_is_not_changed(harmless: str) -> None:
    assert f"detail: {harmless}" in fail(400, PROBLEM, {"detail": harmless})


def test_r6_the_wait_that_an_api_asks_for_is_told() -> None:
    assert fail(429, advice="Try again in 17 seconds.") == (
        "The API answered 429 Too Many Requests.\nTry again in 17 seconds."
    )


def test_a_long_refusal_is_cut() -> None:
    long = "word " * 9000
    assert len(fail(400, "application/json", {"detail": long})) < 600
    assert len(fail(400, "application/json", {"errors": [long] * 99})) < 2100
    assert len(fail(400, "text/plain", long.encode())) < 600


def test_a_redirect_and_an_unknown_status_are_named() -> None:
    assert fail(302) == "The API answered 302 Found: a redirect, which is not followed."
    assert fail(799) == "The API answered 799."


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text() | st.integers(-(2**63), 2**63),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["errors", "a", "x"]), inner)
        ),
    ),
    st.integers(300, 999),
)
def test_any_error_is_told_in_bounds(value: object, status: int) -> None:
    told = fail(status, PROBLEM, {"errors": value, "detail": value})
    assert told.startswith(f"The API answered {status}")
    assert len(told) < 2200
