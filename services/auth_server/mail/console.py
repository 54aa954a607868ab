"""The adapter of `Mailer` without an SMTP server: it prints mails in development."""

import sys
from dataclasses import dataclass

import structlog

from auth_server.mail.port import MailRefused, Message

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
        sys.stderr.write(
            f"--- Mail to {message.to}\nSubject: {message.subject}\n\n{message.text}--- End of mail\n"
        )
        sys.stderr.flush()
