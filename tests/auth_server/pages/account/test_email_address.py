"""A person verifies and changes their e-mail address, and its former owner undoes a change."""

import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from sqlmodel import select, update

from auth_server.flow.flow_state import FlowStates
from auth_server.flow.mailed_codes import MOST_GUESSES, MOST_IN_AN_HOUR
from auth_server.mail.port import Message
from auth_server.records.audit.table import AuditEntry
from auth_server.records.operators.table import Operator
from auth_server.records.people.table import Identity
from auth_server.records.people.table import Person as PersonRow
from auth_server.records.second_factors.table import AuthenticatorApp, Passkey
from auth_server.records.sessions.table import Session
from support.in_process.auth_server import AuthServer
from support.in_process.person import ADA as ADA_SIGNS_IN
from support.in_process.person import Page, Person
from support.mail.mailbox import link_of

PAGE = "/account/email"
ADA, ADA_KNOWS = ADA_SIGNS_IN
NEW = "ada@new.example"


async def at_email(server: AuthServer) -> tuple[Person, Page]:
    """Ada at the form."""
    ada = server.person()
    return ada, await ada.sign_in(await ada.open(PAGE))


async def ask(ada: Person, email: str = NEW) -> Page:
    """Ask for a code to a new address."""
    return await ada.press(await ada.open(PAGE), "Send code", fill={"email": email})


async def enter(ada: Person, page: Page, code: str, button: str = "Confirm address") -> Page:
    """Enter a code."""
    return await ada.press(page, button, fill={"code": code})


def code_of(mail: Message) -> str:
    """The code of a mail."""
    [code] = set(re.findall(r"\d{4} \d{4}", mail.text))
    return str(code)


async def changed(server: AuthServer, *, level: int = 1) -> tuple[Person, Message]:
    """Ada changes her address; returns the mail to the former one."""
    ada, _ = await at_email(server)
    async with server.opened.transaction() as db:
        await db.execute(update(Session).values(level=level))
    page = await ask(ada)
    [mail] = await server.mails()
    assert mail.to == NEW
    page = await enter(ada, page, code_of(mail))
    assert NEW in page.text and "Saved." in page.text
    [told] = await server.mails()
    return ada, told


def thiefs(server: AuthServer, credential_id: str) -> Passkey:
    """A passkey that somebody adds now."""
    return Passkey(
        credential_id=credential_id,
        person_id="usr_ada",
        public_key=b"",
        name="Thief's",
        created_at=server.clock(),
    )


async def keep(server: AuthServer, factor: Passkey | AuthenticatorApp) -> None:
    """Store a second factor."""
    async with server.opened.transaction() as db:
        db.add(factor)


async def may_sign_in(server: AuthServer, email: str, password: str = ADA_KNOWS) -> bool:
    """Whether an account has this address and password."""
    person = Person(server.browser(), email, password)
    return (await person.sign_in(await person.open("/account/sessions"))).status == 200


@pytest.mark.both_databases
async def test_a_new_address_is_proved_and_the_former_one_undoes_it(
    auth_server: AuthServer,
) -> None:
    other, _ = await at_email(auth_server)
    ada, told = await changed(auth_server)
    assert (told.to, told.subject) == (ADA, "Your e-mail address was changed")
    assert (await ada.open("/account/sessions")).status == 200
    assert urlsplit((await other.open("/account/sessions")).url).path == "/sign-in"
    assert await may_sign_in(auth_server, NEW) and not await may_sign_in(auth_server, ADA)

    owner = auth_server.person()
    page = await owner.press(await owner.open(link_of(told)), "Send a code")
    [mail] = await auth_server.mails()
    assert mail.to == ADA
    page = await enter(owner, page, code_of(mail), "Undo the change")
    assert urlsplit(page.url).path == "/sign-in/reset"
    assert urlsplit((await ada.open("/account/sessions")).url).path == "/sign-in"
    assert not await may_sign_in(auth_server, ADA)
    await owner.press(page, "Save password", fill={"new_password": "correct horse battery"})
    assert await may_sign_in(auth_server, ADA, "correct horse battery")
    assert (await owner.open(link_of(told))).status == 404
    async with auth_server.opened.database.reading() as db:
        events = (await db.execute(select(AuditEntry.event, AuditEntry.detail))).all()
    assert {"email.changed", "email.change_undone"} <= {event for event, _ in events}
    assert not [detail for _, detail in events if "@" in detail]


