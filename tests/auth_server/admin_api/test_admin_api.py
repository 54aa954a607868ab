"""Operators' programs read and change what their tokens allow, and nothing else."""

import json
import re
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from sqlmodel import col, select

from auth_server.admin_api.app import ADMIN_API_PATH
from auth_server.records.audit.table import AuditEntry
from support.in_process.admin_api import PROBLEM, AdminApi, admin_api, least_body
from support.in_process.auth_server import ISSUER, AuthServer
from support.in_process.grants import connect_without_pages
from support.in_process.loop_steps import watched_steps


@pytest.mark.both_databases
async def test_a_program_turns_the_pages_of_all_tenants(auth_server: AuthServer) -> None:
    api = await admin_api(auth_server)
    for number in range(5):
        body = {"name": f"Tenant {number}", "plan": "pro"}
        added = await api.call("PUT", f"/tenants/org_{number}", json=body)
        assert (added.status_code, added.json()["plan"]) == (201, "pro")

    seen, after = [], ""
    while True:
        answer = (await api.call("GET", "/tenants", params={"limit": 3, "after": after})).json()
        seen += [tenant["tenant_id"] for tenant in answer["items"]]
        if answer["next"] is None:
            break
        after = answer["next"]

    assert seen == sorted(["org_acme", "org_globex", *(f"org_{number}" for number in range(5))])
    found = await api.call("GET", "/tenants", params={"search": "TENANT 3"})
    assert [tenant["tenant_id"] for tenant in found.json()["items"]] == ["org_3"]


async def test_a_disabled_tenant_is_shown_and_its_access_ends(
    sqlite_server: AuthServer, read_token: Any
) -> None:
    client = await sqlite_server.client()
    tokens = await connect_without_pages(sqlite_server, client)
    api = await admin_api(sqlite_server)

    done = await api.call("PUT", "/tenants/org_acme/disabled", json={"disabled": True})

    assert done.json()["disabled_at"] is not None
    refused = await client.refresh(tokens["refresh_token"])
    assert refused.status_code == 400


async def test_the_audit_log_names_the_token_that_changed_something(
    sqlite_server: AuthServer,
) -> None:
    api = await admin_api(sqlite_server)
    await api.call("PUT", "/tenants/org_acme", json={"name": "Acme Ltd", "plan": "pro"})

    async with sqlite_server.opened.database.reading() as db:
        query = select(AuditEntry).order_by(col(AuditEntry.number).desc()).limit(1)
        entry = (await db.execute(query)).scalar_one()
    assert entry.event == "tenant.changed"
    assert json.loads(entry.detail)["operator"].startswith("token ")


@pytest.mark.parametrize("token", ["", "gatepost_admin_guess", "mcp_live_x"])
async def test_a_guessed_token_gets_nothing(table_server: AuthServer, token: str) -> None:
    answer = await AdminApi(table_server.http, token).call("GET", "/tenants")

    assert answer.status_code == 401
    assert answer.headers["content-type"] == PROBLEM


async def test_a_token_never_makes_one_that_may_do_more_than_itself(
    sqlite_server: AuthServer,
) -> None:
    api = await admin_api(sqlite_server, ["operators:write", "tenants:read"])

    more = await api.call("POST", "/tokens", json={"label": "x", "scopes": ["people:write"]})
    less = await api.call("POST", "/tokens", json={"label": "x", "scopes": ["tenants:read"]})

    assert more.status_code == 403
    assert less.status_code == 201
    made = AdminApi(sqlite_server.http, less.json()["token"])
    assert (await made.call("GET", "/tenants")).status_code == 200
    assert (await made.call("GET", "/operators")).status_code == 403


