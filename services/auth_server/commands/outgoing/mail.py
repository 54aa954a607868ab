"""`gatepost auth-server mail …`: test the SMTP server, tell operators of a failure, list the outbox."""

import asyncio
import uuid
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Literal

import click
from pydantic import BaseModel, ConfigDict

from auth_server.commands.common import config_option, in_transaction, load_settings
from auth_server.db.engine import DbSession
from auth_server.mail.port import MailRefused, MailUnavailable
from auth_server.mail.settings import is_mail_address
from auth_server.outbox.compose import compose
from auth_server.outbox.open import open_mailer
from auth_server.outbox.queue import Template
from auth_server.records.mails.store import list_mails
from auth_server.rendering.render import open_pages
from auth_server.settings import AuthServerSettings
from gatepost_cli.terminal import echo, json_option, print_rows

_MOST = 100


class MailView(BaseModel):
    """A mail without its address and content."""

    model_config = ConfigDict(frozen=True)

    queued_at: datetime
    template: str
    state: Literal["sent", "waits", "given up"]
    attempts: int
    problem: str


@click.group()
def mail() -> None:
    """Test the SMTP server, mail what a script has to say, and list the mails of the last days."""


@mail.command(name="test")
@config_option
@click.argument("address")
def test(config: Path | None, address: str) -> None:
    """Send a mail to ADDRESS at once, and say whether the SMTP server took it."""
    settings = load_settings(config)
    _send(settings, address, "test", {})
    if settings.mail is None:
        echo("The mail was printed, because auth_server.mail is not configured.")
    else:
        echo(f"{settings.mail.host} took the mail. Check that it arrives.")


@mail.command(name="alert")
@config_option
@click.argument("address")
@click.argument("what")
def alert(config: Path | None, address: str, what: str) -> None:
    """Tell ADDRESS at once, without the database, WHAT a script found wrong."""
    _send(load_settings(config), address, "alert", {"what": what})


def _send(
    settings: AuthServerSettings, address: str, template: Template, values: Mapping[str, str]
) -> None:
    """Send one mail.

    Raises:
        ClickException: the address is not one, or the mail was not sent.
    """
    if not is_mail_address(address):
        raise click.ClickException("ADDRESS must be an e-mail address such as ada@example.com")
    message = compose(
        open_pages(settings),
        settings.issuer,
        template,
        mail_id=uuid.uuid4().hex,
        to=address,
        language="en",
        values=values,
    )
    try:
        asyncio.run(open_mailer(settings).send(message))
    except (MailRefused, MailUnavailable) as error:
        raise click.ClickException(f"the mail was not sent: {error}") from None


@mail.command(name="list")
@config_option
@json_option
def list_(config: Path | None, as_json: bool) -> None:
    """List the newest mails, without their addresses and content."""

    async def work(db: DbSession) -> list[MailView]:
        return [
            MailView(
                queued_at=row.queued_at,
                template=row.template,
                state="sent" if row.sent_at else "waits" if row.next_attempt_at else "given up",
                attempts=row.attempts,
                problem=row.problem,
            )
            for row in await list_mails(db, most=_MOST)
        ]

    rows = asyncio.run(in_transaction(load_settings(config), work))
    print_rows(rows, _describe, as_json=as_json, none="There are no mails.")


def _describe(one: MailView) -> str:
    return (
        f"{one.queued_at:%Y-%m-%d %H:%M}  {one.template}  {one.state}  attempts: {one.attempts}  "
        f"{one.problem}".rstrip()
    )
