"""No request makes the SCIM API fail: those that fit its description, and any others."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from anyio.from_thread import start_blocking_portal
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from support.in_process.auth_server import ISSUER
from support.in_process.clock import Clock
from support.in_process.customers_place import running_place
from support.in_process.directory import Scim, add_directory

TEXT = {"type": "string"}
NAMES = ["userName", "externalId", "active", "displayName", "name", "emails", "members", "id"]
PATHS = [
    *NAMES,
    *("name.familyName", "emails.value", "roles", "urn:x:User:y", "members.value", "meta", ""),
    *('emails[type eq "work"].value', 'emails[type eq "work"]', 'members[value eq "x"]', "a..b"),
    *("emails[not (type pr)].primary", 'members[value co "x" or type eq "y"]', "emails[", "[]"),
]
FILTERS = [
    *('userName eq "x"', 'emails[type eq "work"].value eq "x"', "id pr", 'members eq "x"'),
    *('not (active eq true) and externalId sw "x"', 'meta.created gt "2026-01-01T00:00:00Z"'),
    *('userName co "%_\\\\"', 'meta.created eq "9999-12-31T23:59:59+00:01"', "(((", '"', "\u0000"),
    *('userName eq "\\ud800"', 'displayName eq "x"', "active eq 1e999", "emails eq null"),
]
VALUE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["a@acme.example", "ada@acme.example", "True", "x", "", "\x00", "\ud800"])
    | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*NAMES, "value", "type", "primary"]), inner, max_size=4)
    ),
    max_leaves=8,
)
RESOURCE = st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=6), VALUE, max_size=6)
OPERATION = st.fixed_dictionaries(
    {},
    optional={
        "op": st.sampled_from(["add", "Add", "Replace", "remove", "x"]) | VALUE,
        "path": st.sampled_from(PATHS) | st.text(max_size=20) | VALUE,
        "value": VALUE | RESOURCE,
    },
)
PATCHES = st.fixed_dictionaries({"Operations": st.lists(OPERATION, max_size=4) | VALUE})
BODY = RESOURCE | PATCHES | VALUE


def describe() -> dict[str, Any]:
    """Describe the operations, for schemathesis."""
    query = [
        {"name": name, "in": "query", "schema": schema}
        for name, schema in {
            "filter": {"anyOf": [{"enum": FILTERS}, TEXT]},
            "startIndex": {"type": "integer"},
            "count": {"type": "integer"},
            "attributes": TEXT,
            "excludedAttributes": TEXT,
        }.items()
    ]
    named = {"name": "id", "in": "path", "schema": TEXT, "required": True}
    operation = {
        "type": "object",
        "properties": {
            "op": {"enum": ["add", "Replace", "remove"]},
            "path": {"anyOf": [{"enum": PATHS}, TEXT]},
            "value": {},
        },
        "required": ["op"],
    }
    patch = {
        "type": "object",
        "properties": {"Operations": {"type": "array", "items": operation}},
        "required": ["Operations"],
    }
    resource = {
        "type": "object",
        "properties": {
            "userName": {"enum": ["ada@acme.example", "new@acme.example"]},
            "displayName": TEXT,
            "active": {"type": "boolean"},
            "emails": {"type": "array", "items": {"properties": {"value": TEXT, "type": TEXT}}},
            "members": {"type": "array", "items": {"properties": {"value": TEXT}}},
        },
    }
    answers = {"responses": {"200": {"description": "an answer"}}}

    def takes(schema: dict[str, Any]) -> dict[str, Any]:
        content = {"application/json": {"schema": schema}}
        return {**answers, "requestBody": {"content": content, "required": True}}

    paths: dict[str, Any] = {}
    for kind in ("Users", "Groups"):
        paths[f"/{kind}"] = {"get": {**answers, "parameters": query}, "post": takes(resource)}
        paths[f"/{kind}/{{id}}"] = {
            "parameters": [named],
            "get": answers,
            "put": takes(resource),
            "patch": takes(patch),
            "delete": answers,
        }
    for kind in ("ResourceTypes", "Schemas"):
        paths[f"/{kind}/{{id}}"] = {"parameters": [named], "get": answers}
    return {"openapi": "3.1.0", "info": {"title": "SCIM", "version": "2"}, "paths": paths}


def operations() -> list[Any]:
    """List the described operations, with requests that fit and, if any can be unfit, others."""
    found: Any = schemathesis.openapi.from_dict(describe()).get_all_operations()
    listed = []
    for result in found:
        one = result.ok()
        can_be_unfit = bool(one.body or one.query)
        for mode in GenerationMode:
            if mode is GenerationMode.POSITIVE or can_be_unfit:
                listed.append(pytest.param(one, mode, id=f"{one.label}-{mode.value}"))
    return listed


class Provider:
    """Sends requests from outside the event loop, to a user and a group that exist and others."""

    def __init__(self, portal: Any, scim: Scim) -> None:
        self._portal, self._scim = portal, scim
        self.ids = ["unknown", "\x00", "a b", *portal.call(self._fill)]

    async def _fill(self) -> list[str]:
        user = await self._scim.create("ada@acme.example")
        return [user["id"], await self._scim.group("Navy", user["id"])]

    def send(self, method: str, path: str, body: Any, query: dict[str, str]) -> int:
        """Send a request; return the status."""
        return int(self._portal.call(self._send, method, path, body, query))

    async def _send(self, method: str, path: str, body: Any, query: dict[str, str]) -> int:
        answer = await self._scim.server.http.request(
            method,
            f"/scim/v2{path}",
            params=query,
            content=b"" if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self._scim.token}",
                "Content-Type": "application/json",
            },
        )
        if answer.status_code >= 400:
            assert answer.json()["status"] == str(answer.status_code)
            assert answer.json()["detail"]
        return answer.status_code


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory, seeded_sqlite: Any) -> Iterator[Provider]:
    """One provider for all tests of the file."""
    path = tmp_path_factory.mktemp("scim") / "gatepost.db"
    path.write_bytes(seeded_sqlite.read_bytes())
    starting = running_place(f"sqlite+aiosqlite:///{path}", Clock())
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(starting) as place:
        yield Provider(portal, portal.call(add_directory, place))


_FEW = settings(
    max_examples=12,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize(("operation", "mode"), operations())
@given(data=st.data())
@_FEW
def test_no_request_that_schemathesis_thinks_of_makes_scim_fail_a234(
    provider: Provider, operation: Any, mode: GenerationMode, data: st.DataObject
) -> None:
    case = data.draw(operation.as_strategy(generation_mode=mode))
    sent = case.as_transport_kwargs(base_url=ISSUER)
    body = sent.get("json", sent.get("data"))
    query = {name: str(value) for name, value in (sent["params"] or {}).items()}
    path = operation.path.replace("{id}", data.draw(st.sampled_from([*provider.ids[3:], "x"])))
    body = body if isinstance(body, dict | list | str | int | float | bool) else None
    assert 200 <= provider.send(operation.method.upper(), path, body, query) < 500


@given(
    method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE"]),
    kind=st.sampled_from(["Users", "Groups"]),
    body=BODY,
    text=st.sampled_from(FILTERS) | st.text(max_size=30),
    data=st.data(),
)
@settings(_FEW, max_examples=400)
def test_no_body_and_no_filter_makes_scim_fail_a234(
    provider: Provider, method: str, kind: str, body: Any, text: str, data: st.DataObject
) -> None:
    named = data.draw(st.sampled_from(["", *provider.ids]))
    path = (
        f"/{kind}" if not named else f"/{kind}/{named.replace(' ', '%20').replace(chr(0), '%00')}"
    )
    query = {"filter": text.encode("utf-8", "replace").decode(), "count": "3"}
    body = None if method in {"GET", "DELETE"} else body
    assert 200 <= provider.send(method, path, body, query) < 500