async def test_an_address_is_verified_without_signing_anybody_out(
    sqlite_server: AuthServer,
) -> None:
    other, _ = await at_email(sqlite_server)
    ada, page = await at_email(sqlite_server)
    page = await ada.press(page, "Send a code to this address")
    [mail] = await sqlite_server.mails()
    page = await enter(ada, page, code_of(mail))
    assert "verified" in page.text and "not verified" not in page.text
    assert (await other.open("/account/sessions")).status == 200
    assert await sqlite_server.mails() == []


async def test_nobody_learns_that_an_address_is_anothers(sqlite_server: AuthServer) -> None:
    ada, _ = await at_email(sqlite_server)
    shown = [await ask(ada, email) for email in ("bo@globex.example", "free@new.example")]
    texts = [page.text.replace("bo@globex.example", "X") for page in shown]
    assert texts[0] == texts[1].replace("free@new.example", "X")
    mails = {mail.template: mail for mail in await sqlite_server.mails()}
    taken, free = mails["email_taken"], mails["email_code"]
    assert (taken.to, taken.subject) == (
        "bo@globex.example",
        "Your address belongs to your account already",
    )
    assert (await enter(ada, shown[0], code_of(free))).status == 401
    assert await may_sign_in(sqlite_server, "bo@globex.example")


async def test_an_address_that_is_taken_meanwhile_stays_its_owners(
    sqlite_server: AuthServer,
) -> None:
    ada, _ = await at_email(sqlite_server)
    page = await ask(ada)
    [mail] = await sqlite_server.mails()
    async with sqlite_server.opened.transaction() as db:
        bo = await db.get(PersonRow, "usr_bo")
        assert bo is not None
        bo.email = NEW
    assert (await enter(ada, page, code_of(mail))).status == 409
    assert await may_sign_in(sqlite_server, ADA)


async def test_a_code_is_not_guessed_nor_used_twice_nor_in_another_browser(
    sqlite_server: AuthServer,
) -> None:
    ada, _ = await at_email(sqlite_server)
    page = await ask(ada)
    [mail] = await sqlite_server.mails()
    code = code_of(mail)
    other, _ = await at_email(sqlite_server)
    assert (await enter(other, page, code)).status == 403
    assert (await enter(ada, page, code)).status == 200
    assert (await enter(ada, page, code)).status == 400

    page = await ask(ada, "ada@third.example")
    wrong = [await enter(ada, page, "0000 0000") for _ in range(MOST_GUESSES)]
    assert {answer.status for answer in wrong} == {401}
    assert (await enter(ada, page, "0000 0000")).status == 429


async def test_a_code_is_over_after_ten_minutes(sqlite_server: AuthServer) -> None:
    ada, _ = await at_email(sqlite_server)
    page = await ask(ada)
    [mail] = await sqlite_server.mails()
    sqlite_server.clock.advance(minutes=10)
    assert (await enter(ada, page, code_of(mail))).status == 400


async def test_a_ticket_in_another_spelling_is_not_a_new_one(sqlite_server: AuthServer) -> None:
    """Base64 has several spellings of some bytes; each would have guesses of its own."""
    ada, _ = await at_email(sqlite_server)
    page = await ask(ada)
    form = page.forms[f"{PAGE}/confirm"]
    opened = sqlite_server.opened
    states = FlowStates(opened.keys, sqlite_server.clock)
    browser = next(value for name, value in ada.http.cookies.items() if "browser" in name)
    assert states.unseal(form.fields["ticket"], browser) is not None
    assert states.unseal(form.fields["ticket"] + "=", browser) is None


