"""Clients in Java: the JDK offers HTTP/2 with every request over plain HTTP, and needs no answer."""

import asyncio
import json
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from fastapi.routing import iter_route_contexts

from auth_server.app import create_app
from auth_server.settings import AuthServerSettings
from support.in_process.oauth_client import REDIRECT_URI
from support.in_process.person import Person
from support.processes.deployment import Deployment, connect

FORM = "application/x-www-form-urlencoded"
OFFER = (
    b"Connection: Upgrade, HTTP2-Settings\r\n"
    b"HTTP2-Settings: AAEAAEAAAAIAAAAAAAMAAAAAAAQBAAAAAAUAAEAAAAYABgAA\r\n"
    b"Upgrade: h2c\r\n"
)
"""As `java.net.http.HttpClient` of JDK 17 sends it."""
Answer = tuple[int, bytes]


async def post(
    url: str,
    body: bytes,
    *,
    content_type: str = "application/json",
    token: str = "",
    offer: bytes = OFFER,
    chunked: bool = False,
) -> list[Answer]:
    """Send the JDK's bytes twice on one connection, its head and its body apart as it does."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    framing = "Transfer-encoding: chunked" if chunked else f"Content-Length: {len(body)}"
    head = (
        f"POST {parts.path} HTTP/1.1\r\n{framing}\r\nHost: {parts.netloc}\r\n"
        "User-Agent: Java-http-client/17.0.15\r\naccept: application/json, text/event-stream\r\n"
        f"content-type: {content_type}\r\n{f'authorization: Bearer {token}' if token else 'x: y'}\r\n"
    )
    sent = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if chunked else body
    try:
        answers = []
        for _ in range(2):
            writer.write(head.encode() + offer + b"\r\n")
            await writer.drain()
            writer.write(sent)
            answers.append(await read_answer(reader))
        return answers
    finally:
        writer.close()


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    """Read one response: its status and body."""
    status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
    headers = dict(line.lower().split(": ", 1) for line in lines if line)
    if headers.get("transfer-encoding") != "chunked":
        body = await reader.readexactly(int(headers["content-length"]))
        return int(status.split()[1]), body
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readexactly(2)
    return int(status.split()[1]), body


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_client_that_offers_http2_connects_and_calls_tools(
    on_sqlite: Deployment, ada: Person, *, chunked: bool
) -> None:
    metadata = {"client_name": "Java", "redirect_uris": [REDIRECT_URI]}
    registered = await post(
        f"{on_sqlite.issuer}/register", json.dumps(metadata).encode(), chunked=chunked
    )
    assert [json.loads(body)["client_name"] for _, body in registered] == ["Java", "Java"]

    form = b"grant_type=refresh_token&refresh_token=x&client_id=nobody"
    for status, body in await post(
        f"{on_sqlite.issuer}/token", form, content_type=FORM, chunked=chunked
    ):
        assert (status, json.loads(body)["error"]) == (401, "invalid_client")
        assert b"is missing" not in body

    token = (await connect(on_sqlite, ada)).tokens["access_token"]
    message = b'{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}'
    for status, body in await post(on_sqlite.resource, message, token=token, chunked=chunked):
        assert status == 200
        assert b"list_tasks" in body


def posted_paths() -> Iterator[str]:
    """List the paths of the authorization server that take a POST."""
    settings = AuthServerSettings(
        issuer="https://auth.example.com",
        secret_key="k" * 43,
        database_url="sqlite+aiosqlite://",
        resources=[{"resource": "https://mcp.example.com/mcp"}],
    )
    for route in iter_route_contexts(create_app(settings).routes):
        if "POST" in (route.methods or ()):
            yield str(route.path)


@pytest.mark.parametrize("path", sorted(posted_paths()))
async def test_an_offer_of_http2_changes_no_answer(on_sqlite: Deployment, path: str) -> None:
    url = f"{on_sqlite.issuer}{path}"
    asked = [
        await post(url, b"client_id=nobody", content_type=FORM, offer=offer)
        for offer in (OFFER, OFFER.replace(b"h2c", b"websocket"), b"")
    ]
    assert asked[0] == asked[1] == asked[2]
