"""An MCP client with a key: it discovers, registers, authorizes, and calls with DPoP (RFC 9449, SEP-1932).

`python -m support.processes.dpop_client URL` connects to a server whose person approves at once, such as
that of the conformance suite.
"""

import asyncio
import secrets
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2

from auth_server.secrets import s256
from gatepost.clock import utc_now
from support.in_process.dpop import DpopKey
from support.processes.discovery import discover

REDIRECT_URI = "http://127.0.0.1:3999/callback"
Approve = Callable[[str], Awaitable[str]]
"""Answers an authorization URL as a person would, with the URL to which the client is called back."""


@dataclass
class DpopClient:
    """One client with one key; it makes a request again with the nonce that it was sent."""

    http: httpx2.AsyncClient
    url: str
    approve: Approve
    now: Callable[[], datetime] = utc_now
    key: DpopKey = field(default_factory=DpopKey)
    tokens: dict[str, Any] = field(default_factory=dict)
    client_id: str = ""
    token_endpoint: str = ""
    nonces: dict[str, str] = field(default_factory=dict)
    """The newest nonce of each origin (§8.2)."""

    async def connect(self) -> None:
        """Get a token that is bound to the key, and open the MCP session."""
        metadata = await discover(self.http, self.url)
        assert self.key.pair.algorithm in metadata["dpop_signing_alg_values_supported"]
        redirect = {"redirect_uris": [REDIRECT_URI], "token_endpoint_auth_method": "none"}
        registration = {
            "client_name": "DPoP client",
            "application_type": "native",
            "grant_types": ["authorization_code", "refresh_token"],
            "dpop_bound_access_tokens": True,
            **redirect,
        }
        made = await self.http.post(metadata["registration_endpoint"], json=registration)
        self.client_id, verifier = made.json()["client_id"], secrets.token_urlsafe(48)
        self.token_endpoint = metadata["token_endpoint"]
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": REDIRECT_URI,
            "state": secrets.token_urlsafe(12),
            "code_challenge": s256(verifier),
            "code_challenge_method": "S256",
            "resource": self.url,
            "dpop_jkt": self.key.thumbprint,
        }
        answer = await self.approve(f"{metadata['authorization_endpoint']}?{urlencode(query)}")
        form = {
            "grant_type": "authorization_code",
            "code": parse_qs(urlsplit(answer).query)["code"][0],
            "redirect_uri": REDIRECT_URI,
            "code_verifier": verifier,
            "resource": self.url,
        }
        await self._get_tokens(form)
        hello = {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "dpop-client", "version": "1"},
        }
        await self.ask("initialize", hello)

    async def refresh(self) -> None:
        """Get new tokens."""
        refresh_token = self.tokens["refresh_token"]
        await self._get_tokens({"grant_type": "refresh_token", "refresh_token": refresh_token})

    @property
    def access_token(self) -> str:
        """The newest access token."""
        return str(self.tokens["access_token"])

    async def ask(self, method: str, params: dict[str, Any] | None = None) -> httpx2.Response:
        """Send one MCP request with the token and a new proof."""
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}
        headers = {
            "authorization": f"DPoP {self.access_token}",
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": "2025-11-25",
        }
        token = self.access_token
        answer = await self._post(self.url, token=token, json=message, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer

    async def _get_tokens(self, form: dict[str, str]) -> None:
        got = await self._post(self.token_endpoint, data={"client_id": self.client_id, **form})
        assert got.status_code == 200, got.text
        self.tokens = got.json()
        assert self.tokens["token_type"] == "DPoP"

    async def _post(
        self, url: str, *, token: str | None = None, headers: Any = None, **body: Any
    ) -> httpx2.Response:
        origin = urlsplit(url).netloc
        for _ in range(2):
            proof = self.key.prove(self.now(), url, token=token, nonce=self.nonces.get(origin))
            answer = await self.http.post(url, headers={**(headers or {}), "dpop": proof}, **body)
            if (nonce := answer.headers.get("dpop-nonce")) is not None:
                self.nonces[origin] = nonce
            challenge = answer.headers.get("www-authenticate", "")
            if "use_dpop_nonce" not in (challenge if token else answer.text):
                break
        return answer


async def main(url: str) -> None:
    """Connect, and list the tools."""
    async with httpx2.AsyncClient(trust_env=False) as http:

        async def approve(address: str) -> str:
            return str((await http.get(address)).headers["location"])

        client = DpopClient(http, url, approve)
        await client.connect()
        await client.ask("tools/list")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
