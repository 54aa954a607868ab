"""No request makes the server fail, on every route in the app's own list."""

import base64
import json
import re
import sqlite3
from collections.abc import AsyncIterator, Iterator, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

import pytest
from fastapi.routing import iter_route_contexts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, composite

from auth_server.app import create_app
from auth_server.settings import AuthServerSettings
from support.in_process.auth_server import (
    ISSUER,
    RESOURCE,
    AuthServer,
    prepare_database,
    running_auth_server,
)
from support.in_process.clock import Clock
from support.processes.postgres import PostgresServer

SETTINGS: dict[str, Any] = {
    "issuer": ISSUER,
    "secret_key": "for-tests-only-0123456789abcdef0123456789",
    "resources": [{"resource": RESOURCE}],
}


def routes_of_the_app() -> dict[str, list[str]]:
    """Read each path and its methods from the app itself, but for HEAD, which is served as GET."""
    found: dict[str, list[str]] = {}
    for route in iter_route_contexts(create_app(AuthServerSettings(**SETTINGS)).routes):
        # Mounted apps answer a tree of paths, without a list of methods.
        path = route.path if route.methods else f"{route.path}/{{file}}"
        found.setdefault(path or "", []).extend((route.methods or {"GET"}) - {"HEAD"})
    return found


ROUTES = routes_of_the_app()
METHODS = ["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE", "get", "X" * 50]
TYPES = [
    *("application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"),
    *("text/plain", "", "application/json, application/x-www-form-urlencoded", "a/b; charset=\xff"),
]
# Valid values besides invalid ones, so that a request passes the first rules.
NAMES = [
    *("client_id", "client_secret", "client_assertion", "client_assertion_type", "redirect_uri"),
    *("response_type", "code_challenge", "code_challenge_method", "state", "resource", "scope"),
    *("prompt", "max_age", "login_hint", "request", "request_uri", "grant_type", "code"),
    *("code_verifier", "refresh_token", "subject_token", "subject_token_type", "audience", "token"),
    *("token_type_hint", "transaction", "email", "password", "proof", "tenant", "decision"),
    *("acr_values", "id_token_hint", "post_logout_redirect_uri"),
    *(
        "nonce",
        "dpop_jkt",
        "tool",
        "organisation",
        "catalogue",
        "after",
        "wait",
        "requested_token_type",
        "actor_token",
        "actor_token_type",
        "actor_name",
        "allowed_tools",
        "data_scope",
        "nonsense\x00",
    ),
]
VALUES = [
    *("", "\x00", "\u202e", "\U0001f642", "a" * 5000, "%", "null", "-1", "1e999", "[]", "{}"),
    *(
        "openid",
        "orbit-cli",
        "http://127.0.0.1/callback",
        "code",
        "S256",
        RESOURCE,
        "mcp:read",
        "none",
    ),
    *(f"{RESOURCE}/o/org_acme", f"{RESOURCE}/o/nobody", "org_acme"),
    *("login", "0", "authorization_code", "refresh_token", "client_credentials", "E" * 43),
    *("urn:ietf:params:oauth:grant-type:token-exchange", "access_token", "mcp_live_x", "approve"),
    *("urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "https://[", "https://a.example/c"),
    *("eyJhbGciOiJFUzI1NiJ9.e30.AA", "a.b.c", "..", "urn:gatepost:token-type:api-key"),
]
NAME = st.sampled_from(NAMES) | st.text(max_size=6)
VALUE = st.sampled_from(VALUES) | st.text(max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | VALUE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAME, inner, max_size=3),
    max_leaves=8,
)
HEADER = st.sampled_from(
    [
        *(b"authorization", b"cookie", b"origin", b"host", b"accept", b"if-none-match", b"referer"),
        *(b"x-forwarded-for", b"forwarded", b"sec-fetch-site", b"mcp-protocol-version", b"range"),
        *(b"access-control-request-method", b"content-length", b"accept-language", b"x-request-id"),
        b"dpop",
    ]
)
CREDENTIAL = st.sampled_from(
    [
        *(
            b"DPoP x",
            b"e30.e30.AA",
            b"Bearer",
            b"Bearer ",
            b"Bearer x",
            b"Basic",
            b"Basic !",
            b"Basic eDp5",
            b"Digest x",
        ),
        b"Basic " + base64.b64encode(b"orbit-cli:\xff"),
        b"Basic " + base64.b64encode(b"%00:%ff"),
    ]
)
HEADERS = st.lists(
    st.tuples(HEADER, st.binary(max_size=20) | CREDENTIAL)
    | st.tuples(
        st.just(b"cookie"), st.text(max_size=20).map(lambda t: f"gatepost_sid={t}".encode())
    ),
    max_size=4,
)


def form_encode(pairs: list[tuple[str, str]]) -> bytes:
    """Encode a form."""
    return "&".join(f"{quote_plus(n)}={quote_plus(v)}" for n, v in pairs).encode()


FORM = st.lists(st.tuples(NAME, VALUE), max_size=10).map(form_encode)
QUERY = FORM | st.binary(max_size=30)
BODY = FORM | st.binary(max_size=30) | JSON.map(lambda value: json.dumps(value).encode())


