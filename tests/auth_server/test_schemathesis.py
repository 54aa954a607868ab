"""Schemathesis at every endpoint: requests that fit its description, and others.

The app itself lists paths and methods. This file describes the OAuth endpoints' input, with values
that lead past the first checks.
"""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
import schemathesis
from anyio.from_thread import start_blocking_portal
from fastapi.routing import iter_route_contexts
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode

from auth_server.app import create_app
from auth_server.manage_api.app import create_manage_api
from auth_server.settings import AuthServerSettings
from auth_server.web.forms import FORM_TYPE
from gatepost.api_keys import ACCESS_TOKEN_TYPE
from gatepost.revocations import REVOCATIONS_PATH
from support.in_process.auth_server import ISSUER, RESOURCE, AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.component import SCOPES, Component, component
from support.in_process.devices import CLIENT as DEVICE
from support.in_process.devices import DEVICE_CODE
from support.in_process.operator import add

SECRET = "not-a-secret-0123456789abcdef0123456789"
Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}


def one_of(*values: str) -> Schema:
    """Describe a value that leads further."""
    return {"type": "string", "enum": list(values)}


def sent(*texts: str, optional: Schema | None = None, **members: Schema) -> Schema:
    """Describe a form or document: texts and members that are there, and others that may be."""
    required = {**dict.fromkeys(texts, TEXT), **members}
    properties = {**required, **(optional or {})}
    return {"type": "object", "properties": properties, "required": list(required)}


SECRET_CLIENT = {"client_id": one_of("acme-reports"), "client_secret": one_of(SECRET)}
DEVICE_CLIENT = {"client_id": one_of("build-bot")}
PUBLIC_CLIENT = {"client_id": one_of("orbit-cli")}
CALLBACK = one_of("http://127.0.0.1/callback", "http://127.0.0.1:9/callback")
SCOPE = one_of("mcp:read", "mcp:read mcp:write offline_access", "openid profile email")
AUTHORIZE = sent(
    **PUBLIC_CLIENT,
    redirect_uri=CALLBACK,
    response_type=one_of("code"),
    code_challenge=one_of("E" * 43),
    code_challenge_method=one_of("S256"),
    optional={
        "resource": one_of(RESOURCE),
        "scope": SCOPE,
        "prompt": one_of("login", "none", "consent", "select_account"),
        "acr_values": one_of("phr", "urn:gatepost:acr:2fa"),
        "max_age": one_of("0", "60"),
        "response_mode": one_of("query"),
        **dict.fromkeys(("state", "nonce", "login_hint", "id_token_hint", "ui_locales"), TEXT),
    },
)
QUERY = sent(optional={"transaction": TEXT, "return_to": TEXT})
LOGOUT = sent(
    optional={
        "client_id": one_of("orbit-cli"),
        **dict.fromkeys(("id_token_hint", "post_logout_redirect_uri", "state", "proof"), TEXT),
    }
)
REGISTRATION = sent(
    redirect_uris={
        "type": "array",
        "items": one_of("https://app.example/cb", "cursor://a/b"),
        "minItems": 1,
        "maxItems": 3,
    },
    optional={
        "grant_types": {"type": "array", "items": one_of("authorization_code", "implicit")},
        "token_endpoint_auth_method": one_of("none", "client_secret_basic", "private_key_jwt"),
        "jwks": {"type": "object", "properties": {"keys": {"type": "array"}}},
        "client_uri": one_of("https://app.example"),
        "contacts": {"type": "array"},
        **dict.fromkeys(("client_name", "logo_uri", "jwks_uri", "scope"), TEXT),
    },
)
VERIFIER: Schema = {"type": "string", "pattern": "^[A-Za-z0-9._~-]{43,128}$"}
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
PAGE_ERRAND = {"transaction": TEXT, "return_to": TEXT}
FORMS: dict[str, list[Schema]] = {
    "/token": [
        sent(
            "code",
            **PUBLIC_CLIENT,
            grant_type=one_of("authorization_code"),
            redirect_uri=CALLBACK,
            code_verifier=VERIFIER,
        ),
        sent("refresh_token", **PUBLIC_CLIENT, grant_type=one_of("refresh_token")),
        sent(**SECRET_CLIENT, grant_type=one_of("client_credentials"), optional={"scope": SCOPE}),
        sent("subject_token", "client_assertion", grant_type=one_of(EXCHANGE)),
        sent(
            "subject_token",
            **PUBLIC_CLIENT,
            grant_type=one_of(EXCHANGE),
            subject_token_type=one_of(ACCESS_TOKEN_TYPE),
            optional=dict.fromkeys(
                ("actor_name", "actor_token", "allowed_tools", "data_scope", "audience"), TEXT
            ),
        ),
        sent("assertion", grant_type=one_of(JWT_BEARER), optional={"scope": SCOPE}),
        sent("device_code", **DEVICE_CLIENT, grant_type=one_of(DEVICE_CODE)),
    ],
    "/device_authorization": [
        sent(**DEVICE_CLIENT, optional={"scope": SCOPE, "resource": one_of(RESOURCE)}),
        sent(**SECRET_CLIENT, optional={"scope": TEXT, "resource": TEXT}),
    ],
    "/par": [AUTHORIZE, sent(**SECRET_CLIENT, optional={"request_uri": TEXT, "resource": TEXT})],
    "/device": [sent("proof", "code")],
    "/revoke": [sent("token", **PUBLIC_CLIENT), sent("token", **SECRET_CLIENT)],
    "/introspect": [sent("token", **SECRET_CLIENT)],
    REVOCATIONS_PATH: [sent("client_assertion", wait=one_of("0"))],
    "/sign-in": [sent("email", "password", "proof", optional=PAGE_ERRAND)],
    "/end-session": [LOGOUT],
    "/end-session/confirm": [LOGOUT],
    "/tenant": [sent("transaction", "proof", "tenant")],
    "/consent": [sent("transaction", "proof", "catalogue", decision=one_of("approve", "deny"))],
}
DOCUMENTS = {"/register": REGISTRATION, "/register/{client_id}": REGISTRATION}


