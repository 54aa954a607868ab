"""The authorization server of an API, at which one person is signed in and has an account."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
from sqlmodel import select
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Host, Route

from auth_server.db.engine import open_database
from auth_server.records.linked_accounts.table import LinkedAccount
from auth_server.sign_in_settings import LinkProviderSettings
from gatepost.linked_tokens import LINKED_TOKENS_PATH
from mcp_gateway.authorization_server.client import AuthorizationServer
from mcp_gateway.http_client.port import HttpResponse
from mcp_gateway.requests.request import HttpRequest
from support.in_process.auth_server import RESOURCE, AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.oauth_client import OAuthClient, answer_of
from support.in_process.person import Page, Person
from support.in_process.revocations import GATEWAY, assertions, read_unverified

SECRET = "hush-hush"
LINKED = GATEWAY.model_copy(update={"links": ("orbit",)})
"""The gateway, for whose API people link their accounts."""
OTHER_RESOURCE = "http://127.0.0.1:8411/mcp"
"""Another gateway, for the same API."""


@dataclass
class LinkProvider:
    """An authorization server that replaces each refresh token at its first use.

    What a test puts into `document` changes its metadata, and `answers` what the browser comes back
    with. `loses` answers of the token endpoint are lost after it has done its work.
    """

    name: str = "orbit"
    document: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    lifetime: int | None = 600
    token_answer: Response | None = None
    loses: int = 0
    refuses_revocation: bool = False
    held: asyncio.Event | None = None
    metadata_held: asyncio.Event | None = None
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    refreshed: list[str] = field(default_factory=list)
    """The refresh tokens that it was sent."""
    revoked: list[str] = field(default_factory=list)
    asked_to_revoke: int = 0
    live: str = ""
    """The refresh token that it accepts."""
    asked: dict[str, str] = field(default_factory=dict)
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)
    _issued: int = 0

    @property
    def issuer(self) -> str:
        """Its issuer."""
        return f"https://login.{self.name}.example"

    @property
    def app(self) -> Starlette:
        """Answers the server's requests."""
        return Starlette(
            routes=[
                Route("/.well-known/oauth-authorization-server", self._metadata),
                Route("/token", self._token, methods=["POST"]),
                Route("/revoke", self._revoke, methods=["POST"]),
            ]
        )

    def settings(self, **changes: Any) -> LinkProviderSettings:
        """How it is configured."""
        given: dict[str, Any] = {
            "name": self.name,
            "title": self.name.title(),
            "issuer": self.issuer,
            "client_id": "gatepost",
            "client_secret": SECRET,
            "scopes": ("tasks", "offline_access"),
            "resource": f"https://api.{self.name}.example",
            **changes,
        }
        return LinkProviderSettings(**given)

    def approve(self, url: str, **changes: str) -> str:
        """Have the person allow a request; return where the browser is sent."""
        self.asked = {key: values[0] for key, values in parse_qs(urlsplit(url).query).items()}
        code = f"code-{len(self._codes) + 1}-of-{self.name}"
        self._codes[code] = self.asked
        answer = {"code": code, "state": self.asked["state"], "iss": self.issuer}
        answer |= {**self.answers, **changes}
        kept = {key: value for key, value in answer.items() if value}
        return f"{self.asked['redirect_uri']}?{urlencode(kept)}"

    async def _metadata(self, _: Request) -> Response:
        if self.metadata_held is not None:
            await self.metadata_held.wait()
        document = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "revocation_endpoint": f"{self.issuer}/revoke",
            "authorization_response_iss_parameter_supported": True,
            **self.document,
        }
        return JSONResponse(document)

    async def _token(self, request: Request) -> Response:
        form = {key: str(value) for key, value in (await request.form()).items()}
        pair = base64.b64encode(f"gatepost:{SECRET}".encode()).decode()
        assert request.headers["authorization"] == f"Basic {pair}"
        if form["grant_type"] == "refresh_token":
            self.refreshed.append(form["refresh_token"])
        self.begun.set()
        if self.held is not None:
            await self.held.wait()
        if self.token_answer is not None:
            return self.token_answer
        answer = self._redeem(form) if "code" in form else self._renew(form)
        if self.loses:
            self.loses -= 1
            return Response("upstream timed out", status_code=504)
        return answer

    def _redeem(self, form: Mapping[str, str]) -> Response:
        asked = self._codes.pop(form["code"], None)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (
            asked is None
            or asked["code_challenge"] != challenge
            or asked["redirect_uri"] != form["redirect_uri"]
        ):
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        return self._issue()

    def _renew(self, form: Mapping[str, str]) -> Response:
        if form["refresh_token"] != self.live:
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        return self._issue()

    def _issue(self) -> Response:
        self._issued += 1
        self.live = f"refresh-{self._issued}-of-{self.name}"
        token: dict[str, Any] = {
            "access_token": f"access-{self._issued}-of-{self.name}",
            "token_type": "Bearer",
            "refresh_token": self.live,
        }
        if self.lifetime is not None:
            token["expires_in"] = self.lifetime
        return JSONResponse(token)

    async def _revoke(self, request: Request) -> Response:
        self.asked_to_revoke += 1
        if self.refuses_revocation:
            return Response(status_code=503)
        self.revoked.append(str((await request.form())["token"]))
        return Response()


