"""What the server makes of requests that are too long, that break off, and of its own faults."""

import http.cookies
from typing import Any

import pytest
from structlog.testing import capture_logs

from auth_server.flow.known_browser import is_known
from auth_server.keys import make_keys
from auth_server.rendering.languages import match_language
from auth_server.web.edge import LARGEST_HEADERS, LONGEST_TARGET
from support.in_process.auth_server import AuthServer


@pytest.mark.parametrize("path", ["/sign-in", "/jwks.json", "/nothing"])
async def test_headers_and_addresses_of_any_length_are_refused_before_anything_reads_them(
    sqlite_server: AuthServer, path: str
) -> None:
    cookie = {"cookie": "a=" + "b" * LARGEST_HEADERS}
    long_headers = await sqlite_server.http.get(path, headers=cookie)
    long_address = await sqlite_server.http.get(f"{path}?a={'b' * LONGEST_TARGET}")

    assert (long_headers.status_code, long_address.status_code) == (431, 414)
    assert "cookies" in long_headers.json()["error_description"]
    assert "URL" in long_address.json()["error_description"]


async def test_cookies_are_read_without_the_slow_unquoting_of_the_standard_library(
    sqlite_server: AuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unquote(value: str) -> str:
        assert '"' not in value, "it takes seconds for 60 KB of escaped quotes"
        return value

    monkeypatch.setattr(http.cookies, "_unquote", unquote)
    person = sqlite_server.person()
    await person.sign_in(await person.open("/sign-in"))
    person.http.headers["cookie"] = '; other="' + '\\"' * 10_000 + '"; gatepost_browser="\\"'
    junk = await person.http.get("/sign-in")

    assert junk.status_code == 200
    del person.http.headers["cookie"]
    assert (await person.open("/account/apps")).status == 200


def test_a_language_tag_of_any_length_costs_no_look_ups() -> None:
    class Known(set[str]):
        looked_up = 0

        def __contains__(self, tag: object) -> bool:
            self.looked_up += 1
            return super().__contains__(tag)

    known = Known({"de", "en"})

    assert match_language(["a-" * 30_000, "de-" + "x-" * 20, "de-AT-1996"], known) == "de"
    assert known.looked_up < 50


def test_a_cookie_that_names_more_people_than_a_browser_may_know_costs_no_more_proofs() -> None:
    keys = make_keys("for-tests-only-0123456789abcdef0123456789", ())
    mark = keys.sign("known browser", "b", "ada")

    assert is_known(f"b.1.2.3.4.{mark}", "ada", keys)
    assert not is_known(f"b.1.2.3.4.5.{mark}", "ada", keys)


async def test_a_client_that_goes_away_in_the_middle_of_its_request_is_no_fault(
    sqlite_server: AuthServer,
) -> None:
    """Any stranger can do so, and as often as they like."""
    messages = [
        {"type": "http.request", "body": b"grant_type=", "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    form = [(b"content-type", b"application/x-www-form-urlencoded")]
    for path in ("/token", "/sign-in", "/revoke"):
        scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": form,
            "client": ("127.0.0.1", 1),
            "state": {"resources": sqlite_server.opened},
        }
        messages[:] = [
            {"type": "http.request", "body": b"grant_type=", "more_body": True},
            {"type": "http.disconnect"},
        ]
        with capture_logs() as events:
            await sqlite_server.app(scope, receive, send)
        assert [event for event in events if event["event"] == "fault"] == []
    assert sent == []


@pytest.mark.parametrize(
    ("broken", "path", "form"),
    [
        ("auth_server.web.answers.localized_pages", "/nothing", "application/json"),
        ("auth_server.oauth.token_endpoint.endpoint.read_form", "/token", "application/json"),
        ("auth_server.pages.sign_in.page.SignInPages.show", "/sign-in", "text/html"),
    ],
)
async def test_a_fault_anywhere_even_in_the_error_page_is_a_plain_answer_without_details(
    sqlite_server: AuthServer, monkeypatch: pytest.MonkeyPatch, broken: str, path: str, form: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("canary")

    monkeypatch.setattr(broken, fail)
    method = "POST" if path == "/token" else "GET"
    with capture_logs() as events:
        answer = await sqlite_server.http.request(method, path)

    assert answer.status_code == 500
    assert answer.headers["content-type"].startswith(form)
    assert "canary" not in answer.text
    assert "Error" not in answer.text
    assert "fault" in [event["event"] for event in events]
    assert "x-request-id" in answer.headers
