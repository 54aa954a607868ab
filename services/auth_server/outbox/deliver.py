"""Deliver the mails of the outbox, in the background of any number of processes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import orjson
import structlog

from auth_server.db.engine import Database
from auth_server.keys import Keys
from auth_server.mail.port import Mailer, MailRefused, MailUnavailable
from auth_server.outbox.compose import compose
from auth_server.outbox.queue import context_of
from auth_server.records.mails.store import lease_mails, note_attempt
from auth_server.records.mails.table import Mail
from auth_server.rendering.render import Pages
from gatepost.clock import Now
from gatepost.tracing.jobs import recorded

if TYPE_CHECKING:
    from gatepost.tracing.tracing import Tracing

EVERY = 2.0
AT_ONCE = 5
# Longer than an attempt may take. A mail whose process was killed is sent again after it.
LEASE = timedelta(minutes=3)
MOST_ATTEMPTS = 10
_FIRST_PAUSE = timedelta(seconds=30)
_LONGEST_PAUSE = timedelta(hours=4)

Sleep = Callable[[float], Awaitable[None]]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Delivery:
    """Everything that delivers mails."""

    database: Database
    keys: Keys
    pages: Pages
    issuer: str
    mailer: Mailer
    now: Now


async def deliver_mails(delivery: Delivery) -> bool:
    """Send some of the mails that are due, each once; return whether there may be more.

    A mail is leased before it is sent, so that no other process sends it meanwhile. A process that
    is killed after sending and before noting it sends the mail again.
    """
    async with delivery.database.writing() as db, db.begin():
        leased = await lease_mails(db, now=delivery.now(), most=AT_ONCE, lease=LEASE)
    await asyncio.gather(*(_deliver(delivery, mail) for mail in leased))
    return len(leased) == AT_ONCE


async def _deliver(delivery: Delivery, mail: Mail) -> None:
    problem = await _send(delivery, mail)
    now = delivery.now()
    again: datetime | None = None
    if problem is None:
        log.info("mail_sent", mail_id=mail.mail_id, template=mail.template)
    else:
        if not problem.final and mail.attempts < MOST_ATTEMPTS:
            pause = min(_FIRST_PAUSE * 2 ** (mail.attempts - 1), _LONGEST_PAUSE)
            again = now + pause if now + pause < mail.expires_at else None
        if again is None:
            log.error(
                "mail_given_up",
                mail_id=mail.mail_id,
                template=mail.template,
                attempts=mail.attempts,
                reason=problem.reason,
            )
        else:
            log.warning(
                "mail_delayed",
                mail_id=mail.mail_id,
                template=mail.template,
                attempts=mail.attempts,
                reason=problem.reason,
            )
    async with delivery.database.writing() as db, db.begin():
        await note_attempt(
            db,
            mail,
            sent_at=now if problem is None else None,
            next_attempt_at=again,
            problem=problem.reason if problem else "",
        )


@dataclass(frozen=True, slots=True)
class _Problem:
    reason: str
    final: bool


async def _send(delivery: Delivery, mail: Mail) -> _Problem | None:
    if delivery.now() >= mail.expires_at:
        return _Problem("it could not be sent in time", final=True)
    content = delivery.keys.unseal("at_rest", mail.sealed, context=context_of(mail.mail_id))
    if content is None:
        return _Problem("secret_key was changed", final=True)
    given = orjson.loads(content)
    try:
        message = compose(
            delivery.pages,
            delivery.issuer,
            mail.template,
            mail_id=mail.mail_id,
            to=given["to"],
            language=given["language"],
            values=given["values"],
        )
        await delivery.mailer.send(message)
    except MailUnavailable as error:
        return _Problem(str(error), final=False)
    except MailRefused as error:
        return _Problem(str(error), final=True)
    except Exception as error:  # noqa: BLE001 - one mail must not stop the others
        return _Problem(type(error).__name__, final=False)
    return None


@asynccontextmanager
async def delivering_mails(
    delivery: Delivery, tracing: "Tracing | None" = None, *, sleep: Sleep = asyncio.sleep
) -> AsyncIterator[None]:
    """Deliver mails every two seconds while the service runs."""

    deliver = recorded("mails", partial(deliver_mails, delivery), tracing)

    async def repeat() -> None:
        while True:
            await sleep(EVERY)
            try:
                while await deliver():
                    pass
            except Exception as error:  # noqa: BLE001 - the database may recover
                log.warning("mails_not_delivered", kind=type(error).__name__)

    task = asyncio.create_task(repeat())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
