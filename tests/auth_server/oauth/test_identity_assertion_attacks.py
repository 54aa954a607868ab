"""Odd assertions, slow providers, and what happens at the same moment."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from auth_server.oauth.provider_logout import EVENT
from auth_server.records.client_assertions.store import purge_assertions
from auth_server.records.grants.store import list_live_grants
from auth_server.records.tenant_apps.table import AppCeiling
from auth_server.sign_in_settings import LocalSignIn
from support.in_process.auth_server import running_auth_server
from support.in_process.clock import Clock
from support.in_process.customers_place import NOBODY, Place, running_place
from support.in_process.providers import MAPPING, Provider
from support.in_process.tenant_apps import App, add_app, set_app

READ = ["list_projects", "list_tasks"]


@pytest.fixture
async def place(sqlite_url: str, clock: Clock) -> AsyncIterator[Place]:
    """A server where Ada is an admin of Acme alone, whose provider can sign her in."""
    async with running_place(sqlite_url, clock) as made:
        await made.leave_globex()
        yield made


@pytest.fixture
async def app(place: Place) -> App:
    """An app that Acme connects to read."""
    made = await add_app(place)
    await set_app(place)
    return made


async def test_a_header_that_is_not_one_is_refused_and_fails_nothing_a148(
    place: Place, app: App
) -> None:
    _, body, signature = app.assertion().split(".")
    kind = {"typ": "oauth-id-jag+jwt"}
    for header in (
        {"alg": ["ES256"], **kind},
        {"alg": {}, **kind},
        {"alg": None, **kind},
        {"alg": "ES256", "kid": ["key-1"], **kind},
        {"alg": "ES256", "typ": {}},
        ["alg"],
        [["alg", "ES256"], ["typ", "oauth-id-jag+jwt"]],
        "alg",
        5,
    ):
        text = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
        assert "signature" in await app.refused(f"{text}.{body}.{signature}"), header
        token = {"logout_token": f"{text}.{body}.{signature}"}
        answer = await place.server.http.post("/provider-logout/acme-id", data=token)
        assert answer.status_code == 400, header


async def test_many_requests_wait_once_for_a_provider_that_does_not_answer(
    place: Place, app: App
) -> None:
    place.acme.down = True

    async def wait() -> None:
        place.server.clock.advance(seconds=10)

    place.acme.before = wait
    began = place.server.clock()
    answers = await asyncio.gather(*(app.send(app.assertion()) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {503}
    assert (place.server.clock() - began).total_seconds() == 10


async def test_a_strangers_unknown_key_holds_up_nobody_while_the_provider_is_slow_a148(
    place: Place, app: App
) -> None:
    await app.connect()
    place.server.clock.advance(seconds=31)
    meanwhile = []

    async def wait() -> None:
        meanwhile.append(await app.connect())

    place.acme.before = wait
    place.acme.published = [place.acme.key.public]
    async with asyncio.timeout(20):
        assert "signature" in await app.refused(app.assertion(header={"kid": "stranger"}))
    assert len(meanwhile) == 1


async def test_an_assertion_for_scopes_of_nothing_here_does_not_give_the_requested_ones_a148(
    place: Place, app: App
) -> None:
    for claimed in ("openid profile", "offline_access", ""):
        for asked in ({}, {"scope": "mcp:read"}):
            answer = await app.send(app.assertion(scope=claimed), **asked)
            assert answer.json()["error"] == "invalid_scope", claimed
    await app.connect()


async def test_an_assertion_is_not_forgotten_while_its_replay_waits_for_the_provider_a148(
    place: Place, app: App
) -> None:
    await app.connect()
    place.server.clock.advance(minutes=57)
    used = app.assertion()
    assert (await app.send(used)).status_code == 200
    # The provider's documents are an hour old now, and the assertion is accepted for ten more seconds.
    place.server.clock.advance(minutes=5, seconds=20)

    async def wait() -> None:
        place.server.clock.advance(seconds=15)
        async with place.server.opened.transaction() as db:
            await purge_assertions(db, before=place.server.clock())

    place.acme.before = wait
    assert "jti" in await app.refused(used)


async def test_an_issuer_at_which_everybody_signs_in_speaks_for_no_tenant_a149(
    sqlite_url: str, clock: Clock
) -> None:
    shared = Provider(clock)
    customers = shared.settings(customer=True, claims=NOBODY)
    ways = (LocalSignIn(kind="local"), customers)
    async with running_auth_server(sqlite_url, clock, outside=shared.app, sign_in=ways) as server:
        place = Place(server, shared, shared)
        await place.leave_globex()
        await place.verify("org_acme", "acme.example")
        await place.assign("org_acme", "acme-id")
        app = await add_app(place)
        await set_app(place)
        await app.connect()
    # Later, the operator adds the same issuer as a way in for everybody.
    mapping = MAPPING.model_copy(update={"allowed_tenants": ("org_acme",)})
    general = shared.settings(name="general", title="General", claims=mapping)
    more = (*ways, general)
    async with running_auth_server(sqlite_url, clock, outside=shared.app, sign_in=more) as server:
        app = App(Place(server, shared, shared))
        assert "iss" in await app.refused(app.assertion())


async def test_a_person_in_too_many_groups_does_not_get_what_everybody_else_gets(
    place: Place, app: App
) -> None:
    overage: dict[str, Any] = {
        "_claim_names": {"groups": "src1"},
        "_claim_sources": {"src1": {"endpoint": "https://graph.example/groups"}},
    }
    # Without ceilings for groups, they do not matter.
    assert (await app.connect(**overage))["allowed_tools"] == READ
    guests = AppCeiling("guests", frozenset({"list_projects"}), "")
    everybody = AppCeiling("", frozenset({"@read", "@write"}), "")
    await set_app(place, ceilings=(guests, everybody))
    assert "too many" in await app.refused(app.assertion(**overage))
    claims = await app.connect(groups=["guests"], **overage)
    assert claims["allowed_tools"] == ["list_projects"]


@pytest.mark.both_databases
async def test_nothing_is_connected_after_a_logout_at_the_same_moment_a189(
    database_url: str, clock: Clock
) -> None:
    async with running_place(database_url, clock) as place:
        await place.leave_globex()
        app = await add_app(place)
        await set_app(place)
        await app.connect()

        async def log_out(number: int) -> int:
            now = int(clock().timestamp())
            claims = {
                "iss": place.acme.issuer,
                "aud": place.acme.client_id,
                "sub": "idp of ada@acme.example",
                "iat": now,
                "exp": now + 120,
                "jti": f"logout {number}",
                "events": {EVENT: {}},
            }
            form = {"logout_token": place.acme.key.sign(claims, typ="logout+jwt")}
            answer = await place.server.http.post("/provider-logout/acme-id", data=form)
            return answer.status_code

        for number in range(8):
            before = [app.assertion() for _ in range(4)]
            clock.advance(seconds=2)
            sent = [app.send(one) for one in before]
            _, _, status, *_ = await asyncio.gather(*sent[:2], log_out(number), *sent[2:])
            assert status == 200
            async with place.server.opened.database.reading() as db:
                assert await list_live_grants(db, tenant_id="org_acme") == []


async def test_an_assertion_from_before_a_logout_does_not_count_if_the_providers_clock_is_ahead_a189(
    place: Place, app: App
) -> None:
    await app.connect()
    ahead = Clock()
    ahead.advance(seconds=25)
    place.acme.clock = ahead
    unused = app.assertion()
    place.server.clock.advance(seconds=2)
    ahead.advance(seconds=2)
    now = int(ahead().timestamp())
    claims = {
        "iss": place.acme.issuer,
        "aud": place.acme.client_id,
        "sub": "idp of ada@acme.example",
        "iat": now,
        "exp": now + 120,
        "jti": "logout",
        "events": {EVENT: {}},
    }
    form = {"logout_token": place.acme.key.sign(claims, typ="logout+jwt")}
    answer = await place.server.http.post("/provider-logout/acme-id", data=form)
    assert answer.status_code == 200
    assert "ended at the provider" in await app.refused(unused)
    ahead.advance(seconds=1)
    await app.connect()
