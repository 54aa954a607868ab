"""Where customers have their own providers, the sign-in page asks for the address first."""

import re
from collections.abc import AsyncIterator
from urllib.parse import urlencode

import pytest

from support.in_process.clock import Clock
from support.in_process.customers_place import Place, running_place
from support.in_process.person import Page

SIGN_IN = "/sign-in?return_to=/account/apps"
OP = "op@orbit.example"


@pytest.fixture
async def place(sqlite_url: str, clock: Clock) -> AsyncIterator[Place]:
    """A server where Acme and Globex have their own providers."""
    async with running_place(sqlite_url, clock) as made:
        yield made


def plain(page: Page, *addresses: str) -> str:
    """Return a page without the address and the random values of its forms."""
    html = page.html
    for address in addresses:
        html = html.replace(address, "ADDRESS")
    return re.sub(r'(?:value|data-options)="[^"]*"', "", html)


async def test_the_domain_alone_decides_who_goes_to_which_provider(place: Place) -> None:
    person = place.server.person()
    page = await person.open(SIGN_IN)
    assert "Password" not in page.text
    for address, name in (
        ("dee@acme.example", "acme-id"),
        (" nobody@ACME.example ", "acme-id"),
        ("bo@globex.example", "globex-id"),
    ):
        left = await person.press(page, "Continue", fill={"email": address})
        assert left.status == 200
        hint = urlencode({"login_hint": address.strip()})
        there = f"/sign-in/with/{name}?return_to=%2Faccount%2Fapps&{hint}"
        assert left.moves_on_to == there
        # The provider need not ask for the address again.
        answer = await person.http.get(there)
        assert hint in answer.headers["location"]
        again = await person.http.get(f"{there}&other=yes")
        assert "login_hint" not in again.headers["location"]


async def test_nobody_learns_from_the_page_whether_an_address_has_an_account(
    place: Place,
) -> None:
    person = place.server.person()
    page = await person.open(SIGN_IN)
    answers = [
        await person.press(page, "Continue", fill={"email": address})
        for address in (OP, "nobody@orbit.example", "ada@nowhere.example", "junk")
    ]
    texts = {
        plain(answer, OP, "nobody@orbit.example", "ada@nowhere.example", "junk")
        for answer in answers
    }
    assert len(texts) == 1
    known = await person.press(page, "Continue", fill={"email": "ada@acme.example"})
    unknown = await person.press(page, "Continue", fill={"email": "nobody@acme.example"})
    # Only the entered address differs, which the provider gets.
    assert known.html.replace("ada%40", "nobody%40") == unknown.html


async def test_the_second_page_names_the_account_to_password_managers(place: Place) -> None:
    op = place.server.person(OP)
    page = await op.press(await op.open(SIGN_IN), "Continue", fill={"email": OP})
    assert re.search(
        rf'<input name="email" type="email" autocomplete="username" value="{OP}"[^>]*hidden>',
        page.html,
    )
    assert 'autocomplete="current-password"' in page.html and "Use another address" in page.text
    page = await op.press(page, "Sign in", fill={"password": "gatepost-demo"})
    assert page.url.endswith("/account/apps")


async def test_a_wrong_password_keeps_the_address_and_lets_it_be_corrected(place: Place) -> None:
    op = place.server.person(OP)
    page = await op.press(await op.open(SIGN_IN), "Continue", fill={"email": "opp@orbit.example"})
    page = await op.press(page, "Sign in", fill={"password": "gatepost-demo"})
    assert page.status == 401 and page.forms["/sign-in"].fields["email"] == "opp@orbit.example"
    assert "hidden>" not in page.html.partition('name="email"')[2].partition("\n")[0]
    page = await op.press(page, "Sign in", fill={"email": OP, "password": "gatepost-demo"})
    assert page.url.endswith("/account/apps")


async def test_both_pages_keep_the_request_of_an_app(place: Place) -> None:
    client = await place.server.client()
    op = place.server.person(OP)
    page = await op.sign_in(await op.open(client.authorize_url()))
    assert "transaction=" in page.url and "No organisation found" in page.text
    ada = place.server.person()
    page = await ada.open(client.authorize_url())
    left = await ada.press(page, "Continue", fill={"email": "ada@acme.example"})
    assert left.moves_on_to is not None and "?transaction=" in left.moves_on_to


async def test_an_address_is_asked_for_again_if_it_is_empty(place: Place) -> None:
    person = place.server.person()
    page = await person.press(await person.open(SIGN_IN), "Continue", fill={"email": " "})
    assert page.status == 400 and "Enter your e-mail address." in page.text


async def test_a_forged_form_leads_nobody_to_a_provider(place: Place) -> None:
    person = place.server.person()
    page = await person.open(SIGN_IN)
    changes = {"email": "ada@acme.example", "proof": "forged"}
    assert (await person.press(page, "Continue", fill=changes)).status == 403


async def test_a_link_leads_to_the_password_whatever_the_address(place: Place) -> None:
    ada = place.server.person()
    page = await ada.open(SIGN_IN)
    (link,) = [one for one in page.links if "password=yes" in one]
    page = await ada.press(
        await ada.open(link),
        "Sign in",
        fill={"email": "ada@acme.example", "password": "gatepost-demo"},
    )
    assert page.url.endswith("/account/apps")
