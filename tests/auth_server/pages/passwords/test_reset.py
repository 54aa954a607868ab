"""A person who forgot their password chooses a new one with a link from a mail."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest
from sqlalchemy import event
from sqlmodel import select

from auth_server.maintenance import maintain
from auth_server.outbox.queue import MOST_IN_AN_HOUR
from auth_server.records.audit.table import AuditEntry
from auth_server.records.mails.table import Mail
from auth_server.records.password_links.table import PasswordLink
from auth_server.records.people.table import Identity
from auth_server.records.people.table import Person as PersonRow
from auth_server.records.second_factors.table import AuthenticatorApp
from support.in_process.auth_server import ISSUER, AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.person import Page, Person
from support.mail.mailbox import link_of

ADA = "ada@acme.example"
NEW = "correct horse battery"
SENT = "If there is an account with this address, we sent a link to it."


async def request_link(person: Person, email: str = ADA, *, at: str = "/sign-in") -> Page:
    """Go from the sign-in page to a link by mail."""
    page = await person.open(at)
    [way] = [link for link in page.links if "/sign-in/forgotten" in link]
    return await person.press(
        await person.open(f"{ISSUER}{way}"), "Send link", fill={"email": email}
    )


async def link_for(server: AuthServer, person: Person, **request: Any) -> str:
    """Request a link, and take it from the mail."""
    await request_link(person, **request)
    [mail] = await server.mails()
    return link_of(mail)


async def choose(person: Person, link: str, password: str = NEW) -> Page:
    """Open a link and choose a password."""
    page = await person.open(link)
    return await person.press(page, "Save password", fill={"new_password": password})


async def may_sign_in(server: AuthServer, password: str) -> bool:
    """Whether Ada's password is this one."""
    ada = Person(server.browser(), ADA, password)
    return (await ada.sign_in(await ada.open("/account/sessions"))).status == 200


@contextmanager
def counted_statements(server: AuthServer) -> Any:
    """The statements of the block, without their values."""
    found: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        found.append(statement)

    engine = server.opened.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", note)


@pytest.mark.both_databases
async def test_a_person_chooses_a_new_password_and_is_signed_out_everywhere(
    auth_server: AuthServer,
) -> None:
    elsewhere = auth_server.person()
    await elsewhere.sign_in(await elsewhere.open("/account/sessions"))
    ada = auth_server.person()
    assert SENT in (await request_link(ada)).text
    [mail] = await auth_server.mails()
    assert (mail.to, mail.subject) == (ADA, "Choose a new password")
    assert "Hello Ada Marsh," in mail.text
    page = await choose(ada, link_of(mail))

    assert urlsplit(page.url).path == "/sign-in"
    assert "Your password was changed. Sign in with the new one." in page.text
    assert urlsplit((await elsewhere.open("/account/sessions")).url).path == "/sign-in"
    assert await may_sign_in(auth_server, NEW)
    assert not await may_sign_in(auth_server, "gatepost-demo")
    [told] = await auth_server.mails()
    assert (told.to, told.subject) == (ADA, "Your password was changed")
    async with auth_server.opened.database.reading() as db:
        row = await db.get(PersonRow, "usr_ada")
        events = (await db.execute(select(AuditEntry.event))).scalars().all()
    assert row is not None and row.email_verified_at == auth_server.clock()
    assert "password.reset" in events


async def test_an_apps_request_goes_on_in_the_same_browser(sqlite_server: AuthServer) -> None:
    client = await sqlite_server.client()
    ada = Person(sqlite_server.browser(), ADA, NEW)
    page = await choose(ada, await link_for(sqlite_server, ada, at=client.authorize_url()))
    assert "to connect" in page.text
    assert urlsplit((await ada.sign_in(page)).url).path == "/tenant"


async def test_in_another_browser_the_person_goes_on_to_their_account(
    sqlite_server: AuthServer,
) -> None:
    client = await sqlite_server.client()
    link = await link_for(sqlite_server, sqlite_server.person(), at=client.authorize_url())
    page = await choose(sqlite_server.person(), link)
    assert parse_qs(urlsplit(page.url).query)["return_to"] == ["/account"]