@dataclass(frozen=True)
class InProcess:
    """The gateway's HTTP client, to a server of the test."""

    http: httpx2.AsyncClient

    async def send(self, request: HttpRequest, *, deadline: float) -> HttpResponse:
        """Send a request."""
        answer = await self.http.request(
            request.method, request.url, content=request.body, headers=dict(request.headers)
        )
        return HttpResponse(answer.status_code, answer.headers["content-type"], answer.content)


def gateways_way_to(server: AuthServer) -> AuthorizationServer:
    """Return what the gateway asks the server with."""
    return AuthorizationServer(
        InProcess(server.http),
        resource=server.resource,
        url=server.issuer,
        jwks_url=f"{server.issuer}/jwks.json",
        prove=assertions(server.clock).form,
    )


@dataclass
class Place:
    """A server, and two providers that it knows; its gateway uses the first."""

    server: AuthServer
    orbit: LinkProvider
    harbour: LinkProvider

    async def rows(self) -> list[LinkedAccount]:
        """Read the table."""
        database = open_database(self.server.database_url)
        async with database.reading() as db:
            rows = list((await db.execute(select(LinkedAccount))).scalars())
        await database.close()
        return rows


@asynccontextmanager
async def running_place(
    database_url: str, clock: Clock, orbit: LinkProvider | None = None, **changes: Any
) -> AsyncIterator[Place]:
    """Run a server with both; pass `orbit` for another process of the same server."""
    orbit, harbour = orbit or LinkProvider(), LinkProvider("harbour")
    async with running_auth_server(
        database_url,
        clock,
        outside=network(orbit, harbour),
        resources=(LINKED, LINKED.model_copy(update={"resource": OTHER_RESOURCE})),
        link_providers=(orbit.settings(), harbour.settings()),
        **changes,
    ) as server:
        yield Place(server, orbit, harbour)


def network(*providers: LinkProvider) -> Starlette:
    """Answer for all of them, each at its own host."""
    return Starlette(routes=[Host(urlsplit(one.issuer).netloc, one.app) for one in providers])


async def leave(person: Person, page: Page) -> str:
    """Go from the page that asks for the account to the provider; return the URL there."""
    left = await person.press(page, "Continue to")
    assert left.moves_on_to is not None, left.text
    return left.moves_on_to


async def link(person: Person, provider: LinkProvider, page: Page) -> Page:
    """Link the account that a page asks for; return the page after it."""
    return await person.open(provider.approve(await leave(person, page)))


async def connect(
    server: AuthServer, person: Person, provider: LinkProvider, *, tenant: str = "Acme"
) -> tuple[OAuthClient, dict[str, Any]]:
    """Connect an app, and link the account on the way if that is asked; return the app and its tokens."""
    client = await server.client()
    page = await person.reach_consent(client.authorize_url(), tenant=tenant)
    if "/link" in page.forms:
        page = await link(person, provider, page)
    answer = answer_of((await person.press(page, "Approve")).moves_on_to or "")
    tokens: dict[str, Any] = (await client.redeem(answer["code"])).json()
    return client, tokens


async def ask_for_token(
    server: AuthServer, grant_id: str, *, resource: str = RESOURCE, **changes: Any
) -> dict[str, Any]:
    """Ask for the token of a caller as a gateway does; return the answer."""
    asked = {"provider": "orbit", "grant_id": grant_id, **changes}
    body = {**assertions(server.clock, resource=resource).form(), "link": asked}
    answer = await server.http.post(LINKED_TOKENS_PATH, json=body)
    told: dict[str, Any] = {"status": answer.status_code, **answer.json()}
    return told


def grant_of(tokens: Mapping[str, str]) -> str:
    """Read the connection of an access token."""
    return read_unverified(tokens["access_token"])[0].grant_id