def describe() -> dict[str, Any]:
    """Write the OpenAPI description of every route that the app has; HEAD is served as GET."""
    values: dict[str, Any] = {"issuer": ISSUER, "secret_key": SECRET}
    app = create_app(AuthServerSettings(resources=[{"resource": RESOURCE}], **values))
    paths: dict[str, Any] = {}
    for route in iter_route_contexts(app.routes):
        path = route.path or ""
        for method in sorted((route.methods or {"GET"}) - {"HEAD"}):
            paths.setdefault(path, {})[method.lower()] = describe_operation(path, method)
    return {"openapi": "3.1.0", "info": {"title": "Gatepost", "version": "1"}, "paths": paths}


def describe_operation(path: str, method: str) -> dict[str, Any]:
    """Write what is sent to one route: parameters of the path and query, and the body."""
    query = {"/authorize": AUTHORIZE, "/end-session": LOGOUT}.get(path, QUERY)
    operation: dict[str, Any] = {
        "responses": {"200": {"description": "an answer"}},
        "parameters": [
            *(
                {"name": name, "in": "path", "schema": TEXT, "required": True}
                for name in re.findall(r"{(\w+)(?::path)?}", path)
            ),
            *(
                {
                    "name": name,
                    "in": "query",
                    "schema": schema,
                    "required": name in query["required"],
                }
                for name, schema in query["properties"].items()
            ),
        ],
    }
    if method in {"POST", "PUT"}:
        kind, schema = "application/json", DOCUMENTS.get(path)
        if schema is None:
            kind, schema = FORM_TYPE, {"anyOf": FORMS.get(path, [sent("proof")])}
        operation["requestBody"] = {"content": {kind: {"schema": schema}}, "required": True}
    return operation


