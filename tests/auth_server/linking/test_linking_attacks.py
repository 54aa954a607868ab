"""Attacks on the linking of accounts: what must be refused, and what nobody may learn."""

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from starlette.responses import JSONResponse
from structlog.testing import capture_logs

from gatepost.linked_tokens import LINKED_TOKENS_PATH
from support.in_process.clock import Clock
from support.in_process.link_provider import (
    OTHER_RESOURCE,
    Place,
    ask_for_token,
    connect,
    grant_of,
    leave,
    link,
)
from support.in_process.person import Page, Person
from support.in_process.revocations import assertions

ACCOUNT = "/account/link?provider=orbit&tenant=org_acme"


async def sign_in(place: Place, email: str = "ada@acme.example") -> Person:
    """Sign somebody in with a browser of their own."""
    person = place.server.person(email)
    await person.sign_in(await person.open("/sign-in?return_to=/account/apps"))
    return person


async def begin(place: Place, person: Person, page: str = ACCOUNT) -> str:
    """Go to the provider; return the URL there."""
    return await leave(person, await person.open(page))


async def refused(place: Place, person: Person, callback: str) -> Page:
    """Open a callback that must link nothing; return the page."""
    page = await person.open(callback)
    assert page.status in {403, 503}, page.text
    assert await place.rows() == []
    return page


async def test_an_answer_of_another_server_is_not_taken_a280(place: Place) -> None:
    """Mix-up: by `iss` (RFC 9207 §2.4), and by the address of each provider (RFC 9700 §4.4.2)."""
    person = await sign_in(place)
    for iss in ("https://login.harbour.example", "https://login.orbit.example/", ""):
        url = await begin(place, person)
        await refused(place, person, place.orbit.approve(url, iss=iss))
    url = await begin(place, person)
    at_harbours = place.orbit.approve(url).replace("/link/return/orbit", "/link/return/harbour")
    await person.open(at_harbours)
    assert await place.rows() == []


async def test_a_code_is_never_sent_to_a_server_that_did_not_issue_it_a280(place: Place) -> None:
    person = await sign_in(place)
    url = await begin(place, person)
    place.orbit.begun.clear()
    await refused(place, person, place.orbit.approve(url, iss="https://login.harbour.example"))
    assert not place.orbit.begun.is_set()


async def test_a_link_that_one_browser_began_links_nothing_in_another_a281(place: Place) -> None:
    mallory, victim = await sign_in(place, "bo@globex.example"), await sign_in(place)
    page = "/account/link?provider=orbit&tenant=org_globex"
    callback = place.orbit.approve(await begin(place, mallory, page))
    page_of_victim = await victim.open(callback)
    assert page_of_victim.status == 400 and await place.rows() == []


async def test_an_answer_is_taken_once_and_for_ten_minutes_a281(place: Place, clock: Clock) -> None:
    person = await sign_in(place)
    callback = place.orbit.approve(await begin(place, person))
    await person.open(callback)
    again = await person.open(callback)
    assert again.status == 400 and "expired" in again.text
    late = place.orbit.approve(await begin(place, person))
    clock.advance(minutes=11)
    assert (await person.open(late)).status == 400
    assert len(await place.rows()) == 1


async def test_a_state_of_a_sign_in_is_none_of_a_link_a281(place: Place) -> None:
    person = await sign_in(place)
    state = parse_qs(urlsplit(await begin(place, person)).query)["state"][0]
    for path in ("/sign-in/return/orbit", "/link/return/nobody", "/link/return/link"):
        answer = await person.http.get(f"{path}?{urlencode({'state': state, 'code': 'c'})}")
        assert answer.status_code in {400, 404}
    assert await place.rows() == []


async def test_a_code_of_somebody_else_is_not_redeemed_a282(place: Place) -> None:
    """Mallory puts the victim's code into their own answer; PKCE binds it to the victim's browser."""
    victim, mallory = await sign_in(place), await sign_in(place, "bo@globex.example")
    stolen = parse_qs(urlsplit(place.orbit.approve(await begin(place, victim))).query)["code"][0]
    own = await begin(place, mallory, "/account/link?provider=orbit&tenant=org_globex")
    page = await refused(place, mallory, place.orbit.approve(own, code=stolen))
    assert "did not accept the request" in page.text


async def test_an_account_is_linked_only_for_who_began_and_in_that_tenant_a283(
    place: Place,
) -> None:
    """In one browser: another person signs in meanwhile, or another organisation is chosen."""
    person = await sign_in(place)
    callback = place.orbit.approve(await begin(place, person))
    apps = await person.open("/account/apps")
    other = Person(person.http, "bo@globex.example")
    await other.sign_in(await other.press(apps, "Sign out"))
    assert (await other.open(callback)).status in {400, 404}
    client, ada = await place.server.client(), await sign_in(place)
    page = await ada.reach_consent(client.authorize_url())
    callback = place.orbit.approve(await leave(ada, page))
    tenants = await ada.open(page.url.replace("/link", "/tenant"))
    await ada.press(tenants, "Globex")
    assert (await ada.open(callback)).status == 400
    assert await place.rows() == []


