"""A minimal OAuth client: registers, builds authorization URLs, redeems."""

import base64
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2

from support.in_process.person import Person

REDIRECT_URI = "http://127.0.0.1:3999/callback"


@dataclass
class OAuthClient:
    """A registered public client and its current verifier and state."""

    http: httpx2.AsyncClient
    issuer: str
    resource: str
    client_id: str
    redirect_uri: str = REDIRECT_URI
    verifier: str = ""
    state: str = ""
    prove: Callable[[], dict[str, str]] = dict
    """Makes the headers of a token request, such as a DPoP proof."""

    def authorize_url(self, **changes: str | None) -> str:
        """Build an authorization URL; a keyword changes a parameter, None leaves it out."""
        self.verifier = secrets.token_urlsafe(48)
        self.state = secrets.token_urlsafe(12)
        digest = hashlib.sha256(self.verifier.encode()).digest()
        parameters: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "state": self.state,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            "resource": self.resource,
            "scope": "mcp:read mcp:write",
            **changes,
        }
        query = urlencode({k: v for k, v in parameters.items() if v is not None})
        return f"{self.issuer}/authorize?{query}"

    async def redeem(self, code: str, **changes: str | None) -> httpx2.Response:
        """Redeem a code."""
        return await self.token(
            **{
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": self.redirect_uri,
                "code_verifier": self.verifier,
                "resource": self.resource,
                **changes,
            }
        )

    async def refresh(self, refresh_token: str, **changes: str | None) -> httpx2.Response:
        """Use a refresh token."""
        return await self.token(
            **{"grant_type": "refresh_token", "refresh_token": refresh_token, **changes}
        )

    async def token(self, **form: str | None) -> httpx2.Response:
        """Call the token endpoint."""
        data = {"client_id": self.client_id, **form}
        kept = {k: v for k, v in data.items() if v is not None}
        return await self.http.post(f"{self.issuer}/token", data=kept, headers=self.prove())

    async def connect(self, person: Person, **choices: Any) -> dict[str, Any]:
        """Connect with a person who approves; return the token response."""
        answer = answer_of(await person.approve(self.authorize_url(), **choices))
        assert answer["state"] == self.state
        tokens = await self.redeem(answer["code"])
        assert tokens.status_code == 200, tokens.text
        body: dict[str, Any] = tokens.json()
        return body


def answer_of(url: str) -> dict[str, str]:
    """Read the parameters a client is called back with; each must come once."""
    parameters = parse_qs(urlsplit(url).query, keep_blank_values=True)
    assert all(len(values) == 1 for values in parameters.values()), url
    return {name: values[0] for name, values in parameters.items()}


async def register(
    http: httpx2.AsyncClient, issuer: str, resource: str, **metadata: Any
) -> OAuthClient:
    """Register a public client."""
    answer = await http.post(
        f"{issuer}/register",
        json={
            "client_name": "Test client",
            "redirect_uris": [REDIRECT_URI],
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": "none",
            **metadata,
        },
    )
    assert answer.status_code == 201, answer.text
    return OAuthClient(http, issuer, resource, answer.json()["client_id"])
