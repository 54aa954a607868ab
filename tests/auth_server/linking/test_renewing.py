"""The token of a linked account is renewed once, and what can't be renewed is told and not tried again."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response
from structlog.testing import capture_logs

from auth_server.flow.one_time_codes import seal_secret
from auth_server.keys import make_keys
from auth_server.maintenance import maintain
from auth_server.records.linked_accounts.store import lock_linked_account
from auth_server.records.second_factors.store import (
    list_authenticator_apps,
    put_authenticator_app,
)
from auth_server.records.second_factors.table import AuthenticatorApp
from support.in_process.auth_server import SECRET_KEY
from support.in_process.clock import Clock
from support.in_process.link_provider import (
    Place,
    ask_for_token,
    connect,
    grant_of,
    leave,
    link,
    running_place,
)


@pytest.fixture
async def grant_id(place: Place) -> AsyncIterator[str]:
    """The connection of a person who has linked their account."""
    _, tokens = await connect(place.server, place.server.person(), place.orbit)
    yield grant_of(tokens)


@pytest.mark.both_databases
async def test_fifty_calls_at_expiry_make_one_refresh_also_of_two_processes_a288(
    place: Place, grant_id: str, clock: Clock
) -> None:
    async with running_place(place.server.database_url, clock, place.orbit) as other:
        for number in range(1, 4):
            clock.advance(minutes=10)
            servers = [place.server, other.server] * 25
            told = await asyncio.gather(*(ask_for_token(one, grant_id) for one in servers))
            given = {answer["access_token"] for answer in told}
            assert given == {f"access-{number + 1}-of-orbit"}
    assert place.orbit.refreshed == [f"refresh-{number}-of-orbit" for number in range(1, 4)]


async def test_a_token_is_renewed_before_it_expires_and_kept_until_then(
    place: Place, grant_id: str, clock: Clock
) -> None:
    clock.advance(minutes=8, seconds=59)
    assert (await ask_for_token(place.server, grant_id))["expires_in"] == 61
    clock.advance(seconds=2)
    assert (await ask_for_token(place.server, grant_id))["access_token"] == "access-2-of-orbit"


async def test_a_token_that_the_api_refuses_is_replaced_once(
    place: Place, grant_id: str, clock: Clock
) -> None:
    refused = hashlib.sha256(b"access-1-of-orbit").hexdigest()
    at_once = await ask_for_token(place.server, grant_id, refused=refused)
    assert at_once["access_token"] == "access-1-of-orbit"  # a newer one would not help
    clock.advance(seconds=10)
    for _ in range(2):
        told = await ask_for_token(place.server, grant_id, refused=refused)
        assert told["access_token"] == "access-2-of-orbit"
    assert place.orbit.refreshed == ["refresh-1-of-orbit"]


@pytest.mark.both_databases
async def test_a_revoked_link_is_told_and_not_tried_again_until_it_is_linked_again_a287(
    place: Place, grant_id: str, clock: Clock
) -> None:
    place.orbit.live = "none"
    clock.advance(minutes=10)
    for _ in range(3):
        told = await ask_for_token(place.server, grant_id)
        assert told["state"] == "broken"
        clock.advance(hours=1)
    assert len(place.orbit.refreshed) == 1
    person = place.server.person()
    await person.sign_in(await person.open("/sign-in?return_to=/account/apps"))
    apps = await person.open("/account/apps")
    assert "does not accept it any more" in apps.text
    (again,) = [url for url in apps.links if "/account/link?" in url]
    await link(person, place.orbit, await person.open(again))
    assert (await ask_for_token(place.server, grant_id))["state"] == "linked"
    assert len(await place.rows()) == 1


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ("bad_refresh_token", 200),
        ("interaction_required", 400),
        ("consent_required", 400),
        ("login_required", 400),
    ],
)
async def test_a_provider_that_says_in_its_own_words_that_the_person_must_come_is_not_asked_again(
    place: Place, grant_id: str, clock: Clock, error: str, status: int
) -> None:
    place.orbit.token_answer = JSONResponse({"error": error}, status_code=status)
    clock.advance(minutes=10)
    for _ in range(2):
        assert (await ask_for_token(place.server, grant_id))["state"] == "broken"
        clock.advance(hours=1)
    assert len(place.orbit.refreshed) == 1


async def test_an_app_that_connects_again_has_the_person_link_a_broken_account_again(
    place: Place, grant_id: str, clock: Clock
) -> None:
    place.orbit.live = "none"
    clock.advance(minutes=10)
    assert (await ask_for_token(place.server, grant_id))["state"] == "broken"
    await connect(place.server, place.server.person(), place.orbit)
    assert (await ask_for_token(place.server, grant_id))["state"] == "linked"


@pytest.mark.parametrize(
    "answer",
    [
        Response("gone", status_code=500),
        JSONResponse({"error": "invalid_client"}, status_code=401),
        JSONResponse({"access_token": 7, "token_type": "Bearer"}),
        Response("<html>"),
    ],
)
async def test_a_provider_that_fails_is_asked_again_after_a_pause_and_breaks_nothing(
    place: Place, grant_id: str, clock: Clock, answer: Response
) -> None:
    place.orbit.token_answer = answer
    clock.advance(minutes=10)
    for _ in range(3):
        told = await ask_for_token(place.server, grant_id)
        assert (told["status"], told["error"]) == (503, "temporarily_unavailable")
    assert len(place.orbit.refreshed) == 1
    place.orbit.token_answer = None
    clock.advance(seconds=6)
    assert (await ask_for_token(place.server, grant_id))["access_token"] == "access-2-of-orbit"


async def test_a_lost_answer_is_told_as_what_it_is(
    place: Place, grant_id: str, clock: Clock
) -> None:
    """The provider has replaced the refresh token, and nobody knows the new one."""
    place.orbit.loses = 1
    clock.advance(minutes=10)
    assert (await ask_for_token(place.server, grant_id))["status"] == 503
    clock.advance(seconds=6)
    with capture_logs() as logged:
        assert (await ask_for_token(place.server, grant_id))["state"] == "broken"
    assert {"event": "linked_account_broken", "reason": "interrupted"}.items() <= logged[-1].items()
    assert len(place.orbit.refreshed) == 2


@pytest.mark.both_databases
async def test_an_attempt_that_counted_as_lost_still_stores_what_the_provider_answered(
    place: Place, grant_id: str, clock: Clock
) -> None:
    place.orbit.held = asyncio.Event()
    place.orbit.begun.clear()
    clock.advance(minutes=10)
    dying = asyncio.create_task(ask_for_token(place.server, grant_id))
    await place.orbit.begun.wait()
    async with running_place(place.server.database_url, clock, place.orbit) as other:
        clock.advance(seconds=61)
        place.orbit.begun.clear()
        finishing = asyncio.create_task(ask_for_token(other.server, grant_id))
        await place.orbit.begun.wait()
        place.orbit.held.set()
        await asyncio.gather(dying, finishing)
    # Both used the same refresh token, and the provider accepted it once. Its answer is not lost.
    assert place.orbit.refreshed == ["refresh-1-of-orbit"] * 2
    told = await ask_for_token(place.server, grant_id)
    assert (told["state"], told["access_token"]) == ("linked", "access-2-of-orbit")


@pytest.mark.both_databases
async def test_an_account_that_is_unlinked_while_its_token_is_renewed_stays_unlinked_a288(
    place: Place, grant_id: str, clock: Clock
) -> None:
    """The provider is told of the newest refresh token, once the answer with it has come."""
    person = place.server.person()
    await person.sign_in(await person.open("/sign-in?return_to=/account/apps"))
    apps = await person.open("/account/apps")
    place.orbit.held = asyncio.Event()
    place.orbit.begun.clear()
    clock.advance(minutes=10)
    renewing = asyncio.create_task(ask_for_token(place.server, grant_id))
    await place.orbit.begun.wait()
    await person.press(apps, "Unlink")
    await maintain(place.server.opened)
    assert place.orbit.revoked == []
    place.orbit.held.set()
    assert (await renewing)["state"] == "missing"
    clock.advance(seconds=61)
    await maintain(place.server.opened)
    assert place.orbit.revoked == ["refresh-2-of-orbit"] and await place.rows() == []


@pytest.mark.both_databases
async def test_a_new_secret_key_breaks_no_account_whose_token_is_renewed_meanwhile_a305(
    place: Place, grant_id: str, clock: Clock
) -> None:
    """One process has the new key, and seals all accounts with it; the other one does not open them."""
    place.orbit.held = asyncio.Event()
    place.orbit.begun.clear()
    clock.advance(minutes=10)
    renewing = asyncio.create_task(ask_for_token(place.server, grant_id))
    await place.orbit.begun.wait()
    keys = {"secret_key": SECRET_KEY[::-1], "previous_secret_keys": (SECRET_KEY,)}
    async with running_place(place.server.database_url, clock, place.orbit, **keys) as newer:
        await maintain(newer.server.opened)
        place.orbit.held.set()
        assert (await renewing)["access_token"] == "access-2-of-orbit"
        await maintain(newer.server.opened)
        assert (await ask_for_token(place.server, grant_id))["state"] == "broken"
        clock.advance(minutes=10)
        told = await ask_for_token(newer.server, grant_id)
        assert (told["state"], told["access_token"]) == ("linked", "access-3-of-orbit")
    assert place.orbit.refreshed == ["refresh-1-of-orbit", "refresh-2-of-orbit"]


@pytest.mark.both_databases
async def test_secrets_that_change_while_a_new_secret_key_seals_the_former_ones_stay_a305(
    place: Place, grant_id: str, clock: Clock
) -> None:
    old = make_keys(SECRET_KEY)
    former, newest = (seal_secret(text, "usr_ada", old) for text in ("former", "newest"))
    app: dict[str, Any] = {"person_id": "usr_ada", "last_step": 0, "created_at": clock()}
    keys = {"secret_key": SECRET_KEY[::-1], "previous_secret_keys": (SECRET_KEY,)}
    async with running_place(place.server.database_url, clock, place.orbit, **keys) as newer:
        async with place.server.opened.transaction() as db:
            await put_authenticator_app(db, AuthenticatorApp(sealed_secret=former, **app))
        (row,) = await place.rows()
        async with place.server.opened.transaction() as db:
            linked = await lock_linked_account(db, row.link_id)
            assert linked is not None
            linked.sealed = newest
            await put_authenticator_app(db, AuthenticatorApp(sealed_secret=newest, **app))
            sealing = asyncio.create_task(maintain(newer.server.opened))
            # SQLite has one writer at a time, so maintenance begins with the secrets afterwards.
            if "postgresql" in place.server.database_url:
                await asyncio.wait_for(sealing, 20)
        await sealing
        (row,) = await place.rows()
        async with place.server.opened.database.reading() as db:
            (kept,) = await list_authenticator_apps(db)
        for sealed in (row.sealed, kept.sealed_secret):
            opened = newer.server.opened.keys.unseal(
                "at_rest", sealed, context="code app of usr_ada"
            )
            assert sealed == newest or opened == b"newest"


async def test_metadata_that_comes_slowly_holds_up_one_call_only(
    place: Place, grant_id: str, clock: Clock
) -> None:
    bo = place.server.person("bo@globex.example")
    _, tokens = await connect(place.server, bo, place.orbit, tenant="Globex")
    clock.advance(hours=2)
    place.orbit.metadata_held = asyncio.Event()
    waiting = asyncio.create_task(ask_for_token(place.server, grant_id))
    other = asyncio.create_task(ask_for_token(place.server, grant_of(tokens)))
    await asyncio.wait({waiting, other}, timeout=20, return_when=asyncio.FIRST_COMPLETED)
    finished = (waiting.done(), other.done())
    place.orbit.metadata_held.set()
    await waiting
    assert finished == (False, True) and (await other)["state"] == "linked"


@pytest.mark.both_databases
async def test_of_two_links_at_the_same_moment_one_account_is_kept_a288(place: Place) -> None:
    person = place.server.person()
    await person.sign_in(await person.open("/sign-in?return_to=/account/apps"))
    page = "/account/link?provider=orbit&tenant=org_acme"
    urls = [await leave(person, await person.open(page)) for _ in range(4)]
    answers = await asyncio.gather(*(person.http.get(place.orbit.approve(url)) for url in urls))
    assert {answer.status_code for answer in answers} == {303}
    (row,) = await place.rows()
    assert row.broken is None and row.ended_at is None


async def test_a_token_without_an_expiry_serves_until_the_api_refuses_it(
    place: Place, clock: Clock
) -> None:
    place.orbit.lifetime = None
    _, tokens = await connect(place.server, place.server.person(), place.orbit)
    clock.advance(hours=20)
    told = await ask_for_token(place.server, grant_of(tokens))
    assert (told["access_token"], told["expires_in"]) == ("access-1-of-orbit", 300)
    refused = hashlib.sha256(b"access-1-of-orbit").hexdigest()
    told = await ask_for_token(place.server, grant_of(tokens), refused=refused)
    assert told["access_token"] == "access-2-of-orbit"
