"""A person who lost their second factors recovers them; a thief with less than both proofs does not."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import pyotp
import pytest
from sqlmodel import select

from auth_server.flow.mailed_codes import MOST_GUESSES
from auth_server.flow.one_time_codes import seal_secret
from auth_server.mail.port import Message
from auth_server.maintenance import maintain
from auth_server.records.audit.table import AuditEntry
from auth_server.records.second_factors.store import find_authenticator_app, put_authenticator_app
from auth_server.records.second_factors.table import AuthenticatorApp
from support.in_process.auth_server import AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.person import ADA, Page, Person
from support.mail.mailbox import link_of

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
SECURITY = "/account/security"
NEW = "correct horse battery"


@dataclass
class Lost:
    """A server where a person has an authenticator app."""

    server: AuthServer

    async def give_app(self, person_id: str = "usr_ada") -> None:
        """Give a person an authenticator app."""
        async with self.server.opened.transaction() as db:
            app = AuthenticatorApp(
                person_id=person_id,
                sealed_secret=seal_secret(SECRET, person_id, self.server.opened.keys),
                last_step=0,
                created_at=self.server.clock(),
            )
            await put_authenticator_app(db, app)

    async def has_app(self) -> bool:
        """Whether Ada still has it."""
        async with self.server.opened.database.reading() as db:
            return await find_authenticator_app(db, "usr_ada") is not None

    async def at_code(
        self, password: str = ADA[1], at: str = SECURITY, email: str = ADA[0]
    ) -> tuple[Person, Page]:
        """Somebody who knows a password, where the code is asked for."""
        person = Person(self.server.browser(), email, password)
        return person, await person.sign_in(await person.open(at))

    async def ask(self, password: str = ADA[1], at: str = SECURITY) -> tuple[Person, Page, str]:
        """Go as far as the code by mail; return it too."""
        person, page = await self.at_code(password, at)
        page = await person.press(page, "Lost your authenticator")
        page = await person.press(page, "Send code")
        [mail] = [each for each in await self.server.mails() if each.template == "recovery_code"]
        [code] = set(re.findall(r"\d{4} \d{4}", mail.text))
        return person, page, code

    async def recover(self, password: str = ADA[1], at: str = SECURITY) -> tuple[Person, Page]:
        """Start the recovery, or complete it."""
        person, page, code = await self.ask(password, at)
        return person, await person.press(page, "Confirm", fill={"code": code})

    async def mails(self) -> dict[str, Message]:
        """The mails that arrive, by template."""
        return {mail.template: mail for mail in await self.server.mails()}


@pytest.fixture
async def lost(auth_server: AuthServer) -> Lost:
    """Ada has an app, which she lost."""
    found = Lost(auth_server)
    await found.give_app()
    return found


@pytest.mark.both_databases
async def test_the_owner_waits_and_then_must_add_a_new_factor(lost: Lost) -> None:
    _, page = await lost.recover()
    assert "Your recovery has started" in page.text and await lost.has_app()
    assert (await lost.mails())["recovery_started"].to == ADA[0]
    lost.server.clock.advance(hours=24)
    await maintain(lost.server.opened)
    assert "recovery_ready" in await lost.mails()

    ada, page = await lost.recover()
    assert "Add a passkey or an authenticator app now" in page.text
    assert not await lost.has_app()
    assert "recovery_completed" in await lost.mails()
    # Neither this session nor one of a later sign-in does anything before the enrolment.
    later, page = await lost.at_code(at="/account/apps")
    for person in (ada, later):
        for path in ("/account/apps", "/account/email", "/account/organisations"):
            assert urlsplit((await person.open(path)).url).path == SECURITY
    page = await later.open(f"{SECURITY}/app")
    secret = re.sub(r"\s", "", re.findall(r"<code>([A-Z2-7 ]+)</code>", page.html)[0])
    code = pyotp.TOTP(secret).at(int(lost.server.clock().timestamp()))
    await later.press(page, "Verify and turn on", fill={"code": code})
    assert urlsplit((await later.open("/account/apps")).url).path == "/account/apps"
    async with lost.server.opened.database.reading() as db:
        events = set((await db.execute(select(AuditEntry.event))).scalars())
    assert {"factor_recovery.started", "factor_recovery.completed"} <= events


@pytest.mark.both_databases
async def test_an_app_is_not_connected_before_the_enrolment(lost: Lost) -> None:
    await lost.recover()
    lost.server.clock.advance(hours=24)
    client = await lost.server.client()
    ada, page = await lost.recover(at=client.authorize_url())
    page = await ada.press(page, "Acme")
    assert urlsplit(page.url).path == f"{SECURITY}/enrol"
    assert "Your lost second factors were removed." in page.text
    later, _ = await lost.at_code(at="/account/apps")
    page = await later.reach_consent(client.authorize_url())
    assert urlsplit(page.url).path == f"{SECURITY}/enrol"


async def test_a_stolen_password_alone_recovers_nothing(lost: Lost) -> None:
    thief, page, _ = await lost.ask()
    wrong = [
        await thief.press(page, "Confirm", fill={"code": "0000 0000"}) for _ in range(MOST_GUESSES)
    ]
    assert {answer.status for answer in wrong} == {401}
    blocked = await thief.press(page, "Confirm", fill={"code": "0000 0000"})
    assert blocked.status == 429 and await lost.has_app()

    # Nor does it complete the recovery that the owner has started.
    await lost.recover()
    lost.server.clock.advance(hours=24)
    thief, page, _ = await lost.ask()
    assert (await thief.press(page, "Confirm", fill={"code": "0000 0000"})).status == 401
    assert await lost.has_app()


async def test_a_stolen_mailbox_alone_recovers_nothing(lost: Lost) -> None:
    """Who reads the mail can set a password with it, which then is no second proof."""
    thief = lost.server.person()
    page = await thief.open("/sign-in/forgotten")
    await thief.press(page, "Send link", fill={"email": ADA[0]})
    [mail] = await lost.server.mails()
    page = await thief.open(link_of(mail))
    await thief.press(page, "Save password", fill={"new_password": NEW})
    thief, page = await lost.at_code(NEW)
    refused = await thief.press(page, "Lost your authenticator")
    assert (refused.status, "set by mail" in refused.text) == (403, True)

    # The owner, who has the app, makes the password count again.
    owner, page = await lost.at_code(NEW)
    code = pyotp.TOTP(SECRET).at(int(lost.server.clock().timestamp()))
    await owner.press(page, "Sign in", fill={"code": code})
    await lost.server.mails()
    assert "Your recovery has started" in (await lost.recover(NEW))[1].text


async def test_a_password_by_mail_cancels_a_recovery(lost: Lost) -> None:
    await lost.recover()
    person = lost.server.person()
    page = await person.open("/sign-in/forgotten")
    await person.press(page, "Send link", fill={"email": ADA[0]})
    link = link_of((await lost.mails())["password_reset"])
    await person.press(await person.open(link), "Save password", fill={"new_password": NEW})
    assert "recovery_cancelled" in await lost.mails()
    lost.server.clock.advance(hours=24)
    _, page = await lost.at_code(NEW)
    assert await lost.has_app()


@pytest.mark.parametrize("by", ["mail", "session"])
async def test_the_owner_cancels(lost: Lost, by: str) -> None:
    owner, page = await lost.at_code()
    code = pyotp.TOTP(SECRET).at(int(lost.server.clock().timestamp()))
    await owner.press(page, "Sign in", fill={"code": code})
    await lost.recover()
    link = link_of((await lost.mails())["recovery_started"])
    if by == "mail":
        anybody = lost.server.person()
        page = await anybody.press(await anybody.open(link), "Cancel the recovery")
        assert "The recovery is cancelled" in page.text
        assert (await anybody.open(link)).status == 404
    else:
        page = await owner.open("/account/apps")
        page = await owner.press(page, "That was not me: cancel it")
        assert "asked to remove your second factors" not in page.text
    assert "recovery_cancelled" in await lost.mails()
    lost.server.clock.advance(hours=24)
    _, page = await lost.recover()
    # It is a new one, which waits again.
    assert "Your recovery has started" in page.text and await lost.has_app()


async def test_opening_the_link_cancels_nothing(lost: Lost) -> None:
    await lost.recover()
    link = link_of((await lost.mails())["recovery_started"])
    await lost.server.person().open(link)
    lost.server.clock.advance(hours=24)
    await lost.recover()
    assert not await lost.has_app()


async def test_a_code_starts_no_second_recovery_and_shortens_no_wait(lost: Lost) -> None:
    ada, page, code = await lost.ask()
    assert (await ada.press(page, "Confirm", fill={"code": code})).status == 200
    assert (await ada.press(page, "Confirm", fill={"code": code})).status == 400
    lost.server.clock.advance(hours=23, minutes=59)
    _, page = await lost.recover()
    assert "Your recovery has started" in page.text and await lost.has_app()
    lost.server.clock.advance(minutes=1)
    await lost.recover()
    assert not await lost.has_app()


async def test_a_recovery_that_nobody_completes_is_over_after_a_week(lost: Lost) -> None:
    await lost.recover()
    lost.server.clock.advance(days=8)
    await maintain(lost.server.opened)
    _, page = await lost.recover()
    assert "Your recovery has started" in page.text and await lost.has_app()


async def test_an_operator_never_recovers_by_mail(lost: Lost) -> None:
    await lost.give_app("usr_op")
    op, page = await lost.at_code(email="op@orbit.example")
    page = await op.press(page, "Lost your authenticator")
    assert (page.status, "Another operator can reset" in page.text) == (403, True)


async def test_a_ticket_of_another_browser_or_of_none_is_refused(lost: Lost) -> None:
    _, page = await lost.at_code()
    thief = lost.server.person()
    await thief.open("/sign-in")
    assert (await thief.press(page, "Lost your authenticator")).status in {400, 403}


@pytest.fixture
async def without(sqlite_url: str, clock: Clock) -> AsyncIterator[AuthServer]:
    """A server where nobody recovers by mail."""
    async with running_auth_server(sqlite_url, clock, factor_recovery_delay=None) as server:
        yield server


async def test_a_server_without_recovery_offers_none(without: AuthServer) -> None:
    lost = Lost(without)
    await lost.give_app()
    _, page = await lost.at_code()
    assert "/sign-in/recovery" not in page.forms
    assert "An admin can reset them." in page.text
