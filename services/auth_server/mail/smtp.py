"""The adapter of `Mailer` that sends through an SMTP server (RFC 5321)."""

import asyncio
import ssl
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP

import aiosmtplib

from auth_server.mail.port import MailRefused, MailUnavailable, Message
from auth_server.mail.settings import MailSettings, is_mail_address
from gatepost.tracing import names
from gatepost.tracing.current import calling

_STEP_SECONDS = 15.0
_ALL_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class SmtpMailer:
    """Sends each mail over its own connection.

    Attributes:
        settings: the SMTP server.
        name: the name that mails come from.
        tls: the TLS context; by default, the machine's certificates are trusted.
    """

    settings: MailSettings
    name: str
    tls: ssl.SSLContext | None = None

    async def send(self, message: Message) -> None:
        """Send one mail."""
        settings, password = self.settings, self.settings.password
        made = self._make(message)
        try:
            with calling("send mail", {names.SERVER_ADDRESS: settings.host}):
                async with asyncio.timeout(_ALL_SECONDS):
                    await aiosmtplib.send(
                        made,
                        # The envelope names exactly one recipient, whatever a header may say.
                        sender=settings.sender,
                        recipients=[message.to],
                        hostname=settings.host,
                        port=settings.connects_to,
                        use_tls=settings.security == "tls",
                        start_tls=settings.security == "starttls",
                        username=settings.username,
                        password=password.get_secret_value() if password else None,
                        timeout=_STEP_SECONDS,
                        tls_context=self.tls,
                    )
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _judge(error.recipients[0].code) from None
        except aiosmtplib.SMTPAuthenticationError:
            raise MailUnavailable("the SMTP server refuses the user name or password") from None
        except aiosmtplib.SMTPResponseException as error:
            raise _judge(error.code) from None
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise MailUnavailable(_describe(error)) from None

    def _make(self, message: Message) -> EmailMessage:
        if not is_mail_address(message.to):
            raise MailRefused("the address of the recipient is malformed")
        made = EmailMessage(policy=SMTP)
        domain = self.settings.sender.rpartition("@")[2]
        try:
            made["From"] = Address(self.name, addr_spec=self.settings.sender)
            made["To"] = Address(addr_spec=message.to)
            made["Subject"] = message.subject
            if self.settings.reply_to:
                made["Reply-To"] = Address(addr_spec=self.settings.reply_to)
        except (ValueError, HeaderParseError):
            raise MailRefused("a header of the mail is malformed") from None
        made["Message-ID"] = f"<{message.mail_id}@{domain}>"
        # Nobody's holiday notice should answer (RFC 3834 §5).
        made["Auto-Submitted"] = "auto-generated"
        made.set_content(message.text)
        made.add_alternative(message.html, subtype="html")
        return made


def _judge(code: int) -> MailRefused | MailUnavailable:
    # Replies that begin with 5 are final (RFC 5321 §4.2.1). Their text may repeat the address.
    refused = f"the SMTP server answered {code}"
    return MailRefused(refused) if 500 <= code < 600 else MailUnavailable(refused)


def _describe(error: Exception) -> str:
    if isinstance(error, aiosmtplib.SMTPNotSupported):
        return "the SMTP server does not support what the settings require (STARTTLS or AUTH)"
    return f"the SMTP server can't be used: {type(error).__name__}"
