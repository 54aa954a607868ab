"""How strong a sign-in is: `acr_values` of a request, `acr` and `amr` of an ID token."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from auth_server.records.second_factors.table import Passkey
from support.in_process.auth_server import AuthServer, running_auth_server
from support.in_process.authenticator import Authenticator
from support.in_process.clock import Clock
from support.in_process.openid_app import OpenIdApp, add_openid_app
from support.in_process.person import Page, Person

ISSUER = "http://localhost:8400"
ONE, TWO, STRONG = "urn:gatepost:acr:1fa", "urn:gatepost:acr:2fa", "phr"
ASKS = "Dashboard asks for a stronger sign-in"


@dataclass
class Place:
    """A server that can have passkeys, an app, and Ada at her browser."""

    server: AuthServer
    app: OpenIdApp
    ada: Person

    async def ask(self, acr_values: str, **parameters: str) -> tuple[dict[str, Any], Page]:
        """Have the app ask; return what it began, and the page that Ada comes to."""
        self.server.clock.advance(seconds=1)
        begun = await self.app.ask(acr_values=acr_values, **parameters)
        return begun, await self.ada.reach_consent(begun["url"])

    async def add_passkey(self) -> Authenticator:
        """Let Ada add a passkey, and sign in again with her password alone."""
        page = await self.ada.open(f"{ISSUER}/account/security")
        page = await self.ada.sign_in(page)
        device, form = Authenticator(), page.forms["/account/security/passkeys"]
        fields = {**form.fields, "credential": device.create(form.options)}
        added = await self.ada.send(page, form.action, list(fields.items()))
        assert added.status == 200, added.text
        self.ada = self.server.person()
        await self.ada.sign_in(await self.ada.open(f"{ISSUER}/account/apps"))
        return device

    async def use(self, page: Page, device: Authenticator) -> Page:
        """Sign in with a passkey; a tenant is chosen again."""
        form = page.forms["/sign-in/passkey"]
        fields = {**form.fields, "credential": device.get(form.options)}
        return await self.choose(await self.ada.send(page, form.action, list(fields.items())))

    async def choose(self, page: Page) -> Page:
        """Choose Acme, if asked."""
        asked = urlsplit(page.url).path == "/tenant"
        return await self.ada.press(page, "Acme") if asked else page

    async def approve(self, begun: dict[str, Any], page: Page) -> dict[str, Any]:
        """Approve; return the claims of the ID token."""
        page = await self.ada.press(page, "Approve")
        return await self.app.take(begun, page.moves_on_to or "")


@pytest.fixture
async def place(sqlite_url: str, clock: Clock) -> AsyncIterator[Place]:
    """Where passkeys are possible."""
    async with running_auth_server(sqlite_url, clock, issuer=ISSUER) as server:
        yield Place(server, await add_openid_app(server), server.person())


async def test_a_person_with_a_passkey_is_asked_for_it_where_the_app_prefers_it(
    place: Place,
) -> None:
    device = await place.add_passkey()
    for wanted in (TWO, STRONG, f"unknown {STRONG} {ONE}"):
        begun, page = await place.ask(wanted)
        assert ASKS in page.text, wanted
        assert ("Sign in again" in page.text) == (wanted == TWO)

    page = await place.use(page, device)
    claims = await place.approve(begun, page)
    assert (claims["acr"], claims["amr"]) == (STRONG, ["pop", "user", "mfa"])

    for wanted in (ONE, TWO, STRONG):
        _, page = await place.ask(wanted)
        assert ASKS not in page.text


async def test_a_person_may_go_on_and_the_app_is_told_the_truth_a239(place: Place) -> None:
    """A239: `acr_values` is a wish (OpenID Connect Core §5.5.1.1); `acr` is never more than there was."""
    await place.add_passkey()
    begun, page = await place.ask(STRONG)
    claims = await place.approve(begun, await place.ada.press(page, "Go on as I am signed in"))

    assert (claims["acr"], claims["amr"]) == (ONE, ["pwd"])


async def test_a_person_without_a_second_factor_is_not_asked_to_add_one(place: Place) -> None:
    for wanted in (ONE, TWO, STRONG, "unknown"):
        begun, page = await place.ask(wanted)
        assert "Approve" in page.text, wanted
    assert (await place.approve(begun, page))["acr"] == ONE


async def test_a_silent_request_gets_the_sign_in_that_there_is(place: Place) -> None:
    await place.add_passkey()
    begun, page = await place.ask(ONE)
    await place.approve(begun, page)

    begun = await place.app.ask(acr_values=STRONG, prompt="none")
    page = await place.ada.open(begun["url"])
    assert (await place.app.take(begun, page.moves_on_to or ""))["acr"] == ONE


async def test_nobody_goes_on_with_a_form_that_the_page_did_not_make_a239(place: Place) -> None:
    await place.add_passkey()
    _, page = await place.ask(STRONG)
    form = page.forms["go-on"]
    forged = [("transaction", form.fields["transaction"]), ("proof", "x")]
    assert (await place.ada.send(page, form.action, forged)).status == 403


async def test_a_lost_passkey_is_asked_for_no_longer(place: Place, change_row: Any) -> None:
    device = await place.add_passkey()
    _, page = await place.ask(STRONG)
    credential = device.get(page.forms["/sign-in/passkey"].options)
    import json

    await change_row(place.server, Passkey, json.loads(credential)["id"])
    assert "Approve" in (await place.ada.open(page.url)).text