async def test_an_expired_and_a_revoked_token_end_at_once(sqlite_server: AuthServer) -> None:
    mine = await admin_api(sqlite_server)
    short = await admin_api(sqlite_server, lifetime=timedelta(hours=1))
    listed = (await mine.call("GET", "/tokens")).json()
    assert all(short.token not in json.dumps(token) for token in listed)

    sqlite_server.clock.advance(hours=1)
    assert (await short.call("GET", "/tenants")).status_code == 401

    newest = min(listed, key=lambda token: token["expires_at"])
    assert (await mine.call("DELETE", f"/tokens/{newest['token_id']}")).status_code == 204
    assert (await mine.call("DELETE", f"/tokens/{newest['token_id']}")).status_code == 404


@pytest.mark.both_databases
async def test_no_operation_fails_because_of_characters_that_no_database_stores(
    auth_server: AuthServer,
) -> None:
    """PostgreSQL refuses NUL in every text."""
    api = await admin_api(auth_server)
    document = (await api.call("GET", "/openapi.json")).json()
    for path, operations in document["paths"].items():
        odd, plain = re.sub(r"\{\w+\}", "x%00", path), re.sub(r"\{\w+\}", "x", path)
        for method, operation in operations.items():
            if odd != path:
                answer = await api.call(method, odd, json=least_body(document, method, path))
                assert answer.status_code == 422, (method, odd, answer.text)
            texts = [
                one["name"]
                for one in operation.get("parameters", ())
                if one["in"] == "query" and one["schema"].get("type") == "string"
            ]
            for name in texts:
                answer = await api.call(method, f"{plain}?{name}=x%00")
                assert answer.status_code == 422, (method, plain, name, answer.text)
                assert name in [error["field"] for error in answer.json()["errors"]]
            least = least_body(document, method, path) or {}
            for name in least:
                answer = await api.call(method, plain, json={**least, name: "x\x00"})
                assert answer.status_code == 422, (method, plain, name, answer.text)


_OPEN = b"[" * 20_000


@pytest.mark.parametrize("kind", ["application/json", "application/merge-patch+json", ""])
@pytest.mark.parametrize("body", [_OPEN, b'{"name": ' + _OPEN + b"]" * 20_000 + b"}"])
async def test_a_deep_body_makes_no_operation_fail(
    table_server: AuthServer, kind: str, body: bytes
) -> None:
    api = await admin_api(table_server)
    headers = {"Authorization": f"Bearer {api.token}", "Content-Type": kind}
    for path, method in (("/tenants/org_acme", "PUT"), ("/tokens", "POST")):
        answer = await table_server.http.request(
            method, f"{ADMIN_API_PATH}{path}", content=body, headers=headers
        )
        assert answer.status_code in {400, 422}, answer.text
        assert answer.headers["content-type"] == PROBLEM