@composite
def requests(draw: DrawFn, route: str) -> dict[str, Any]:
    """Draw a request to a route: mostly by a method it has."""
    path = route
    while "{" in path:
        before, _, rest = path.partition("{")
        path = before + draw(VALUE) + rest.partition("}")[2]
    return {
        "method": draw(st.sampled_from(ROUTES[route]) | st.sampled_from(METHODS)),
        "path": path,
        "query_string": draw(QUERY),
        "headers": [
            (b"content-type", draw(st.sampled_from(TYPES)).encode("latin-1")),
            *draw(HEADERS),
        ],
        "body": draw(BODY),
    }


async def send(server: AuthServer, request: dict[str, Any]) -> int:
    """Hand a request to the app as a web server would, without a client that tidies it up."""
    statuses: list[int] = []
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "root_path": "",
        "raw_path": request["path"].encode(),
        "client": ("127.0.0.1", 4711),
        "server": ("127.0.0.1", 8400),
        "state": {"resources": server.opened},
        **{name: value for name, value in request.items() if name != "body"},
    }

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": request["body"], "more_body": False}

    async def answer(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await server.app(scope, receive, answer)
    (status,) = statuses
    return status


@dataclass
class Both:
    """The same server on SQLite and on PostgreSQL."""

    sqlite: AuthServer
    postgresql: AuthServer
    statements: list[str] = field(default_factory=list)
    """What SQLite was asked."""
    on_postgresql: int = 0
    """The requests that PostgreSQL answered too."""

    async def fail(self, request: dict[str, Any]) -> bool:
        """Whether a server fails; one request in ten sends a statement, which reaches both."""
        self.statements.clear()
        if not 200 <= await send(self.sqlite, request) < 500:
            return True
        if not self.statements:
            return False
        self.on_postgresql += 1
        return not 200 <= await send(self.postgresql, request) < 500


@pytest.fixture
def postgresql_url(postgres: PostgresServer, cheap_auth_server: None) -> Iterator[str]:
    """A migrated and seeded database."""
    with postgres.lend_database(prepare_database) as url:
        yield url


@pytest.fixture
async def both(
    sqlite_url: str, postgresql_url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Both]:
    """Servers on both databases, of which SQLite tells its statements."""
    statements: list[str] = []
    connect = sqlite3.connect

    def traced(*args: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*args, **options)
        connection.set_trace_callback(statements.append)
        return connection

    monkeypatch.setattr(sqlite3, "connect", traced)
    async with (
        running_auth_server(sqlite_url, clock) as sqlite,
        running_auth_server(postgresql_url, clock) as postgresql,
    ):
        yield Both(sqlite, postgresql, statements)


def test_the_list_of_routes_is_the_apps_own() -> None:
    """A route that is added later is tried too."""
    assert {"/authorize", "/token", "/register/{client_id}", "/jwks.json", "/livez"} <= set(ROUTES)
    assert set(ROUTES["/register/{client_id}"]) == {"GET", "PUT", "DELETE"}


@pytest.mark.both_databases
@given(request=st.sampled_from(sorted(ROUTES)).flatmap(requests))
@settings(max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_request_makes_the_server_fail_a65_a156(
    auth_server: AuthServer, request: dict[str, Any]
) -> None:
    """A65, A156: any method, headers, content type, body and query, at every route."""
    assert 200 <= await send(auth_server, request) < 500


@pytest.mark.whole_machine
async def test_no_odd_value_makes_a_route_fail(both: Both) -> None:
    """A65, Logto#8990: each odd value in the path, in every parameter and in every member."""
    failed = []
    for value in VALUES:
        form = form_encode([(name, value) for name in NAMES if name.isprintable()])
        document = json.dumps(dict.fromkeys(NAMES, value)).encode()
        for route, methods in ROUTES.items():
            for method, content_type, body in (
                # HEAD runs what GET runs.
                *((method, TYPES[0], document) for method in methods if method != "HEAD"),
                *((method, TYPES[1], form) for method in methods if method == "POST"),
            ):
                request = {
                    "method": method,
                    "path": re.sub(r"{\w+}", lambda _: value, route),  # noqa: B023 - called here
                    "query_string": form,
                    "headers": [(b"content-type", content_type.encode())],
                    "body": body,
                }
                if await both.fail(request):
                    failed.append((method, route, value[:20]))
    assert failed == []
    assert both.on_postgresql


async def test_no_odd_value_makes_the_answer_to_a_wrong_method_fail(
    both: Both,
) -> None:
    """A65: routes without POST answer a form with each odd value in the path and in the query."""
    routes = [route for route in ROUTES if "{" in route and "POST" not in ROUTES[route]]
    assert {"/register/{client_id}", "/admin/v1/{file}"} <= set(routes)
    failed = []
    for value in VALUES:
        form = form_encode([(name, value) for name in NAMES if name.isprintable()])
        for route in routes:
            request = {
                "method": "POST",
                "path": re.sub(r"{\w+}", lambda _: value, route),  # noqa: B023 - called here
                "query_string": form,
                "headers": [(b"content-type", TYPES[1].encode())],
                "body": form,
            }
            if await both.fail(request):
                failed.append((route, value[:20]))
    assert failed == []


@pytest.mark.parametrize("method", METHODS)
async def test_no_method_makes_a_route_fail(table_server: AuthServer, method: str) -> None:
    """A65: each route has been tried with each method at least."""
    failed = []
    for route in sorted(ROUTES):
        request = {
            "method": method,
            "path": route,
            "query_string": b"",
            "headers": [(b"content-type", b"application/json")],
            "body": b"{}",
        }
        if not 200 <= await send(table_server, request) < 500:
            failed.append(route)
    assert failed == []
