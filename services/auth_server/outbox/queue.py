"""`queue_mail`: add a mail to the outbox, in the transaction that causes it.

    await queue_mail(
        db, "password_changed", to=person.email, language=person.language,
        values={"name": person.name, "path": "/account/security"}, now=now,
    )

The outbox holds the address and the values sealed, and only until the mail is sent. A template may use
each value by its name; `path` is the target of its button.
"""

import hashlib
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

import orjson
import structlog

from auth_server.db.engine import DbSession
from auth_server.outbox.compose import Value
from auth_server.records.attempts.store import count_attempt
from auth_server.records.audit.seal import keys_of_session
from auth_server.records.mails.store import add_mail
from auth_server.records.mails.table import Mail

Template = Literal[
    "account_deleted",
    "alert",
    "app_approved",
    "app_declined",
    "app_request",
    "call_approval",
    "call_approved",
    "call_declined",
    "email_changed",
    "email_code",
    "email_taken",
    "invitation",
    "invitation_code",
    "password_changed",
    "password_elsewhere",
    "password_reset",
    "recovery_cancelled",
    "recovery_code",
    "recovery_completed",
    "recovery_ready",
    "recovery_started",
    "test",
    "api_key_expiring",
    "app_connected",
    "break_glass_used",
    "budget_reached",
    "domain_record_missing",
    "new_sign_in",
    "quota_of_a_day",
    "quota_of_a_month",
    "second_factor_added",
    "second_factor_removed",
]
"""The templates of mails; each is a file `mail/NAME.txt` among the templates of pages."""

MOST_IN_AN_HOUR = 5
"""How many mails of one template an address gets in an hour, so that nobody can flood a mailbox.

Each template is counted by itself: otherwise somebody who causes many mails of one kind could keep
a warning from its recipient.
"""
USEFUL_FOR = timedelta(hours=24)

log = structlog.get_logger()


async def queue_mail(
    db: DbSession,
    template: Template,
    *,
    to: str | None,
    language: str | None,
    values: Mapping[str, Value],
    now: datetime,
    useful_for: timedelta = USEFUL_FOR,
    to_nobody: bool = False,
) -> bool:
    """Queue a mail, which is sent after the transaction has committed.

    Args:
        db: the open transaction.
        template: the mail's template.
        to: the recipient's address; without one, nothing happens.
        language: the recipient's language, such as `Person.language`.
        values: the template's values; strings become one line of at most 600 characters.
        now: the time.
        useful_for: how long to try; a mail with a link is not sent once the link has expired.
        to_nobody: whether nobody has this address, so that nothing is sent. The same work is done, so
            that a stranger can't tell.

    Returns:
        Whether the mail was queued; otherwise the address got too many of them lately, or there is
        no address.
    """
    if to is None:
        return False
    counted_as = hashlib.sha256(orjson.dumps(["mail", template, to.lower()])).hexdigest()
    hour = timedelta(hours=1)
    if await count_attempt(db, counted_as, most=MOST_IN_AN_HOUR, window=hour, now=now) is not None:
        log.info("mail_limited", template=template)
        return False
    keys = keys_of_session(db)
    if keys is None:
        raise RuntimeError("this session was opened without the server's keys")
    mail_id = uuid.uuid4().hex
    content = orjson.dumps({"to": to, "language": language or "", "values": dict(values)})
    mail = Mail(
        mail_id=mail_id,
        template=template,
        sealed=keys.seal("at_rest", content, context=context_of(mail_id)),
        queued_at=now,
        expires_at=now + useful_for,
        next_attempt_at=None if to_nobody else now,
    )
    await add_mail(db, mail)
    return True


def context_of(mail_id: str) -> str:
    """Return the context under which a mail's content is sealed."""
    return f"mail {mail_id}"
