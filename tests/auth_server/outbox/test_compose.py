"""No value can add a header, a second recipient, a paragraph or markup to a mail."""

from email.policy import SMTP

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_server.mail.port import MailRefused, Message
from auth_server.mail.settings import MailSettings, is_mail_address
from auth_server.mail.smtp import SmtpMailer
from auth_server.outbox.compose import _one_line, compose
from auth_server.rendering.render import open_pages
from auth_server.settings import AuthServerSettings, ResourceSettings
from support.in_process.auth_server import RESOURCE, SECRET_KEY

ISSUER = "https://auth.acme.example"
PAGES = open_pages(
    AuthServerSettings(
        issuer=ISSUER, secret_key=SECRET_KEY, resources=(ResourceSettings(resource=RESOURCE),)
    )
)
MAILER = SmtpMailer(MailSettings(sender="no-reply@acme.example", host="localhost"), "Acme")


def mail_in(language: str) -> Message:
    """A mail in a language."""
    return compose(
        PAGES, ISSUER, "test", mail_id="0" * 32, to="ada@acme.example", language=language, values={}
    )


@given(st.text(max_size=400))
def test_a_value_is_one_line(text: str) -> None:
    assert len(_one_line(text).splitlines()) <= 1
    assert all(character.isprintable() for character in _one_line(text))


@given(st.text(max_size=200))
def test_a_subject_adds_no_header(text: str) -> None:
    crafted = Message("0" * 32, "test", "ada@acme.example", text, "text", "<p>html</p>")
    try:
        made = MAILER._make(crafted)
    except MailRefused:
        return
    known = {
        "From",
        "To",
        "Subject",
        "Message-ID",
        "Auto-Submitted",
        "MIME-Version",
        "Content-Type",
    }
    assert set(made.keys()) == known
    head = made.as_bytes(policy=SMTP).partition(b"\r\n\r\n")[0]
    names = {line.partition(b":")[0].decode() for line in head.split(b"\r\n") if line[:1] != b" "}
    assert names == known


@pytest.mark.parametrize(
    "address",
    [
        "ada@acme.example, eve@evil.example",
        "eve@evil.example\r\nBcc: all@acme.example",
        "Ada <ada@acme.example>",
        "ada",
        "@acme.example",
        "ada@",
        "ada@acme..example",
        'ada"x@acme.example',
        "ada@[127.0.0.1]",
        "a" * 250 + "@x.example",
        "",
    ],
)
def test_anything_but_one_plain_address_is_refused(address: str) -> None:
    assert not is_mail_address(address)
    with pytest.raises(MailRefused):
        MAILER._make(Message("0" * 32, "test", address, "subject", "text", "html"))


def test_an_unknown_language_gets_english() -> None:
    assert mail_in("").subject == mail_in("xx-YY").subject == mail_in("en").subject
    assert mail_in("de").subject != mail_in("en").subject
