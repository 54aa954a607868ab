"""Choose the adapter of `Mailer`."""

from auth_server.mail.console import ConsoleMailer
from auth_server.mail.port import Mailer
from auth_server.mail.smtp import SmtpMailer
from auth_server.settings import AuthServerSettings


def open_mailer(settings: AuthServerSettings) -> Mailer:
    """Make the mailer that the settings name; without any, the console."""
    if settings.mail is not None:
        return SmtpMailer(settings.mail, settings.branding.name or "Gatepost")
    return ConsoleMailer(development=not settings.secure)
