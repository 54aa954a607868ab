"""The port `Mailer`: one mail on its way to one person."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """A mail that is ready to be sent.

    Attributes:
        mail_id: its id, the same at every attempt, from which its Message-ID is made.
        template: the name of its template.
        to: the address of the one recipient.
        subject: one line.
        text: the plain text.
        html: the same as HTML.
    """

    mail_id: str
    template: str
    to: str
    subject: str
    text: str
    html: str


class MailUnavailable(Exception):
    """The mail can't be sent now; a later attempt may succeed. The message is safe to log."""


class MailRefused(Exception):
    """The mail can never be sent, for example to this address. The message is safe to log."""


class Mailer(Protocol):
    """Sends mails."""

    async def send(self, message: Message) -> None:
        """Send one mail.

        Raises:
            MailUnavailable: the attempt failed, and may be repeated.
            MailRefused: the mail was refused for good.
        """
        ...