@pytest.mark.both_databases
async def test_a_link_works_once_however_often_it_is_sent_at_once(auth_server: AuthServer) -> None:
    link = await link_for(auth_server, auth_server.person())
    people = [auth_server.person() for _ in range(4)]
    opened = [await one.open(link) for one in people]
    pages = await asyncio.gather(
        *(
            one.press(page, "Save password", fill={"new_password": f"{NEW} {n}"})
            for n, (one, page) in enumerate(zip(people, opened, strict=True))
        )
    )
    assert (
        sorted(urlsplit(page.url).path for page in pages) == ["/sign-in"] + ["/sign-in/reset"] * 3
    )
    assert "This link no longer works" in (await auth_server.person().open(link)).text


async def test_a_scanner_that_opens_the_link_does_not_use_it_up(sqlite_server: AuthServer) -> None:
    link = await link_for(sqlite_server, sqlite_server.person())
    for _ in range(3):
        assert "Choose a new password" in (await sqlite_server.browser().get(link)).text
    assert (await sqlite_server.browser().head(link)).status_code in (200, 405)
    assert urlsplit((await choose(sqlite_server.person(), link)).url).path == "/sign-in"


async def test_only_the_newest_link_works(sqlite_server: AuthServer) -> None:
    ada = sqlite_server.person()
    first, second = [await link_for(sqlite_server, ada) for _ in range(2)]
    assert (await ada.open(first)).status == 400
    assert (await ada.open(second)).status == 200


async def test_a_link_works_for_15_minutes(sqlite_server: AuthServer) -> None:
    link = await link_for(sqlite_server, sqlite_server.person())
    sqlite_server.clock.advance(minutes=14, seconds=59)
    page = await sqlite_server.person().open(link)
    assert page.status == 200
    sqlite_server.clock.advance(seconds=1)
    assert (await sqlite_server.person().open(link)).status == 400
    await maintain(sqlite_server.opened)
    async with sqlite_server.opened.database.reading() as db:
        sqlite_server.clock.advance(seconds=1)
        await maintain(sqlite_server.opened)
        assert (await db.execute(select(PasswordLink))).first() is None


async def test_a_link_dies_when_the_password_is_changed_another_way(
    sqlite_server: AuthServer,
) -> None:
    link = await link_for(sqlite_server, sqlite_server.person())
    ada = sqlite_server.person()
    await ada.sign_in(await ada.open("/account/security"))
    page = await ada.open("/account/security/password")
    fill = {"password": "gatepost-demo", "new_password": NEW}
    assert "Your password was changed" in (await ada.press(page, "Change password", fill=fill)).text
    assert (await ada.open(link)).status == 400


async def test_a_disabled_account_gets_no_password(sqlite_server: AuthServer) -> None:
    ada = sqlite_server.person()
    link = await link_for(sqlite_server, ada)
    page = await ada.open(link)
    async with sqlite_server.opened.transaction() as db:
        row = await db.get(PersonRow, "usr_ada")
        assert row is not None
        row.disabled_at = sqlite_server.clock()
    assert (await ada.press(page, "Save password", fill={"new_password": NEW})).status == 400
    await request_link(ada)
    assert await sqlite_server.mails() == []


@pytest.mark.both_databases
async def test_nobody_learns_who_has_an_account_from_the_answer_or_its_work_a143(
    auth_server: AuthServer,
) -> None:
    async with auth_server.opened.transaction() as db:
        row = await db.get(PersonRow, "usr_cy")
        assert row is not None
        row.password_hash = None
        at = auth_server.clock()
        db.add(Identity(issuer="https://id", subject="cy", person_id="usr_cy", created_at=at))
    answers, work = set(), []
    stranger = auth_server.person()
    for email in (ADA, "nobody@acme.example", "cy@nowhere.example"):
        with counted_statements(auth_server) as statements:
            page = await request_link(stranger, email)
        answers.add((page.status, page.text))
        work.append(statements)
    assert len(answers) == 1
    assert work[0] == work[1] == work[2]
    assert {mail.to for mail in await auth_server.mails()} == {ADA, "cy@nowhere.example"}


async def test_a_person_of_a_provider_is_told_how_they_sign_in(sqlite_server: AuthServer) -> None:
    async with sqlite_server.opened.transaction() as db:
        at = sqlite_server.clock()
        db.add(Identity(issuer="https://id", subject="ada", person_id="usr_ada", created_at=at))
    await request_link(sqlite_server.person())
    [mail] = await sqlite_server.mails()
    assert mail.subject == "How you sign in" and link_of(mail) == f"{ISSUER}/account"


