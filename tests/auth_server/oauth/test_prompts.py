"""What an app says about the pages that a person sees: `prompt`, `login_hint`, `id_token_hint`."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from auth_server.catalogues.reader import CatalogueUnavailable
from auth_server.records.clients.table import Client
from auth_server.records.tenants.table import Tenant
from support.in_process.auth_server import AuthServer
from support.in_process.oauth_client import answer_of
from support.in_process.openid_app import HOME, OpenIdApp, add_openid_app
from support.in_process.person import Page, Person

CROSS_SITE = {"sec-fetch-site": "cross-site"}


@pytest.fixture
async def app(auth_server: AuthServer) -> OpenIdApp:
    """A dashboard that signs people in here."""
    return await add_openid_app(auth_server)


async def silently(app: OpenIdApp, person: Person, **parameters: str) -> dict[str, str]:
    """Ask with `prompt=none` from the app's own site; return the answer to it."""
    app.server.clock.advance(seconds=1)
    begun = await app.ask(prompt="none", **parameters)
    page = await _from_another_site(person, begun["url"])
    assert page.moves_on_to is not None, page.text
    assert page.moves_on_to.startswith(f"{HOME}/callback?")
    answer = answer_of(page.moves_on_to)
    assert (answer["state"], answer["iss"]) == (begun["state"], app.server.issuer)
    if "code" in answer:
        await app.take(begun, page.moves_on_to)
    return answer


async def _from_another_site(person: Person, url: str) -> Page:
    """Follow a link of another site; the redirects after it are of this one."""
    answer = await person.http.get(url, headers=CROSS_SITE)
    return await person._settle(url, answer)


def path(page: Page) -> str:
    """Which page this is."""
    return urlsplit(page.url).path


@pytest.mark.both_databases
async def test_an_app_of_the_operator_renews_a_sign_in_without_a_page(
    auth_server: AuthServer, app: OpenIdApp
) -> None:
    person = auth_server.person()
    first = await app.connect(person)

    answer = await silently(app, person)
    assert "code" in answer
    assert all(app.claims[name] == first[name] for name in ("sub", "sid", "auth_time"))
    answer = await silently(
        app, person, id_token_hint=app.tokens["id_token"], login_hint="Ada@acme.example"
    )
    assert "code" in answer


async def test_what_prompt_none_would_have_shown_is_told_to_the_app_a51(
    auth_server: AuthServer, app: OpenIdApp
) -> None:
    """OpenID Connect Core §3.1.2.6; nothing is approved without a person. A51."""
    ada, bo = auth_server.person(), auth_server.person("bo@globex.example")
    assert (await silently(app, ada))["error"] == "login_required"

    for one in (ada, bo):
        await one.sign_in(await one.open(f"{auth_server.issuer}/account/apps"))
    assert (await silently(app, ada))["error"] == "interaction_required"
    assert (await silently(app, bo))["error"] == "consent_required"

    await app.connect(bo, scope="mcp:read openid")
    assert "code" in await silently(app, bo, scope="mcp:read openid")
    bos = app.tokens["id_token"]
    for parameters, error in (
        ({"scope": "mcp:read mcp:write openid"}, "consent_required"),
        ({"scope": "mcp:read openid email"}, "consent_required"),
        ({"scope": "mcp:read openid", "max_age": "0"}, "login_required"),
        ({"scope": "mcp:read openid", "login_hint": "x@y.example"}, "account_selection_required"),
    ):
        assert (await silently(app, bo, **parameters))["error"] == error
    assert (await silently(app, ada, id_token_hint=bos))["error"] == "login_required"


async def test_prompt_none_passes_no_rule_of_the_organisation_a51(
    auth_server: AuthServer, app: OpenIdApp, change_row: Any
) -> None:
    bo = auth_server.person("bo@globex.example")
    await app.connect(bo)
    await change_row(auth_server, Tenant, "org_globex", required_level=2)
    assert (await silently(app, bo))["error"] == "interaction_required"
    await change_row(auth_server, Tenant, "org_globex", required_level=1, allowed_clients=[])
    assert (await silently(app, bo))["error"] == "interaction_required"


