"""Servers on loopback that receive webhooks, and verify them with the official library."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any
from unittest.mock import patch

from standardwebhooks import Webhook

from auth_server.notices.run import follow
from auth_server.outbound.guarded_post import GuardedPost
from auth_server.webhooks.event_types import types_for
from auth_server.webhooks.manage import NewEndpoint, add_endpoint
from support.in_process.auth_server import AuthServer
from support.processes.certificates import Authority

HOST = "hooks.customer.example"


@dataclass(frozen=True)
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: str

    @property
    def message_id(self) -> str:
        """The id of the message."""
        return self.headers["webhook-id"]

    @property
    def type(self) -> str:
        """The type of the event."""
        return str(json.loads(self.body)["type"])

    def verify(self, secret: str, *, at: datetime) -> Any:
        """Verify it as a receiver does at a time."""

        class Clock(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> Any:
                return at

        with patch("standardwebhooks.webhooks.datetime", Clock):
            return Webhook(secret).verify(self.body, self.headers)


@dataclass
class Receiver:
    """A server that answers each request with the next of its answers; the last one stays."""

    port: int = 0
    answers: list[tuple[int, str]] = field(default_factory=lambda: [(204, "")])
    received: list[Received] = field(default_factory=list)
    silent: asyncio.Event | None = None
    """If set, answers wait until it happens."""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def url(self, host: str = HOST, path: str = "/hooks") -> str:
        """Where it is."""
        scheme = "http" if host == "127.0.0.1" else "https"
        return f"{scheme}://{host}:{self.port}{path}"

    @property
    def types(self) -> list[str]:
        """The types of what it received."""
        return [one.type for one in self.received]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        pairs = (line.split(": ", 1) for line in lines)
        headers = {name.lower(): value for name, value in pairs}
        body = await reader.readexactly(int(headers["content-length"]))
        self.received.append(Received(first.split()[1], headers, body.decode()))
        self.arrived.set()
        if self.silent is not None:
            await self.silent.wait()
        status, text = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        answer = text.encode()
        place = "Location: https://127.0.0.1/\r\n" if 300 <= status < 400 else ""
        writer.write(
            f"HTTP/1.1 {status} X\r\n{place}Content-Length: {len(answer)}\r\n\r\n".encode() + answer
        )
        await writer.drain()
        writer.close()


@dataclass(frozen=True)
class Network:
    """Names that lead to loopback, and a post that trusts their certificates."""

    authority: Authority
    addresses: dict[str, list[str]]

    def post(self) -> GuardedPost:
        """Make the post of a server in this network."""

        async def resolve(host: str, port: int) -> list[str]:
            return self.addresses.get(host, ["127.0.0.1"])

        return GuardedPost(resolve=resolve, tls=self.authority.trusted(), allow_loopback=True)

    @asynccontextmanager
    async def receiver(self, host: str = HOST) -> AsyncIterator[Receiver]:
        """Run a receiver."""
        receiver = Receiver()
        tls = None if host == "127.0.0.1" else self.authority.server(host)
        server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=tls)
        receiver.port = server.sockets[0].getsockname()[1]
        async with server:
            yield receiver


async def add_hook(
    server: AuthServer, url: str, owner: str | None = "org_acme", name: str = "endpoint_1"
) -> str:
    """Add an endpoint for all types; return its secret."""
    new = NewEndpoint(owner, url, tuple(kind.name for kind in types_for(owner)), name)
    await follow(server.opened)
    async with server.opened.transaction() as db:
        _, secret = await add_endpoint(
            db,
            new,
            keys=server.opened.keys,
            new_secret=server.opened.new_secret,
            now=server.clock(),
            private_hosts=server.settings.webhook_private_hosts,
        )
    return secret


async def send_all(server: AuthServer) -> None:
    """Follow the log, and send everything that is due."""
    await follow(server.opened)
    while await server.opened.webhooks.start_due():
        await server.opened.webhooks.settled()