async def test_nobody_floods_a_mailbox_and_the_last_link_goes_on_working_a143(
    sqlite_server: AuthServer,
) -> None:
    stranger = sqlite_server.person()
    pages = [await request_link(stranger) for _ in range(MOST_IN_AN_HOUR + 5)]
    assert {page.text for page in pages} == {pages[0].text}
    mails = await sqlite_server.mails()
    assert len(mails) == MOST_IN_AN_HOUR
    async with sqlite_server.opened.database.reading() as db:
        assert len((await db.execute(select(PasswordLink))).all()) == 1
    working = [mail for mail in mails if (await stranger.open(link_of(mail))).status == 200]
    assert len(working) == 1


async def test_one_address_asks_for_few_links_of_invented_accounts(
    sqlite_server: AuthServer,
) -> None:
    stranger = sqlite_server.person()
    pages = [await request_link(stranger, f"{n}@acme.example") for n in range(25)]
    assert [page.status for page in pages] == [200] * 20 + [429] * 5
    async with sqlite_server.opened.database.reading() as db:
        assert len((await db.execute(select(Mail))).all()) == 20


async def test_a_link_names_the_configured_host_whatever_the_request_says_a146(
    sqlite_server: AuthServer,
) -> None:
    person = sqlite_server.person()
    person.http.headers.update(
        {"x-forwarded-host": "evil.example", "forwarded": "host=evil.example"}
    )
    page = await person.open("/sign-in/forgotten")
    fields = {**page.forms["/sign-in/forgotten"].fields, "email": ADA}
    await person.http.post("/sign-in/forgotten", data=fields, headers={"host": "evil.example"})
    [mail] = await sqlite_server.mails()
    assert link_of(mail).startswith(f"{ISSUER}/sign-in/reset?token=")
    assert "evil" not in mail.text + mail.html + mail.subject


async def test_a_form_for_another_browser_or_link_is_refused(sqlite_server: AuthServer) -> None:
    link = await link_for(sqlite_server, sqlite_server.person())
    page = await sqlite_server.person().open(link)
    victim = sqlite_server.person()
    other = await victim.open(f"{ISSUER}/sign-in/reset?token=other")
    assert other.status == 400
    refused = await victim.press(page, "Save password", fill={"new_password": NEW})
    assert refused.status == 403
    assert await may_sign_in(sqlite_server, "gatepost-demo")


async def test_a_link_signs_nobody_in_and_ends_a_planted_session_a57(
    sqlite_server: AuthServer,
) -> None:
    eve = sqlite_server.person("bo@globex.example")
    await eve.sign_in(await eve.open("/account/sessions"))
    victim = sqlite_server.person()
    for cookie in eve.http.cookies.jar:
        victim.http.cookies.jar.set_cookie(cookie)
    page = await choose(victim, await link_for(sqlite_server, victim))
    assert urlsplit(page.url).path == "/sign-in"
    assert urlsplit((await victim.open("/account/sessions")).url).path == "/sign-in"


async def test_a_new_password_does_not_switch_the_second_factor_off(
    sqlite_server: AuthServer,
) -> None:
    secret = pyotp.random_base32()
    async with sqlite_server.opened.transaction() as db:
        sealed = sqlite_server.opened.keys.seal(
            "at_rest", secret.encode(), context="code app of usr_ada"
        )
        at = sqlite_server.clock()
        db.add(
            AuthenticatorApp(person_id="usr_ada", sealed_secret=sealed, last_step=0, created_at=at)
        )
    ada = Person(sqlite_server.browser(), ADA, NEW)
    page = await choose(ada, await link_for(sqlite_server, ada))
    assert "Enter your code" in (await ada.sign_in(page)).text


@pytest.mark.parametrize(
    "password", ["short", "password1", "ADA@acme.example", "12345678", "a" * 9]
)
async def test_a_password_that_is_easy_to_guess_is_refused_and_the_link_stays(
    sqlite_server: AuthServer, password: str
) -> None:
    ada = sqlite_server.person()
    link = await link_for(sqlite_server, ada)
    page = await choose(ada, link, password)
    assert page.status == 400 and password not in page.html
    assert urlsplit((await choose(ada, link)).url).path == "/sign-in"


@pytest.fixture
async def in_public(sqlite_url: str, clock: Clock) -> AsyncIterator[AuthServer]:
    """A server in public without mail."""
    async with running_auth_server(sqlite_url, clock, issuer="https://id.example") as server:
        yield server


async def test_without_mail_nobody_is_offered_a_link(in_public: AuthServer) -> None:
    person = in_public.person()
    page = await person.open("/sign-in")
    assert not [link for link in page.links if "forgotten" in link]
    assert (await person.open("/sign-in/forgotten")).status == 404
