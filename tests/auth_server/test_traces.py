"""Traces of the authorization server's requests and jobs."""

import asyncio

import httpx2
import pytest
from opentelemetry.trace import SpanKind

from auth_server.maintenance import maintained
from auth_server.outbound.guarded_fetch import FetchRefused, GuardedFetch
from auth_server.outbound.traced import TracedClient
from auth_server.sign_in_settings import LocalSignIn
from gatepost.tracing import names
from support.in_process.clock import Clock
from support.in_process.grants import connect_without_pages
from support.in_process.providers import Provider
from support.in_process.spans import (
    PARENT,
    TRACE_ID,
    keeping_spans,
    trace_of,
    traced_auth_server,
)


@pytest.mark.both_databases
async def test_a_request_can_be_followed_to_its_statements(database_url: str, clock: Clock) -> None:
    async with traced_auth_server(database_url, clock) as (server, recorded):
        client = await server.client()
        token = (await connect_without_pages(server, client))["refresh_token"]
        recorded.forget()
        form = {
            "grant_type": "refresh_token",
            "refresh_token": token,
            "client_id": client.client_id,
        }
        answer = await server.http.post("/token", data=form, headers={"traceparent": PARENT})
        assert answer.status_code == 200
        page = await server.http.get("/sign-in?return_to=/account/apps")
        assert page.status_code == 200

        request, statements = (
            recorded.one("POST /token"),
            [span for span in recorded.spans if span.name in ("SELECT", "UPDATE", "WITH")],
        )
        assert trace_of(request) == TRACE_ID
        assert (request.attributes or {})[names.HTTP_STATUS] == 200
        assert recorded.one("GET /sign-in").kind is SpanKind.SERVER
        ours = [span for span in statements if recorded.path(span)[-1] == "POST /token"]
        assert len(ours) >= 2
        system = "sqlite" if database_url.startswith("sqlite") else "postgresql"
        for span in ours:
            assert (span.attributes or {})[names.DB_SYSTEM] == system


async def test_no_secret_or_name_of_a_person_is_in_a_span_a188(
    sqlite_url: str, clock: Clock
) -> None:
    async with traced_auth_server(sqlite_url, clock) as (server, recorded):
        client = await server.client()
        person = server.person()
        tokens = await client.connect(person)
        await server.http.get("/invitations/accept?token=query-secret")
        await server.http.get("/path-secret", headers={"baggage": "who=baggage-secret"})
        await server.http.post("/token", data={"grant_type": "x", "client_secret": "form-secret"})

        assert len(recorded.spans) > 30
        held = recorded.text()
        assert "SELECT" in held
        secrets = [
            *("query-secret", "path-secret", "baggage-secret", "form-secret", "gatepost-demo"),
            *("ada@acme.example", "Ada Marsh", "usr_ada", client.client_id, client.state),
            *(tokens["access_token"], tokens["refresh_token"]),
            *(cookie.value for cookie in person.http.cookies.jar if cookie.value),
        ]
        for secret in secrets:
            assert secret not in held


async def test_a_sign_in_can_be_followed_to_the_provider(sqlite_url: str, clock: Clock) -> None:
    provider = Provider(clock)
    ways = (LocalSignIn(kind="local"), provider.settings())
    async with traced_auth_server(sqlite_url, clock, outside=provider.app, sign_in=ways) as (
        server,
        recorded,
    ):
        browser = server.browser()
        left = await browser.get("/sign-in/with/acme-id?return_to=/account/apps")
        recorded.forget()
        await browser.get(provider.handle_callback(left.headers["location"]))

        request = recorded.one("GET /sign-in/return/{name}")
        asked = [span for span in recorded.spans if span.kind is SpanKind.CLIENT]
        hosts = {(span.attributes or {}).get(names.SERVER_ADDRESS) for span in asked}
        redeemed = recorded.one("POST")
        assert recorded.path(redeemed) == ["POST", request.name]
        assert (redeemed.attributes or {})[names.HTTP_STATUS] == 200
        assert any(hosts)


async def test_strangers_cannot_make_every_request_sampled_a187(
    sqlite_url: str, clock: Clock
) -> None:
    async with traced_auth_server(sqlite_url, clock, sample=0, asked_per_minute=2) as (
        server,
        recorded,
    ):
        for _ in range(10):
            await server.http.get("/livez", headers={"traceparent": PARENT})
        assert recorded.names.count("GET /livez") == 2
        clock.advance(minutes=1)
        await server.http.get("/livez", headers={"traceparent": PARENT})
        assert recorded.names.count("GET /livez") == 3
        twice = [("traceparent", PARENT), ("traceparent", PARENT)]
        await server.http.get("/livez", headers=twice)
        assert recorded.names.count("GET /livez") == 3


async def test_a_job_is_a_trace_of_its_own(sqlite_url: str, clock: Clock) -> None:
    async with traced_auth_server(sqlite_url, clock) as (server, recorded):
        seen = asyncio.Event()
        sleeps = iter([None])

        async def sleep(_: float) -> None:
            if next(sleeps, seen) is seen:
                seen.set()
                await asyncio.Event().wait()

        async with maintained(server.opened, sleep=sleep):
            await seen.wait()
        purge = recorded.one("job expired")
        below = [span for span in recorded.spans if recorded.path(span)[-1] == "job expired"]
        assert purge.parent is None
        assert len(below) > 5


async def test_requests_to_other_servers_do_not_name_the_trace_a188(clock: Clock) -> None:
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(204)

    async with (
        keeping_spans(clock) as recorded,
        TracedClient(transport=httpx2.MockTransport(answer)) as http,
    ):
        await http.get("https://api.example/untraced")
        with recorded.tracing.serving("request", {}):
            await http.post("https://api.example/path-secret?key=query-secret")
            with pytest.raises(FetchRefused):
                await GuardedFetch()("https://127.0.0.1/path-secret")

        post, get = recorded.one("POST"), recorded.one("GET")
        assert (post.attributes or {})[names.SERVER_ADDRESS] == "api.example"
        assert (get.attributes or {})[names.ERROR] == "FetchRefused"
        assert "secret" not in recorded.text()
        assert all("traceparent" not in request.headers for request in seen)