async def test_no_other_site_and_no_made_up_form_begins_a_link_a283(place: Place) -> None:
    person = await sign_in(place)
    page = await person.open(ACCOUNT)
    fields = page.forms["/link"].fields
    for changes in ({"proof": "made-up"}, {"tenant": "org_globex"}, {"provider": "harbour"}):
        answer = await person.http.post("/link", data={**fields, **changes})
        assert answer.status_code == 403, answer.text
    headers = {"sec-fetch-site": "cross-site"}
    assert (await person.http.post("/link", data=fields, headers=headers)).status_code == 403


async def test_nobody_gets_or_ends_what_another_person_or_tenant_linked_a284(place: Place) -> None:
    server = place.server
    _, adas = await connect(server, server.person(), place.orbit)
    _, globex = await connect(server, server.person(), place.orbit, tenant="Globex")
    bo = server.person("bo@globex.example")
    _, bos = await connect(server, bo, place.orbit, tenant="Globex")
    told = [
        (await ask_for_token(server, grant_of(one)))["access_token"] for one in (adas, globex, bos)
    ]
    assert told == [f"access-{number}-of-orbit" for number in (1, 2, 3)]
    (own,) = [row for row in await place.rows() if row.person_id == "usr_bo"]
    (foreign,) = [row for row in await place.rows() if row.tenant_id == "org_acme"]
    form = (await bo.open("/account/apps")).forms["/account/link/end"].fields
    assert form["link"] == own.link_id
    answer = await bo.http.post("/account/link/end", data={**form, "link": foreign.link_id})
    assert answer.status_code == 403 and len(await place.rows()) == 3


async def test_only_the_gateway_itself_gets_tokens_and_only_of_its_own_callers_a285(
    place: Place,
) -> None:
    server = place.server
    _, tokens = await connect(server, server.person(), place.orbit)
    asked = {"provider": "orbit", "grant_id": grant_of(tokens)}
    assert (await server.http.post(LINKED_TOKENS_PATH, json={"link": asked})).status_code == 401
    stranger = {**assertions(server.clock, resource="http://127.0.0.1:9/mcp").form(), "link": asked}
    assert (await server.http.post(LINKED_TOKENS_PATH, json=stranger)).status_code == 401
    assert (await ask_for_token(server, grant_of(tokens), provider="harbour"))["status"] == 400
    elsewhere = await ask_for_token(server, grant_of(tokens), resource=OTHER_RESOURCE)
    assert (elsewhere["state"], elsewhere["access_token"]) == ("nobody", "")
    for made_up in ("grant_made-up", "key_made-up", "client_made-up", "usr_ada"):
        told = await ask_for_token(server, made_up)
        assert (told["state"], told["access_token"]) == ("nobody", "")
    for field, value in (("grant_id", ""), ("provider", "Or/bit"), ("refused", "all")):
        told = await ask_for_token(server, **{"grant_id": grant_of(tokens), field: value})
        assert told["status"] == 400 and f"link.{field}" in told["error_description"]


@pytest.mark.parametrize("page", ["Disconnect Test client", "Unlink"])
async def test_an_ended_connection_or_link_gives_no_token_a285(place: Place, page: str) -> None:
    person = place.server.person()
    _, tokens = await connect(place.server, person, place.orbit)
    await person.press(await person.open("/account/apps"), page)
    told = await ask_for_token(place.server, grant_of(tokens))
    assert told["state"] in {"nobody", "missing"} and told["access_token"] == ""


async def test_a_providers_tokens_are_in_no_log_page_error_or_row_a286(
    place: Place, clock: Clock
) -> None:
    person = place.server.person()
    with capture_logs() as logged:
        _, tokens = await connect(place.server, person, place.orbit)
        clock.advance(minutes=10)
        await ask_for_token(place.server, grant_of(tokens))
        place.orbit.token_answer = JSONResponse(
            {"error": "invalid_grant", "error_description": "refresh-2-of-orbit is over"}, 400
        )
        clock.advance(minutes=10)
        broken = await ask_for_token(place.server, grant_of(tokens))
        apps = await person.open("/account/apps")
        url = await begin(place, person)
        failed = await person.open(place.orbit.approve(url))
    rows = await place.rows()
    everything = [repr(logged), repr(broken), apps.html, failed.html, repr(rows)]
    for secret in ("access-", "refresh-", "hush-hush"):
        assert not any(secret in text for text in everything), secret


@pytest.mark.parametrize(
    "document",
    [
        {"token_endpoint": "http://login.orbit.example/token"},
        {"token_endpoint": "file:///etc/passwd"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"revocation_endpoint": 7},
        {"issuer": "https://login.harbour.example"},
        {"code_challenge_methods_supported": ["plain"]},
    ],
)
async def test_metadata_that_leads_elsewhere_is_refused_a289(
    place: Place, document: dict[str, object]
) -> None:
    place.orbit.document = document
    person = await sign_in(place)
    page = await person.press(await person.open(ACCOUNT), "Continue to")
    assert page.status == 503 and "does not respond" in page.text


async def test_an_account_works_again_after_a_mistake_at_the_provider(place: Place) -> None:
    person = await sign_in(place)
    place.orbit.token_answer = JSONResponse({"error": "server_error"}, 500)
    failed = await person.open(place.orbit.approve(await begin(place, person)))
    assert failed.status == 503
    place.orbit.token_answer = None
    await link(person, place.orbit, failed)
    assert len(await place.rows()) == 1
