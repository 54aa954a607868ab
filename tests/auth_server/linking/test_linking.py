"""People link their account at an API once, see it among their apps, and it ends with the last of them."""

import asyncio
from datetime import timedelta

import pytest

from auth_server.accounts.delete_person import delete_person
from auth_server.maintenance import maintain
from auth_server.tenancy.change_membership import remove_membership
from support.in_process.clock import Clock
from support.in_process.link_provider import (
    Place,
    ask_for_token,
    connect,
    grant_of,
    leave,
    link,
)
from support.in_process.oauth_client import answer_of
from support.in_process.person import Person
from support.in_process.revocations import read_unverified

LIFETIME = timedelta(hours=1)


@pytest.mark.both_databases
async def test_a_person_links_their_account_before_they_approve_the_app(place: Place) -> None:
    client, person = await place.server.client(), place.server.person()
    page = await person.reach_consent(client.authorize_url())
    assert "Link your Orbit account" in page.text and "for Acme" in page.text

    consent = await link(person, place.orbit, page)
    answer = answer_of((await person.press(consent, "Approve")).moves_on_to or "")
    tokens = (await client.redeem(answer["code"])).json()

    asked = place.orbit.asked
    assert asked["scope"] == "tasks offline_access"
    assert asked["code_challenge_method"] == "S256"
    assert asked["resource"] == "https://api.orbit.example"
    told = await ask_for_token(place.server, grant_of(tokens))
    assert (told["state"], told["access_token"]) == ("linked", "access-1-of-orbit")
    assert told["expires_in"] == 600
    (row,) = await place.rows()
    assert (row.person_id, row.tenant_id) == ("usr_ada", "org_acme")


async def test_another_app_in_the_same_tenant_does_not_ask_again(place: Place) -> None:
    person = place.server.person()
    await connect(place.server, person, place.orbit)
    client = await place.server.client()
    same = await person.open(client.authorize_url())
    assert any(label == "Approve" for label, *_ in same.forms["/consent"].buttons)
    other = await person.open(same.url.replace("/consent", "/tenant"))
    assert "Link your Orbit account" in (await person.press(other, "Globex")).text


async def test_a_person_who_allows_nothing_there_is_asked_again_and_can_go_back(
    place: Place,
) -> None:
    client, person = await place.server.client(), place.server.person()
    page = await person.reach_consent(client.authorize_url())
    url = await leave(person, page)
    back = await person.open(place.orbit.approve(url, error="access_denied", code=""))
    assert back.status == 403 and "You did not allow access at Orbit" in back.text
    assert await place.rows() == []
    (way,) = [url for url in back.links if url.startswith(client.redirect_uri)]
    assert answer_of(way)["error"] == "access_denied"
    await link(person, place.orbit, back)
    assert len(await place.rows()) == 1


async def test_an_app_that_wants_no_page_is_told_that_one_is_needed(place: Place) -> None:
    client, person = await place.server.client(), place.server.person()
    await person.sign_in(await person.open("/sign-in?return_to=/account/apps"))
    page = await person.open(client.authorize_url(prompt="none"))
    assert "interaction_required" in (page.moves_on_to or page.html)


@pytest.mark.both_databases
async def test_a_person_unlinks_an_account_and_the_provider_is_told(place: Place) -> None:
    person = place.server.person()
    client, tokens = await connect(place.server, person, place.orbit)
    apps = await person.open("/account/apps")
    assert "Orbit" in apps.text and "Linked accounts" in apps.text

    after = await person.press(apps, "Unlink")

    assert "Linked accounts" not in after.text
    told = await ask_for_token(place.server, grant_of(tokens))
    assert told["state"] == "missing" and "access_token" in told and not told["access_token"]
    # What gateways keep for the former access token ends with it.
    assert not (await introspect(place, tokens["access_token"]))
    assert "access_token" in (await client.refresh(tokens["refresh_token"])).json()
    await maintain(place.server.opened)
    assert place.orbit.revoked == ["refresh-1-of-orbit"] and await place.rows() == []
    # The URL in the tool's error leads there from any browser, by the sign-in.
    person = place.server.person()
    page = await person.sign_in(await person.open(told["url"]))
    assert "Link your Orbit account" in page.text
    assert "Linked accounts" in (await link(person, place.orbit, page)).text
    assert (await ask_for_token(place.server, grant_of(tokens)))["state"] == "linked"


async def introspect(place: Place, token: str) -> bool:
    """Tell whether an access token is still valid for the revocation list."""
    claims, _ = read_unverified(token)
    async with place.server.opened.database.reading() as db:
        from auth_server.records.revocations.store import list_by_names
        from gatepost.revocations import names_of

        found = await list_by_names(db, names_of(claims, "kid"), now=place.server.clock())
    return not any(one.kind == "person" and claims.iat < one.below for one in found)