async def test_prompt_none_tells_the_app_that_the_tools_cannot_be_read(
    auth_server: AuthServer, app: OpenIdApp
) -> None:
    """An app that shows no page, such as one in a hidden window, never learns what a page says."""
    auth_server.catalogue = CatalogueUnavailable("down")
    bo = auth_server.person("bo@globex.example")
    await bo.sign_in(await bo.open(f"{auth_server.issuer}/account/apps"))

    assert (await silently(app, bo))["error"] == "temporarily_unavailable"
    page = await bo.open((await app.ask())["url"])
    assert (page.status, "Tools are temporarily unavailable" in page.text) == (503, True)


async def test_another_site_gets_no_silent_code_for_an_app_that_describes_itself_a237(
    auth_server: AuthServer, app: OpenIdApp, change_row: Any
) -> None:
    """A237: such a client has the same id at every authorization server (A37)."""
    await change_row(auth_server, Client, "dashboard", source="document")
    person = auth_server.person("bo@globex.example")
    await app.connect(person)

    page = await _from_another_site(person, (await app.ask(prompt="none"))["url"])
    assert (page.status, page.moves_on_to) == (400, None)
    assert "consent_required" in page.text


async def test_select_account_shows_which_account_is_used(
    auth_server: AuthServer, app: OpenIdApp
) -> None:
    person = auth_server.person()
    await app.connect(person)
    auth_server.clock.advance(seconds=1)

    begun = await app.ask(prompt="select_account")
    page = await person.open(begun["url"])
    assert (path(page), "ada@acme.example" in page.text) == ("/sign-in/account", True)
    page = await person.press(page, "Ada Marsh")
    assert path(page) == "/consent"
    # It was chosen, so the page does not come again.
    assert path(await person.open(page.url)) == "/consent"

    page = await person.open((await app.ask(prompt="select_account"))["url"])
    page = await person.press(page, "Use another account")
    assert path(page) == "/sign-in"
    auth_server.clock.advance(seconds=1)
    person.email = "bo@globex.example"
    page = await person.sign_in(page)
    assert (path(page), "bo@globex.example" in page.text) == ("/consent", True)


async def test_a_fresh_sign_in_has_chosen_the_account(
    auth_server: AuthServer, app: OpenIdApp
) -> None:
    person = auth_server.person("bo@globex.example")
    page = await person.open((await app.ask(prompt="select_account"))["url"])
    auth_server.clock.advance(seconds=1)
    assert path(await person.sign_in(page)) == "/consent"


async def test_an_account_is_chosen_only_by_the_form_of_the_page_that_showed_it(
    auth_server: AuthServer, app: OpenIdApp
) -> None:
    person = auth_server.person("bo@globex.example")
    await app.connect(person)
    auth_server.clock.advance(seconds=1)
    page = await person.open((await app.ask(prompt="select_account"))["url"])

    form = page.forms["/sign-in/account"]
    forged = [("transaction", form.fields["transaction"]), ("proof", "x")]
    assert (await person.send(page, form.action, forged)).status == 403


async def test_nobody_else_answers_for_the_person_of_an_id_token_a238(
    auth_server: AuthServer, app: OpenIdApp
) -> None:
    """A238: OpenID Connect Core §3.1.2.2, never a token for a different person."""
    bo = auth_server.person("bo@globex.example")
    await app.connect(bo)
    begun = await app.ask(id_token_hint=app.tokens["id_token"])

    ada = auth_server.person()
    await ada.sign_in(await ada.open(f"{auth_server.issuer}/account/apps"))
    page = await ada.open(begun["url"])
    assert path(page) == "/sign-in"
    assert "The app expects another account" in page.text
    page = await ada.sign_in(page)
    assert (path(page), "The app expects another account" in page.text) == ("/sign-in", True)
    ada.email = "bo@globex.example"
    assert path(await ada.sign_in(page)) == "/consent"


@pytest.mark.parametrize("hint", ["nonsense", "access_token", "id_token"])
async def test_a_hint_that_is_not_an_id_token_for_this_app_is_refused(
    auth_server: AuthServer, app: OpenIdApp, hint: str
) -> None:
    await app.connect(auth_server.person("bo@globex.example"))
    other = await add_openid_app(auth_server, client_id="other")

    begun = await other.ask(id_token_hint=app.tokens.get(hint, hint))
    answer = await auth_server.http.get(begun["url"])
    refused = answer_of(answer.headers["location"])
    assert refused["error"] == "invalid_request"
    assert refused["error_description"].startswith("id_token_hint")