@pytest.mark.parametrize("kind", ["application/json", ""])
async def test_a_strangers_long_body_is_neither_kept_nor_read(
    table_server: AuthServer, kind: str
) -> None:
    """The framework reads a body before it asks for the token."""

    async def endless() -> AsyncIterator[bytes]:
        yield b"["
        for _ in range(1_000):
            yield b"1," * 5_000

    with watched_steps() as steps:
        answer = await table_server.http.post(
            f"{ADMIN_API_PATH}/tokens", content=endless(), headers={"Content-Type": kind}
        )
    assert (answer.status_code, answer.headers["content-type"]) == (413, PROBLEM)
    assert answer.json()["detail"] == "the body is larger than 65536 bytes"
    assert steps.bounded


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
async def test_a_time_that_utc_does_not_have_is_refused(table_server: AuthServer, at: str) -> None:
    """The first and the last day of the calendar overflow where they become UTC."""
    api, time = await admin_api(table_server), quote(at)
    added = await api.call(
        "POST",
        "/webhooks",
        json={"url": "https://hooks.example.com/in", "types": ["grant.created"]},
    )
    endpoint = added.json()["endpoint_id"]
    tenant, month = "/books/tenants/org_acme", at[:7]
    paths = {
        "after": [
            *(
                f"{path}?after={time}~x"
                for path in ("/calls", "/billing/events", "/books/refused", "/plans/requests")
            ),
            f"/webhooks/{endpoint}/deliveries?after={time}~x",
        ],
        "since": [f"{path}?since={time}" for path in ("/calls", "/calls/export", "/audit")],
        "month": [f"/books?month={month}", f"{tenant}?month={month}"],
        "hour": [f"{tenant}/calls?meter=calls&hour={time}"],
    }
    for field, some in paths.items():
        for path in some:
            answer = await api.call("GET", path)
            assert answer.status_code == 422, (path, answer.text)
            assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "field"),
    [
        ("PUT", "/tenants/org_x", {"name": "", "plan": "pro"}, 422, "name"),
        ("PUT", "/tenants/org_x", {"name": "x", "plan": "gold"}, 422, "plan"),
        ("PUT", "/tenants/org_x", {"name": "x", "plam": "pro"}, 422, "plam"),
        ("GET", "/tenants?limit=0", None, 422, "limit"),
        ("GET", "/tenants/org_none", None, 404, ""),
        ("PUT", "/operators/usr_none", {"role": "viewer"}, 404, ""),
        ("PUT", "/operators/usr_ada", {"role": "king"}, 422, "role"),
        ("POST", "/tokens", {"label": "x", "scopes": ["all:read"]}, 422, "scopes"),
        ("POST", "/tokens", {"label": "x", "scopes": []}, 422, "scopes"),
        ("GET", "/nothing", None, 404, ""),
        ("POST", "/tenants", None, 405, ""),
    ],
)
async def test_a_refusal_names_the_field_in_problem_details(
    table_server: AuthServer,
    method: str,
    path: str,
    body: dict[str, Any] | None,
    status: int,
    field: str,
) -> None:
    api = await admin_api(table_server)
    answer = await api.call(method, path, **({} if body is None else {"json": body}))

    assert answer.status_code == status
    assert answer.headers["content-type"] == PROBLEM
    assert answer.json()["status"] == status
    if field:
        assert field in [error["field"] for error in answer.json()["errors"]]


async def test_strangers_who_read_the_openapi_document_hold_nobody_up(
    sqlite_server: AuthServer,
) -> None:
    with watched_steps() as first:
        document = await sqlite_server.http.get(f"{ADMIN_API_PATH}/openapi.json")
    again = await sqlite_server.http.get(f"{ADMIN_API_PATH}/openapi.json")
    assert (document.status_code, document.headers["content-type"]) == (200, "application/json")
    assert document.content == again.content
    assert first.longest < 0.5  # To make it takes twice as long.


async def test_the_openapi_document_is_public_and_names_every_scope(
    table_server: AuthServer,
) -> None:
    document = (await table_server.http.get(f"{ADMIN_API_PATH}/openapi.json")).json()

    assert document["servers"] == [{"url": ADMIN_API_PATH}]
    for path in document["paths"].values():
        for operation in path.values():
            assert "Requires `" in operation["description"]
            assert "401" in operation["responses"]


async def test_whoever_reads_the_document_finds_no_two_operations_of_one_name(
    table_server: AuthServer,
) -> None:
    document = (await table_server.http.get(f"{ADMIN_API_PATH}/openapi.json")).json()

    operations = [one for path in document["paths"].values() for one in path.values()]
    summaries = Counter(one["summary"] for one in operations)
    assert [name for name, times in summaries.items() if times > 1] == []


async def test_every_path_of_the_api_answers_with_a_problem_whatever_the_method(
    table_server: AuthServer,
) -> None:
    paths = ("", "/", "//", "/people/..", "/people/%2e%2e", "/x/../..%2f", "/nothing", "/%ff")
    for method in ("GET", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "TRACE"):
        for path in paths:
            url = httpx2.URL(ISSUER).copy_with(raw_path=f"/admin/v1{path}".encode())
            answer = await table_server.http.request(method, url)
            assert answer.status_code in {401, 404, 405}, (method, path, answer.text)
            assert answer.headers["content-type"] == PROBLEM, (method, path, answer.text)
