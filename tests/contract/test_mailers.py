"""Every adapter of the port `Mailer`: a mail reaches one recipient, whole, and errors say what to do."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from pydantic import SecretStr, ValidationError
from structlog.testing import capture_logs

from auth_server.mail.console import ConsoleMailer
from auth_server.mail.port import Mailer, MailRefused, MailUnavailable, Message
from auth_server.mail.settings import MailSettings
from auth_server.mail.smtp import SmtpMailer
from auth_server.outbox.open import open_mailer
from auth_server.settings import AuthServerSettings, ResourceSettings
from support.in_process.auth_server import RESOURCE, SECRET_KEY
from support.mail.smtp_server import SmtpServer, running_smtp
from support.processes.certificates import Authority

MESSAGE = Message(
    mail_id="0123456789abcdef" * 2,
    template="test",
    to="ada@acme.example",
    subject="Grüße von Orbit",
    text="Sehr geehrte Frau Marsh,\n\n.\nein Punkt allein, und ein Ü.\n",
    html="<p>Ü</p>",
)


@dataclass
class Place:
    """A mailer, and how to read what arrived."""

    mailer: Mailer
    arrived: Callable[[], list[tuple[str, str, str]]]
    """The recipient, the subject and the text of each mail."""


def smtp_settings(server: SmtpServer, **changes: Any) -> MailSettings:
    """Settings of a server of this test."""
    given = {"sender": "no-reply@orbit.example", "host": "localhost", "port": server.port}
    return MailSettings(**{**given, "security": "none", **changes})


@asynccontextmanager
async def smtp(security: Literal["starttls", "tls", "none"]) -> AsyncIterator[Place]:
    """The SMTP adapter, with a server that requires its password."""
    authority = Authority()
    tls = None if security == "none" else authority.server("localhost")
    async with running_smtp(tls=tls, implicit=security == "tls", sign_in=True) as server:
        settings = smtp_settings(
            server, security=security, username="gatepost", password=SecretStr("smtp-secret")
        )

        def arrived() -> list[tuple[str, str, str]]:
            assert server.encrypted == [security != "none"] * len(server.messages)
            assert server.signed_in == [("gatepost", "smtp-secret")] * len(server.messages)
            found = []
            for (sender, recipients), made in zip(server.envelopes, server.messages, strict=True):
                assert (sender, len(recipients)) == ("no-reply@orbit.example", 1)
                assert made["From"] == "Orbit <no-reply@orbit.example>"
                assert made["To"] == recipients[0]
                assert made["Message-ID"] == f"<{MESSAGE.mail_id}@orbit.example>"
                assert made["Auto-Submitted"] == "auto-generated"
                text, html = (made.get_body((kind,)) for kind in ("plain", "html"))
                assert text is not None and html is not None
                assert html.get_content().strip() == MESSAGE.html
                found.append(
                    (recipients[0], made["Subject"], text.get_content().replace("\r\n", "\n"))
                )
            return found

        yield Place(SmtpMailer(settings, "Orbit", authority.trusted()), arrived)


@asynccontextmanager
async def console(capsys: pytest.CaptureFixture[str]) -> AsyncIterator[Place]:
    """The console of a developer."""

    def arrived() -> list[tuple[str, str, str]]:
        found = []
        for block in capsys.readouterr().err.split("--- End of mail\n")[:-1]:
            head, _, text = block.partition("\n\n")
            first, subject = head.splitlines()
            found.append(
                (first.removeprefix("--- Mail to "), subject.removeprefix("Subject: "), text)
            )
        return found

    yield Place(ConsoleMailer(development=True), arrived)


@pytest.fixture(params=["starttls", "tls", "none", "console"])
async def place(
    request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> AsyncIterator[Place]:
    opened = console(capsys) if request.param == "console" else smtp(request.param)
    async with opened as found:
        yield found


async def test_a_mail_arrives_whole_at_its_one_recipient(place: Place) -> None:
    await asyncio.gather(place.mailer.send(MESSAGE), place.mailer.send(MESSAGE))
    assert place.arrived() == [(MESSAGE.to, MESSAGE.subject, MESSAGE.text)] * 2


@pytest.mark.parametrize("answer", ["450 try later", "421 closing"])
async def test_a_server_that_is_busy_is_tried_again(answer: str) -> None:
    async with running_smtp() as server:
        server.answer = answer
        with pytest.raises(MailUnavailable, match=answer[:3]):
            await SmtpMailer(smtp_settings(server), "Orbit").send(MESSAGE)


async def test_a_mailbox_that_does_not_exist_is_final_and_no_log_names_it() -> None:
    async with running_smtp() as server:
        server.answer_to_recipients = "550 ada@acme.example does not exist"
        with pytest.raises(MailRefused) as refused:
            await SmtpMailer(smtp_settings(server), "Orbit").send(MESSAGE)
    assert str(refused.value) == "the SMTP server answered 550"


async def test_a_full_mailbox_is_tried_again() -> None:
    async with running_smtp() as server:
        server.answer_to_recipients = "452 ada@acme.example is full"
        with pytest.raises(MailUnavailable, match="452"):
            await SmtpMailer(smtp_settings(server), "Orbit").send(MESSAGE)


async def test_a_wrong_password_is_tried_again_and_never_told() -> None:
    async with running_smtp(sign_in=True) as server:
        settings = smtp_settings(server, username="gatepost", password=SecretStr("wr0ng"))
        with pytest.raises(MailUnavailable, match="user name or password") as unavailable:
            await SmtpMailer(settings, "Orbit").send(MESSAGE)
    assert "wr0ng" not in str(unavailable.value) and not server.messages


async def test_a_server_without_starttls_gets_nothing() -> None:
    async with running_smtp() as server:
        settings = smtp_settings(server, security="starttls")
        with pytest.raises(MailUnavailable):
            await SmtpMailer(settings, "Orbit").send(MESSAGE)
    assert not server.messages


async def test_a_server_with_a_certificate_nobody_trusts_gets_nothing() -> None:
    async with running_smtp(tls=Authority().server("localhost")) as server:
        settings = smtp_settings(
            server, security="starttls", username="gatepost", password=SecretStr("smtp-secret")
        )
        with pytest.raises(MailUnavailable):
            await SmtpMailer(settings, "Orbit").send(MESSAGE)
    assert not server.messages and not server.signed_in


async def test_a_server_that_is_not_there_is_tried_again() -> None:
    async with running_smtp() as server:
        settings = smtp_settings(server)
    with pytest.raises(MailUnavailable):
        await SmtpMailer(settings, "Orbit").send(MESSAGE)


async def test_outside_development_the_console_prints_no_link(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with capture_logs() as logs, pytest.raises(MailRefused):
        await ConsoleMailer(development=False).send(MESSAGE)
    assert (capsys.readouterr().err, logs) == ("", [])


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"sender": "Orbit <no-reply@orbit.example>"}, "must be an e-mail address"),
        ({"username": "gatepost"}, "both username and password"),
        ({"password": "x"}, "both username and password"),
        (
            {"username": "gatepost", "password": "x", "security": "none", "host": "mx.example"},
            "requires security",
        ),
        ({"host": "mx.example\r\nQUIT"}, "host"),
        ({"security": "ssl"}, "security"),
    ],
)
def test_settings_that_can_not_work_are_refused(changes: dict[str, Any], problem: str) -> None:
    given = {"sender": "no-reply@orbit.example", "host": "localhost", **changes}
    with pytest.raises(ValidationError, match=problem):
        MailSettings(**given)


def test_the_settings_choose_the_adapter() -> None:
    def settings(issuer: str, mail: MailSettings | None = None) -> AuthServerSettings:
        resources = (ResourceSettings(resource=RESOURCE),)
        return AuthServerSettings(
            issuer=issuer, secret_key=SECRET_KEY, resources=resources, mail=mail
        )

    mail = MailSettings(sender="no-reply@orbit.example", host="localhost")
    assert open_mailer(settings("http://127.0.0.1:8400")) == ConsoleMailer(development=True)
    assert open_mailer(settings("https://auth.example")) == ConsoleMailer(development=False)
    assert open_mailer(settings("https://auth.example", mail)) == SmtpMailer(mail, "Gatepost")
    assert mail.connects_to == 587
