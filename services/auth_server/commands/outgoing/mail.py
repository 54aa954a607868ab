"""`gatepost auth-server mail …`: test the SMTP server, and list the outbox."""

import asyncio
import uuid
from pathlib import Path

import click

from auth_server.commands.common import config_option, in_transaction, load_settings
from auth_server.db.engine import DbSession
from auth_server.mail.port import MailRefused, MailUnavailable
from auth_server.mail.settings import is_mail_address
from auth_server.outbox.compose import compose
from auth_server.outbox.open import open_mailer
from auth_server.records.mails.store import list_mails
from auth_server.rendering.render import open_pages
from gatepost_cli.terminal import echo

_MOST = 100


@click.group()
def mail() -> None:
    """Test the SMTP server, and list the mails of the last days."""


@mail.command(name="test")
@config_option
@click.argument("address")
def test(config: Path | None, address: str) -> None:
    """Send a mail to ADDRESS at once, and say whether the SMTP server took it."""
    settings = load_settings(config)
    if not is_mail_address(address):
        raise click.ClickException("ADDRESS must be an e-mail address such as ada@example.com")
    message = compose(
        open_pages(settings),
        settings.issuer,
        "test",
        mail_id=uuid.uuid4().hex,
        to=address,
        language="en",
        values={},
    )
    try:
        asyncio.run(open_mailer(settings).send(message))
    except (MailRefused, MailUnavailable) as error:
        raise click.ClickException(f"the mail was not sent: {error}") from None
    if settings.mail is None:
        echo("The mail was printed, because auth_server.mail is not configured.")
    else:
        echo(f"{settings.mail.host} took the mail. Check that it arrives.")


@mail.command(name="list")
@config_option
def list_(config: Path | None) -> None:
    """List the newest mails, without their addresses and content."""

    async def work(db: DbSession) -> list[str]:
        return [
            "  ".join(
                [
                    f"{row.queued_at:%Y-%m-%d %H:%M}",
                    row.template,
                    "sent" if row.sent_at else "waits" if row.next_attempt_at else "given up",
                    f"attempts: {row.attempts}",
                    row.problem,
                ]
            ).rstrip()
            for row in await list_mails(db, most=_MOST)
        ]

    lines = asyncio.run(in_transaction(load_settings(config), work))
    echo("\n".join(lines) or "There are no mails.")
