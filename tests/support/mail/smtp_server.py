"""A real SMTP server in the test's event loop."""

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


@dataclass
class SmtpServer:
    """What the server received, and how it answers."""

    port: int = 0
    answer: str = "250 OK"
    answer_to_recipients: str = ""
    envelopes: list[tuple[str, list[str]]] = field(default_factory=list)
    messages: list[EmailMessage] = field(default_factory=list)
    signed_in: list[tuple[str, str]] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        """Accept or refuse a recipient."""
        if self.answer_to_recipients:
            return self.answer_to_recipients
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Keep the message."""
        if self.answer.startswith("250"):
            self.envelopes.append((envelope.mail_from, list(envelope.rcpt_tos)))
            self.messages.append(message_from_bytes(envelope.content, policy=default))
            self.encrypted.append(server.transport.get_extra_info("sslcontext") is not None)
        return self.answer

    def authenticate(
        self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any
    ) -> AuthResult:
        """Accept one user name and password."""
        assert isinstance(data, LoginPassword)
        given = (data.login.decode(), data.password.decode())
        self.signed_in.append(given)
        return AuthResult(success=given == ("gatepost", "smtp-secret"), handled=False)


@asynccontextmanager
async def running_smtp(
    *, tls: ssl.SSLContext | None = None, implicit: bool = False, sign_in: bool = False
) -> AsyncIterator[SmtpServer]:
    """Run a server that offers STARTTLS, or speaks TLS from the first byte."""
    server = SmtpServer()

    def protocol() -> SMTP:
        with warnings.catch_warnings():
            # It warns of passwords without TLS, which some of the tests send on purpose.
            warnings.simplefilter("ignore")
            return SMTP(
                server,
                hostname="smtp.test",
                tls_context=None if implicit else tls,
                require_starttls=tls is not None and not implicit,
                authenticator=server.authenticate,
                auth_required=sign_in,
                auth_require_tls=False,
            )

    loop = asyncio.get_running_loop()
    listening = await loop.create_server(protocol, "127.0.0.1", 0, ssl=tls if implicit else None)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        await listening.wait_closed()
