"""What a customer's provider ends for a person is over here at once, and stays over for its past."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from auth_server.oauth.provider_logout import EVENT
from auth_server.records.client_assertions.store import purge_assertions
from auth_server.records.grants.store import list_live_grants
from auth_server.records.revocations.store import list_by_names
from gatepost.revocations import Kind
from support.in_process.clock import Clock
from support.in_process.customers_place import Place, running_place
from support.in_process.grants import connect_without_pages
from support.in_process.providers import Provider
from support.in_process.tenant_apps import App, add_app, set_app

ADA = "idp of ada@acme.example"


@pytest.fixture
async def place(sqlite_url: str, clock: Clock) -> AsyncIterator[Place]:
    """A server where Ada is an admin of Acme alone, whose provider can sign her in."""
    async with running_place(sqlite_url, clock) as made:
        await made.leave_globex()
        yield made


@pytest.fixture
async def app(place: Place) -> App:
    """An app that Acme connects."""
    made = await add_app(place)
    await set_app(place)
    return made


async def log_out(
    place: Place, name: str = "acme-id", provider: Provider | None = None, **changes: Any
) -> httpx2.Response:
    """Send a logout token about Ada; a claim of None is left out."""
    provider = provider or place.acme
    now = int(place.server.clock().timestamp())
    header = changes.pop("header", {"typ": "logout+jwt"})
    claims = {
        "iss": provider.issuer,
        "aud": provider.client_id,
        "sub": ADA,
        "iat": now,
        "exp": now + 120,
        "jti": f"logout at {now} {len(provider.requests)}",
        "events": {EVENT: {}},
        **changes,
    }
    token = provider.key.sign({k: v for k, v in claims.items() if v is not None}, **header)
    return await place.server.http.post(f"/provider-logout/{name}", data={"logout_token": token})


async def test_a_person_who_left_at_the_provider_is_out_at_once(place: Place, app: App) -> None:
    mine = await connect_without_pages(place.server)
    ada, page = await place.sign_in(place.acme, "ada@acme.example")
    assert page.status == 200
    claims = await app.connect()
    place.server.clock.advance(seconds=2)

    answer = await log_out(place)

    assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store"
    assert "/sign-in" in (await ada.open("/account/apps")).url
    async with place.server.opened.database.reading() as db:
        named: list[tuple[Kind, str]] = [("grant", claims["grant_id"])]
        told = await list_by_names(db, named, now=place.server.clock())
        live = await list_live_grants(db, person_id="usr_ada")
    assert [one.key for one in told] == [claims["grant_id"]]
    # What she approved herself is hers.
    assert [one.by_tenant for one in live] == [False] and mine["refresh_token"]
    # A later sign-in at the provider connects the app again.
    place.server.clock.advance(seconds=1)
    assert (await app.connect())["grant_id"] != claims["grant_id"]


async def test_an_assertion_from_before_a_logout_does_not_count_a189(
    place: Place, app: App
) -> None:
    await app.connect()
    unused = app.assertion()
    place.server.clock.advance(seconds=2)
    assert (await log_out(place)).status_code == 200
    assert "ended at the provider" in await app.refused(unused)


async def test_a_logout_token_is_refused_for_each_claim_that_is_not_ours_a189(
    place: Place, app: App
) -> None:
    await app.connect()
    now = int(place.server.clock().timestamp())
    attacks: tuple[dict[str, Any], ...] = (
        {"aud": "another-client"},
        {"aud": None},
        {"iss": "https://id.globex.example"},
        {"events": None},
        {"events": {"http://schemas.openid.net/event/other": {}}},
        {"events": {EVENT: True}},
        {"nonce": "n"},
        {"iat": None},
        {"iat": now - 400},
        {"iat": now + 400},
        {"sub": None},
        {"sub": None, "sid": "s"},
        {"jti": None},
    )
    for claims in attacks:
        answer = await log_out(place, **claims)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), claims
    # Another provider's token, at either URL, and an assertion or another form.
    for name in ("globex-id", "local", "nobody"):
        assert (await log_out(place, name)).status_code == 400
    assert (await log_out(place, "acme-id", place.globex)).status_code == 400
    for data in ({"logout_token": app.assertion()}, {"logout_token": "x"}, {}):
        answer = await place.server.http.post("/provider-logout/acme-id", data=data)
        assert answer.status_code == 400
    async with place.server.opened.database.reading() as db:
        assert len(await list_live_grants(db, person_id="usr_ada")) == 1
    # Globex's provider ends nothing of Ada, whom only Acme's knows.
    assert (await log_out(place, "globex-id", place.globex)).status_code == 200
    async with place.server.opened.database.reading() as db:
        assert len(await list_live_grants(db, person_id="usr_ada")) == 1
    assert (await log_out(place, jti="once")).status_code == 200
    assert (await log_out(place, jti="once")).status_code == 400


async def test_a_logout_token_of_a_clock_that_is_ahead_works_once_too_a189(
    place: Place, app: App
) -> None:
    now = int(place.server.clock().timestamp())
    same: dict[str, Any] = {"iat": now + 320, "exp": now + 1000, "jti": "the same"}
    assert (await log_out(place, **same)).status_code == 200
    place.server.clock.advance(seconds=640)
    async with place.server.opened.transaction() as db:
        await purge_assertions(db, before=place.server.clock())
    assert (await log_out(place, **same)).status_code == 400
