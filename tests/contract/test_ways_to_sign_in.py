"""Rules of every way to sign in: a local account, OpenID Connect, a signed hand-off."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlmodel import select

from auth_server.db.engine import open_database
from auth_server.records.audit.table import AuditEntry
from auth_server.records.people.table import Person as PersonRow
from auth_server.records.sessions.table import Session
from auth_server.sign_in_settings import LocalSignIn
from support.in_process.auth_server import AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.person import Person
from support.in_process.providers import HandOffWay, LocalWay, OidcWay, Product, Provider, Way


@dataclass
class Place:
    """A server at which people sign in in one way."""

    server: AuthServer
    way: Way

    async def rows(self, table: Any) -> list[Any]:
        """Read a table."""
        database = open_database(self.server.database_url)
        async with database.reading() as db:
            rows = list((await db.execute(select(table))).scalars())
        await database.close()
        return rows

    async def disable(self) -> None:
        """Disable the person who signs in this way."""
        database = open_database(self.server.database_url)
        async with database.writing() as db, db.begin():
            row = await db.get(PersonRow, self.way.person_id)
            assert row is not None
            row.disabled_at = self.server.clock()
        await database.close()

    async def sign_in(self, person: Person, url: str) -> str:
        """Sign in completely; return the path of the next page."""
        request = await self.way.begin(self.server, person, await person.open(url))
        answer = await person.http.send(request)
        assert answer.status_code == 303, answer.text
        led: str = answer.headers["location"]
        return led


@pytest.fixture(params=["local", "oidc", "hand_off"])
async def place(
    request: pytest.FixtureRequest, database_url: str, clock: Clock
) -> AsyncIterator[Place]:
    """A server for each way to sign in, without any other."""
    provider, product = Provider(clock), Product(clock)
    ways: dict[str, tuple[Any, Way]] = {
        "local": (LocalSignIn(kind="local"), LocalWay()),
        "oidc": (provider.settings(), OidcWay(provider)),
        "hand_off": (product.settings(), HandOffWay(product)),
    }
    entry, way = ways[request.param]
    async with running_auth_server(
        database_url, clock, outside=provider.app, sign_in=(entry,)
    ) as server:
        yield Place(server, way)


@pytest.mark.both_databases
async def test_a_person_signs_in_and_answers_the_app(place: Place) -> None:
    client, person = await place.server.client(), place.server.person()
    url = client.authorize_url()

    led = await place.sign_in(person, url)
    consent = await person.reach_consent(led)

    assert led.startswith("/authorize/continue?transaction=")
    assert urlsplit(consent.url).path == "/consent"
    assert place.way.email in consent.text
    (session,) = await place.rows(Session)
    assert (session.method, session.level) == (place.way.method, 1)


async def test_a_person_signs_in_to_see_their_account(place: Place) -> None:
    person = place.server.person()
    assert await place.sign_in(person, "/sign-in?return_to=/account/apps") == "/account/apps"


async def test_each_sign_in_is_in_the_audit_log(place: Place) -> None:
    await place.sign_in(place.server.person(), "/sign-in")
    entries = [entry for entry in await place.rows(AuditEntry) if entry.event == "signed_in"]

    assert [place.way.method in entry.detail for entry in entries] == [True]


async def test_a_sign_in_that_one_browser_began_signs_nobody_in_in_another_a35(
    place: Place,
) -> None:
    """A40, A42, CVE-2026-27124: the attacker goes all the way but for the last step, and has the
    victim's browser take it.
    """
    client = await place.server.client()
    mallory, victim = place.server.person(), place.server.person()
    await victim.open(client.authorize_url())
    page = await mallory.open(client.authorize_url())
    last = await place.way.begin(place.server, mallory, page)
    body = await last.aread()

    taken = victim.http.build_request(
        last.method,
        last.url,
        content=body,
        headers={"content-type": last.headers.get("content-type", "text/plain")},
    )
    answer = await victim.http.send(taken)

    assert answer.status_code in {400, 403}
    assert await place.rows(Session) == []
    assert (await mallory.http.send(last)).status_code == 303


async def test_the_browser_is_signed_in_under_a_new_id_a41(place: Place) -> None:
    person = place.server.person()
    person.http.cookies.set("gatepost_session", "planted", domain="127.0.0.1", path="/")
    await place.sign_in(person, "/sign-in")
    first = [c.value for c in person.http.cookies.jar if c.name.endswith("session")]
    await place.sign_in(person, "/sign-in?other=yes")
    second = [c.value for c in person.http.cookies.jar if c.name.endswith("session")]

    assert "planted" not in first + second
    assert first != second
    assert [row.ended_at is None for row in await place.rows(Session)].count(True) == 1


async def test_coming_back_leads_to_no_code_but_to_the_question_a34(place: Place) -> None:
    """A36, GHSA-c2jp-c369-7pvx: a person who is signed in elsewhere still has to consent here."""
    client, person = await place.server.client(), place.server.person()
    known = await person.reach_consent(await place.sign_in(person, client.authorize_url()))
    await person.press(known, "Approve")
    attackers = await place.server.client(client_name="Another app")

    place.server.clock.advance(minutes=1)
    again = attackers.authorize_url(prompt="login")
    page = await person.reach_consent(await place.sign_in(person, again))

    assert (urlsplit(page.url).path, page.moves_on_to) == ("/consent", None)
    assert "Another app" in page.text


async def test_a_sign_in_for_a_request_that_is_over_leads_nowhere(place: Place) -> None:
    client, person = await place.server.client(), place.server.person()
    page = await person.open(client.authorize_url())
    place.server.clock.advance(minutes=8)
    request = await place.way.begin(place.server, person, page)
    place.server.clock.advance(minutes=8)

    answer = await person.http.send(request)

    assert (answer.status_code, "session" in str(answer.headers)) == (400, False)


async def test_a_wrongly_asserted_person_is_not_signed_in_and_can_try_again(
    place: Place,
) -> None:
    client, person = await place.server.client(), place.server.person()
    place.way.spoil()
    page = await person.open(client.authorize_url())

    answer = await person.http.send(await place.way.begin(place.server, person, page))

    assert answer.status_code in {401, 403}
    assert await place.rows(Session) == []
    assert "Sign in" in answer.text
    assert 'role="alert"' in answer.text


async def test_a_disabled_person_is_not_signed_in_a102(place: Place) -> None:
    person = place.server.person()
    await place.sign_in(person, "/sign-in")
    await place.disable()

    other = place.server.person()
    page = await other.open("/sign-in")
    answer = await other.http.send(await place.way.begin(place.server, other, page))

    assert (answer.status_code in {401, 403}, len(await place.rows(Session))) == (True, 1)


async def test_a_fresh_sign_in_is_asked_for_where_the_app_asks_for_one_a51(place: Place) -> None:
    """OpenID Connect Core §3.1.2.1, `prompt=login`: an older session is not enough."""
    client, person = await place.server.client(), place.server.person()
    await place.sign_in(person, "/sign-in")
    place.server.clock.advance(minutes=1)
    page = await person.open(client.authorize_url(prompt="login"))
    assert urlsplit(page.url).path == "/sign-in"
    answer = await person.http.send(await place.way.begin(place.server, person, page))
    after = await person.open(answer.headers["location"])

    assert urlsplit(after.url).path in {"/tenant", "/consent"}