async def test_a_linked_account_ends_with_the_last_connection_in_its_tenant(place: Place) -> None:
    person = place.server.person()
    await connect(place.server, person, place.orbit)
    await connect(place.server, person, place.orbit)
    first = await person.press(await person.open("/account/apps"), "Disconnect Test client")
    assert len(await place.rows()) == 1 and "Linked accounts" in first.text
    last = await person.press(first, "Disconnect Test client")
    assert "Linked accounts" not in last.text
    place.orbit.refuses_revocation = True
    await maintain(place.server.opened)
    assert len(await place.rows()) == 1  # told later
    place.orbit.refuses_revocation = False
    place.server.clock.advance(minutes=2)
    await maintain(place.server.opened)
    assert place.orbit.revoked == ["refresh-1-of-orbit"] and await place.rows() == []


@pytest.mark.parametrize("way", ["membership", "person"])
async def test_a_linked_account_ends_with_the_membership_and_the_person(
    place: Place, way: str
) -> None:
    person = place.server.person("bo@globex.example")
    await connect(place.server, person, place.orbit, tenant="Globex")
    server = place.server
    async with server.opened.transaction() as db:
        if way == "person":
            await delete_person(db, "usr_bo", by=None, lifetime=LIFETIME, now=server.clock())
        else:
            await remove_membership(
                db, "usr_bo", "org_globex", by=None, lifetime=LIFETIME, now=server.clock()
            )
    await maintain(server.opened)
    assert place.orbit.revoked == ["refresh-1-of-orbit"] and await place.rows() == []


@pytest.mark.both_databases
async def test_an_account_is_not_kept_for_who_leaves_while_the_provider_answers_a306(
    place: Place,
) -> None:
    server, person = place.server, place.server.person("bo@globex.example")
    await person.sign_in(await person.open("/sign-in?return_to=/account/apps"))
    page = await person.open("/account/link?provider=orbit&tenant=org_globex")
    callback = place.orbit.approve(await leave(person, page))
    place.orbit.held = asyncio.Event()
    answering = asyncio.create_task(person.open(callback))
    await place.orbit.begun.wait()
    async with server.opened.transaction() as db:
        await remove_membership(
            db, "usr_bo", "org_globex", by=None, lifetime=LIFETIME, now=server.clock()
        )
    place.orbit.held.set()
    assert (await answering).status == 400
    await maintain(server.opened)
    assert place.orbit.revoked == ["refresh-1-of-orbit"] and await place.rows() == []


async def test_a_provider_that_does_not_answer_is_told_of_one_account_only_in_a_round_a307(
    place: Place, clock: Clock
) -> None:
    """Otherwise the accounts of a whole tenant would hold up all other maintenance for hours."""
    for email, tenant in (("ada@acme.example", "Acme"), ("bo@globex.example", "Globex")):
        person = place.server.person(email)
        await connect(place.server, person, place.orbit, tenant=tenant)
        await person.press(await person.open("/account/apps"), "Unlink")
    place.orbit.refuses_revocation = True
    await maintain(place.server.opened)
    assert place.orbit.asked_to_revoke == 1 and len(await place.rows()) == 2
    place.orbit.refuses_revocation = False
    clock.advance(minutes=2)
    await maintain(place.server.opened)
    assert len(place.orbit.revoked) == 2 and await place.rows() == []


async def test_an_account_is_not_kept_for_a_person_who_connects_nothing(
    place: Place, clock: Clock
) -> None:
    client, person = await place.server.client(), place.server.person()
    page = await person.reach_consent(client.authorize_url())
    await link(person, place.orbit, page)
    await maintain(place.server.opened)
    assert len(await place.rows()) == 1
    clock.advance(hours=1, seconds=1)
    for _ in range(2):
        await maintain(place.server.opened)
    assert place.orbit.revoked == ["refresh-1-of-orbit"] and await place.rows() == []


async def test_a_person_who_unlinked_and_links_again_at_once_keeps_the_new_account(
    place: Place,
) -> None:
    """Telling the provider of the first one's end could end the second one there, too."""
    person = place.server.person()
    await connect(place.server, person, place.orbit)
    await person.press(await person.open("/account/apps"), "Unlink")
    await link(
        person, place.orbit, await person.open("/account/link?provider=orbit&tenant=org_acme")
    )
    await maintain(place.server.opened)
    assert place.orbit.revoked == []
    (row,) = await place.rows()
    assert row.ended_at is None


async def test_a_page_to_link_what_does_not_exist_says_so(place: Place) -> None:
    person: Person = place.server.person()
    await person.sign_in(await person.open("/sign-in?return_to=/account/apps"))
    for query in ("provider=nobody&tenant=org_acme", "provider=orbit&tenant=org_other", ""):
        assert (await person.open(f"/account/link?{query}")).status == 404
