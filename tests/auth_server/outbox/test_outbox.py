"""Mails are sent once and in the recipient's language, tried again, bounded and forgotten."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any, get_args

import pytest
from sqlmodel import select
from structlog.testing import capture_logs

from auth_server.mail.port import MailRefused, MailUnavailable, Message
from auth_server.maintenance import maintain
from auth_server.outbox.deliver import LEASE, MOST_ATTEMPTS, deliver_mails, delivering_mails
from auth_server.outbox.queue import MOST_IN_AN_HOUR, Template, queue_mail
from auth_server.records.mails.store import lease_mails
from auth_server.records.mails.table import Mail
from auth_server.records.people.store import find_account
from auth_server.rendering.render import TEMPLATES
from support.in_process.auth_server import AuthServer

ADA = "ada@acme.example"


async def queue(server: AuthServer, to: str | None = ADA, **changes: Any) -> bool:
    """Queue a mail in a transaction of its own."""
    given = {"language": "en", "values": {}, "now": server.clock(), **changes}
    async with server.opened.transaction() as db:
        return await queue_mail(db, "test", to=to, **given)


async def rows(server: AuthServer) -> list[Mail]:
    """The outbox."""
    async with server.opened.database.reading() as db:
        return list((await db.execute(select(Mail))).scalars())


def test_each_kind_of_mail_has_its_template() -> None:
    layouts = {"_layout"}
    files = {path.stem for path in TEMPLATES.glob("mail/*.txt")} - layouts
    assert files == set(get_args(Template))


async def test_a_queued_mail_is_sent_once_in_the_recipients_language(
    sqlite_server: AuthServer,
) -> None:
    await queue(sqlite_server, language="de-AT")
    (mail,) = await sqlite_server.mails()
    assert mail.to == ADA
    assert mail.subject == "Test der Mail-Einstellungen"
    assert sqlite_server.issuer in mail.text and '<html lang="de">' in mail.html
    assert await sqlite_server.mails() == []


async def test_a_mail_of_a_transaction_that_fails_is_never_sent(
    sqlite_server: AuthServer,
) -> None:
    with pytest.raises(LookupError):
        async with sqlite_server.opened.transaction() as db:
            await queue_mail(
                db, "test", to=ADA, language="en", values={}, now=sqlite_server.clock()
            )
            raise LookupError
    assert await sqlite_server.mails() == []


async def test_the_table_shows_neither_the_address_nor_a_value(sqlite_server: AuthServer) -> None:
    await queue(sqlite_server, values={"path": "/sign-in/reset?token=s3cret"})
    (waiting,) = await rows(sqlite_server)
    assert b"s3cret" not in waiting.sealed and b"ada" not in waiting.sealed
    await sqlite_server.mails()
    (sent,) = await rows(sqlite_server)
    assert (sent.sealed, sent.next_attempt_at) == (b"", None) and sent.sent_at is not None


@pytest.mark.both_databases
async def test_of_several_processes_one_sends_a_mail(auth_server: AuthServer) -> None:
    for number in range(12):
        await queue(auth_server, to=f"person{number}@acme.example")
    await asyncio.gather(*(deliver_mails(auth_server.delivery) for _ in range(6)))
    await auth_server.mails()
    received = [mail.to for mail in auth_server.mailbox.received]
    assert len(received) == len(set(received)) == 12


@pytest.mark.both_databases
async def test_a_process_killed_while_sending_leaves_the_mail_to_another(
    auth_server: AuthServer,
) -> None:
    await queue(auth_server)
    async with auth_server.opened.transaction() as db:
        assert len(await lease_mails(db, now=auth_server.clock(), most=5, lease=LEASE)) == 1
    assert await auth_server.mails() == []
    auth_server.clock.advance(seconds=LEASE.total_seconds())
    assert len(await auth_server.mails()) == 1


async def test_an_attempt_that_outlived_its_lease_does_not_undo_the_next_one(
    sqlite_server: AuthServer,
) -> None:
    server = sqlite_server

    class Slow:
        async def send(self, message: Message) -> None:
            server.clock.advance(seconds=LEASE.total_seconds())
            assert len(await server.mails()) == 1
            raise MailUnavailable("too late")

    await queue(server)
    await deliver_mails(replace(server.delivery, mailer=Slow()))
    (row,) = await rows(server)
    assert row.sent_at is not None and row.problem == ""


async def test_a_mail_is_tried_again_with_growing_pauses(sqlite_server: AuthServer) -> None:
    server = sqlite_server
    server.mailbox.failing = [MailUnavailable("down") for _ in range(3)]
    await queue(server)
    with capture_logs() as logs:
        for pause in (30, 60, 120):
            assert await server.mails() == []
            server.clock.advance(seconds=pause - 1)
            assert await server.mails() == []
            server.clock.advance(seconds=1)
        assert len(await server.mails()) == 1
    assert [log["event"] for log in logs] == ["mail_delayed"] * 3 + ["mail_sent"]
    assert ADA not in str(logs)


@pytest.mark.parametrize(
    ("failing", "attempts"),
    [
        ([MailRefused("no such mailbox")], 1),
        ([MailUnavailable("down")] * MOST_ATTEMPTS, MOST_ATTEMPTS),
        ([RuntimeError("a fault")] * MOST_ATTEMPTS, MOST_ATTEMPTS),
    ],
)
async def test_a_mail_that_can_not_be_sent_is_given_up_and_forgotten(
    sqlite_server: AuthServer, failing: list[Exception], attempts: int
) -> None:
    server = sqlite_server
    server.mailbox.failing = list(failing)
    await queue(server, useful_for=timedelta(days=30))
    with capture_logs() as logs:
        for _ in range(MOST_ATTEMPTS + 1):
            await server.mails()
            server.clock.advance(hours=4)
    (row,) = await rows(server)
    assert (row.sealed, row.next_attempt_at, row.sent_at) == (b"", None, None)
    assert row.attempts == attempts
    assert logs[-1]["event"] == "mail_given_up" and logs[-1]["log_level"] == "error"


async def test_a_mail_whose_use_is_over_is_not_sent(sqlite_server: AuthServer) -> None:
    sqlite_server.mailbox.failing = [MailUnavailable("down")]
    await queue(sqlite_server, useful_for=timedelta(minutes=15))
    await sqlite_server.mails()
    sqlite_server.clock.advance(minutes=15)
    assert await sqlite_server.mails() == []
    (row,) = await rows(sqlite_server)
    assert row.next_attempt_at is None


async def test_nobody_can_flood_a_mailbox(sqlite_server: AuthServer) -> None:
    server = sqlite_server
    queued = [await queue(server, to=to) for to in (ADA, ADA.upper()) * 10]
    assert queued.count(True) == MOST_IN_AN_HOUR == len(await server.mails())
    assert await queue(server, to="bo@globex.example")
    server.clock.advance(hours=1)
    assert await queue(server)


async def test_a_person_without_an_address_gets_no_mail(sqlite_server: AuthServer) -> None:
    assert not await queue(sqlite_server, to=None)
    assert await rows(sqlite_server) == []


async def test_the_outbox_forgets_after_a_week(sqlite_server: AuthServer) -> None:
    await queue(sqlite_server)
    await sqlite_server.mails()
    sqlite_server.clock.advance(days=7, seconds=1)
    await maintain(sqlite_server.opened)
    assert await rows(sqlite_server) == []


async def test_mails_are_delivered_while_the_service_runs(sqlite_server: AuthServer) -> None:
    await queue(sqlite_server)
    looked = asyncio.Event()

    async def sleep(_: float) -> None:
        if sqlite_server.mailbox.received:
            looked.set()
            await asyncio.Event().wait()

    async with delivering_mails(sqlite_server.delivery, sleep=sleep):
        await asyncio.wait_for(looked.wait(), 30)
    assert [mail.to for mail in sqlite_server.mailbox.received] == [ADA]


async def test_the_language_of_the_sign_in_page_becomes_that_of_mails(
    sqlite_server: AuthServer,
) -> None:
    person = sqlite_server.person()
    person.http.headers["accept-language"] = "de-CH"
    page = await person.open("/sign-in")
    fill = {"email": person.email, "password": person.password}
    await person.press(page, "Anmelden", fill=fill)
    async with sqlite_server.opened.database.reading() as db:
        account = await find_account(db, email=ADA)
    assert account is not None and account.language == "de"