async def test_nobody_floods_mailboxes_with_codes(sqlite_server: AuthServer) -> None:
    ada, _ = await at_email(sqlite_server)
    answers = [await ask(ada, f"x{n}@new.example") for n in range(MOST_IN_AN_HOUR + 1)]
    assert [answer.status for answer in answers] == [200] * MOST_IN_AN_HOUR + [429]
    assert len(await sqlite_server.mails()) == MOST_IN_AN_HOUR


async def test_an_unattended_browser_changes_no_address(sqlite_server: AuthServer) -> None:
    ada, _ = await at_email(sqlite_server)
    page = await ask(ada)
    [mail] = await sqlite_server.mails()
    sqlite_server.clock.advance(minutes=9)
    sqlite_server.clock.advance(minutes=6)
    assert urlsplit((await ada.open(PAGE)).url).path == "/sign-in"
    await enter(ada, page, code_of(mail))
    assert await may_sign_in(sqlite_server, ADA)


@pytest.mark.parametrize("email", ["", "ada", "a b@c.example", "Ada <ada@new.example>", "ä@b.de"])
async def test_an_address_that_is_none_is_refused(sqlite_server: AuthServer, email: str) -> None:
    ada, _ = await at_email(sqlite_server)
    page = await ask(ada, email)
    assert (page.status, "such as ada@example.com" in page.text) == (400, True)
    assert await sqlite_server.mails() == []


async def test_an_address_from_a_provider_is_changed_there(sqlite_server: AuthServer) -> None:
    ada, _ = await at_email(sqlite_server)
    async with sqlite_server.opened.transaction() as db:
        at = sqlite_server.clock()
        db.add(Identity(issuer="https://id", subject="ada", person_id="usr_ada", created_at=at))
    page = await ada.open(PAGE)
    assert (page.status, "You sign in through another service." in page.text) == (403, True)
    assert "Change them there" in (await ada.open("/account/profile")).text


@pytest.mark.parametrize(("is_operator", "kept"), [(False, 1), (True, 3)])
async def test_a_thief_keeps_no_second_factor_when_the_owner_undoes_the_change(
    sqlite_server: AuthServer, is_operator: bool, kept: int
) -> None:
    """A passkey signs in without the password; an authenticator app would lock the owner out.

    The factors of operators stay, because a former mailbox alone must not open the console.
    """
    if is_operator:
        async with sqlite_server.opened.transaction() as db:
            at = sqlite_server.clock()
            db.add(Operator(person_id="usr_ada", role="operator", created_at=at))
    owned = Passkey(
        credential_id="owner's",
        person_id="usr_ada",
        public_key=b"",
        name="Owner's",
        created_at=sqlite_server.clock() - timedelta(days=2),
    )
    await keep(sqlite_server, owned)
    await keep(sqlite_server, thiefs(sqlite_server, "before"))
    # The thief has the session of somebody who signed in with two factors.
    _, told = await changed(sqlite_server, level=2)
    sqlite_server.clock.advance(hours=1)
    await keep(sqlite_server, thiefs(sqlite_server, "after"))
    app = AuthenticatorApp(
        person_id="usr_ada", sealed_secret=b"", last_step=0, created_at=sqlite_server.clock()
    )
    await keep(sqlite_server, app)

    owner = sqlite_server.person()
    page = await owner.press(await owner.open(link_of(told)), "Send a code")
    [mail] = [mail for mail in await sqlite_server.mails() if mail.template == "email_code"]
    await enter(owner, page, code_of(mail), "Undo the change")
    async with sqlite_server.opened.database.reading() as db:
        passkeys = (await db.execute(select(Passkey.credential_id))).scalars().all()
        assert "owner's" in passkeys and len(passkeys) == kept
        assert ((await db.execute(select(AuthenticatorApp))).first() is None) is not is_operator


async def test_a_change_is_undone_within_days_alone(sqlite_server: AuthServer) -> None:
    _, told = await changed(sqlite_server)
    sqlite_server.clock.advance(days=7)
    assert (await sqlite_server.person().open(link_of(told))).status == 404