def kinds_of_operations() -> list[Any]:
    """Group the described operations that differ in nothing but their paths' words.

    Drawing a request takes several times as long as answering it, so that one is drawn for a kind
    and sent to each of its operations. Each kind has the name of its first operation. The management
    API describes itself, and each of its operations is a kind.
    """
    found: Any = schemathesis.openapi.from_dict(describe()).get_all_operations()
    kinds: dict[str, list[Any]] = {}
    for result in found:
        operation = result.ok()
        described = describe_operation(operation.path, operation.method.upper())
        kinds.setdefault(f"{operation.method} {json.dumps(described)}", []).append(operation)
    managing: Any = schemathesis.openapi.from_dict(create_manage_api("").openapi())
    for result in managing.get_all_operations():
        kinds[result.ok().label] = [result.ok()]
    return [pytest.param(kind, id=kind[0].label) for kind in kinds.values()]


async def send(case: Case[Any], path: str, server: AuthServer, ada: Component) -> httpx2.Response:
    """Send a case to the app, at the path of an operation of its kind."""
    case.path = path
    servers = case.operation.schema.raw_schema.get("servers")
    given = case.as_transport_kwargs(base_url=f"{ISSUER}{servers[0]['url'] if servers else ''}")
    if servers:
        given["headers"]["Authorization"] = f"Bearer {ada.token}"
    body = given.get("data")
    return await server.http.request(
        given["method"],
        given["url"],
        params=given["params"],
        headers=[
            (name.encode(), str(value).encode("latin-1", "replace"))
            for name, value in given["headers"].items()
        ],
        content=body if isinstance(body, str | bytes) else None,
        data=body if isinstance(body, dict) else None,
        json=given.get("json"),
    )


async def know_reports(server: AuthServer) -> None:
    """Add a client with a secret, which may ask about tokens and have its own."""
    ceiling = {"resource": RESOURCE, "tenant": "org_acme", "scope": "mcp:read", "tools": ["@read"]}
    client = {
        "client_id": "acme-reports",
        "name": "Acme reports",
        "token_endpoint_auth_method": "client_secret_post",
        "secret": SECRET,
        "ceilings": [ceiling],
        "introspects": True,
    }
    await add(server, clients=[client, DEVICE])


@pytest.fixture(scope="module")
def answer(
    tmp_path_factory: pytest.TempPathFactory, seeded_sqlite: Path
) -> Iterator[Callable[[Case[Any], str], httpx2.Response]]:
    """Lets a server answer a case, in a separate thread because case generation is not async."""
    path = tmp_path_factory.mktemp("schemathesis") / "gatepost.db"
    shutil.copy(seeded_sqlite, path)
    starting = running_auth_server(f"sqlite+aiosqlite:///{path}", Clock())
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(starting) as server:
        portal.call(know_reports, server)
        ada = portal.call(partial(component, server, scopes=SCOPES))
        yield lambda case, path: portal.call(send, case, path, server, ada)


@pytest.fixture(scope="module")
def cases_of() -> Callable[[Any, GenerationMode], st.SearchStrategy[Case[Any]]]:
    """Makes the strategy of a kind's first operation, once for all of its examples."""
    made: dict[tuple[str, GenerationMode], st.SearchStrategy[Case[Any]]] = {}

    def cases(operation: Any, mode: GenerationMode) -> st.SearchStrategy[Case[Any]]:
        key = operation.label, mode
        if key not in made:
            made[key] = operation.as_strategy(generation_mode=mode)
        return made[key]

    return cases


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("kind", kinds_of_operations())
@given(data=st.data())
@settings(
    max_examples=5,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_no_request_that_schemathesis_thinks_of_makes_the_server_fail_a65(
    answer: Callable[[Case[Any], str], httpx2.Response],
    cases_of: Callable[[Any, GenerationMode], st.SearchStrategy[Case[Any]]],
    kind: list[Any],
    mode: GenerationMode,
    data: st.DataObject,
) -> None:
    case = data.draw(cases_of(kind[0], mode))

    statuses = {each.label: answer(case, each.path).status_code for each in kind}
    assert {name: code for name, code in statuses.items() if not 200 <= code < 500} == {}


def test_every_path_described_by_hand_is_one_of_the_apps_own() -> None:
    assert {"/authorize", *FORMS, *DOCUMENTS} <= describe()["paths"].keys()
