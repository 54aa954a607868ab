"""The adapter of `Mailer` without an SMTP server: it prints mails in development."""

import sys
from dataclasses import dataclass

import structlog

from auth_server.mail.port import MailRefused, Message
from gatepost.text.hidden import escape_text

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ConsoleMailer:
    """Prints the text of mails on standard error, where only a developer reads it.

    Attributes:
        development: whether the issuer is on loopback. Otherwise nothing is printed, because mails
            contain links that a log must not hold.
    """

    development: bool

    async def send(self, message: Message) -> None:
        """Print one mail."""
        if not self.development:
            raise MailRefused("auth_server.mail is not configured")
        log.info("mail_printed", mail_id=message.mail_id, template=message.template)
        text = f"Mail to {message.to}\nSubject: {message.subject}\n\n{message.text}"
        sys.stderr.write(escape_text(f"--- {text}--- End of mail\n"))
        sys.stderr.flush()
