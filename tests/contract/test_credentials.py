"""The port `CredentialSource`: every adapter gives a call the right tenant's secret."""

import asyncio
from base64 import b64decode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from joserfc.jwk import ECKey
from pydantic import SecretStr
from structlog.testing import capture_logs

from gatepost.claims import AccessClaims, parse_claims
from mcp_gateway.apis.credential_settings import ClientCredentials, TokenExchange
from mcp_gateway.http_client.http1 import Http1Client
from mcp_gateway.http_client.port import HttpResponse
from mcp_gateway.requests.request import HttpRequest
from mcp_gateway.upstream.assertion import AssertionSigner
from mcp_gateway.upstream.credentials.client_credentials import ByClientCredentials
from mcp_gateway.upstream.credentials.per_tenant import FromEnvironment, FromFile
from mcp_gateway.upstream.credentials.port import CredentialSource, NoCredential
from mcp_gateway.upstream.credentials.sealed_file import SealedFile
from mcp_gateway.upstream.credentials.static import Static
from mcp_gateway.upstream.credentials.token_cache import Issued, TokenCache
from mcp_gateway.upstream.credentials.token_exchange import ByTokenExchange
from support.in_process import tokens
from support.in_process.auth_server import RESOURCE, AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.operator import add
from support.processes.token_endpoint import TokenEndpoint, running_token_endpoint

GATEWAY_KEY = ECKey.generate_key("P-256")
SECRET = "s3cret&with=odd+characters"
FETCHED = ("client_credentials", "token_exchange")


@dataclass
class Kept:
    """A source, and the parts behind it."""

    source: CredentialSource
    endpoint: TokenEndpoint
    clock: Clock

    async def ask(self, **changes: Any) -> str:
        """Resolve for Ada at Acme, with claims changed."""
        return await self.source.resolve(caller(self.clock, **changes), within=5)


def caller(clock: Clock, **changes: Any) -> AccessClaims:
    """Ada at Acme, with claims changed."""
    return parse_claims(tokens.claims(clock(), **changes))


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio, as the gateway does."""
    return "asyncio"


def by_exchange(url: str, http: Http1Client, clock: Clock, **changes: Any) -> ByTokenExchange:
    """Exchange tokens at an endpoint with the gateway's key."""
    signer = AssertionSigner(GATEWAY_KEY, resource=RESOURCE, audience="https://api", now=clock)
    settings = TokenExchange(mode="token_exchange", token_url=url, **changes)
    return ByTokenExchange(
        settings, http, lambda who, token_url: signer.sign_subject(who, token_url, "jti"), clock
    )


@pytest.fixture(params=["static", "file", "environment", *FETCHED])
async def kept(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Kept]:
    clock = Clock()
    async with running_token_endpoint() as endpoint, Http1Client() as http:
        match request.param:
            case "static":
                source: CredentialSource = Static("for all")
            case "file":
                file = SealedFile(tmp_path / "keys.json", "k" * 32, name="key")
                for tenant in ("org_acme", "org_globex"):
                    file.put(tenant, f"of {tenant}")
                source = FromFile(file)
            case "environment":
                secrets = {f"KEY_{tenant}": f"of {tenant}" for tenant in ("org_acme", "org_globex")}
                source = FromEnvironment("KEY_{tenant_id}", secrets)
            case "client_credentials":
                asked = ClientCredentials(
                    mode="client_credentials",
                    token_url=endpoint.url,
                    client_id="gate post",
                    client_secret=SecretStr(SECRET),
                    scope="tasks",
                )
                source = ByClientCredentials(asked, http, clock)
            case _:
                source = by_exchange(endpoint.url, http, clock, audience="https://api.example")
        yield Kept(source, endpoint, clock)


def only(*modes: str) -> pytest.MarkDecorator:
    """Run the test with some of the sources."""
    return pytest.mark.parametrize("kept", modes, indirect=True)


async def test_a_caller_gets_the_same_secret_again(kept: Kept) -> None:
    first = await kept.ask()
    assert first
    assert await kept.ask() == first
    assert len(kept.endpoint.forms) <= 1


@only("file", "environment", "token_exchange")
async def test_no_tenant_ever_gets_anothers_secret_a123(kept: Kept) -> None:
    assert await kept.ask() != await kept.ask(tenant_id="org_globex")


@only("token_exchange")
async def test_a_sub_agent_gets_a_token_of_its_own_that_names_it_a224(kept: Kept) -> None:
    """RFC 8693 §4.1."""
    act = {"sub": "client_claude#reader", "act": {"sub": "client_claude#researcher"}}
    own = await kept.ask()
    assert await kept.ask(act=act) != own == await kept.ask()
    first, second = (
        jwt.decode(form["subject_token"], options={"verify_signature": False})
        for form in kept.endpoint.forms
    )
    assert "act" not in first and second["act"] == act


@only("file", "environment")
@pytest.mark.parametrize(
    "tenant", ["", "org_other", "ORG_ACME", "org_acme ", "org_acme/..", "org-acme", "org_acmé", "*"]
)
async def test_a_tenant_without_a_secret_has_none_and_is_told_whom_to_ask_a123(
    kept: Kept, tenant: str
) -> None:
    with pytest.raises(NoCredential, match="Your organisation has not set up its access"):
        await kept.ask(tenant_id=tenant)


async def test_a_file_that_does_not_open_is_the_operators_matter_and_told_to_them(
    tmp_path: Path,
) -> None:
    path, clock = tmp_path / "keys.json", Clock()
    SealedFile(path, "k" * 32, name="key").put("org_acme", "s3cret")
    source = FromFile(SealedFile(path, "o" * 32, name="key"))
    with capture_logs() as logs, pytest.raises(NoCredential, match="operator"):
        await source.resolve(caller(clock), within=5)
    assert [log["log_level"] for log in logs] == ["error"]
    assert "s3cret" not in repr(logs)


@only("static", "file", "environment")
async def test_a_secret_of_the_operators_is_not_asked_for_again(kept: Kept) -> None:
    secret = await kept.ask()
    assert kept.source.reject(caller(kept.clock), secret) is False


@only(*FETCHED)
async def test_a_token_is_renewed_shortly_before_it_expires(kept: Kept) -> None:
    first = await kept.ask()
    kept.clock.advance(seconds=69)
    assert await kept.ask() == first
    kept.clock.advance(seconds=1)
    assert await kept.ask() != first


@only(*FETCHED)
async def test_a_hundred_calls_at_once_fetch_one_token(kept: Kept) -> None:
    kept.endpoint.open.clear()
    calls = [asyncio.create_task(kept.ask()) for _ in range(100)]
    await kept.endpoint.asked.acquire()
    calls[0].cancel()
    kept.endpoint.open.set()
    with pytest.raises(asyncio.CancelledError):
        await calls[0]
    assert set(await asyncio.gather(*calls[1:])) == {"token-1"}
    assert len(kept.endpoint.forms) == 1


@only(*FETCHED)
async def test_a_token_that_the_api_refused_is_replaced_once_for_all_its_calls(
    kept: Kept,
) -> None:
    first = await kept.ask()
    who = caller(kept.clock)
    assert kept.source.reject(who, first) is False, "it was fetched just now"
    kept.clock.advance(seconds=5)
    assert kept.source.reject(who, first) is True
    assert await kept.ask() == "token-2"
    assert kept.source.reject(who, first) is True
    assert await kept.ask() == "token-2"


@only(*FETCHED)
async def test_an_endpoint_that_fails_is_asked_again_after_five_seconds(kept: Kept) -> None:
    kept.endpoint.status = 503
    for _ in range(3):
        with capture_logs(), pytest.raises(NoCredential, match="Try again in 5 seconds"):
            await kept.ask()
    assert len(kept.endpoint.forms) == 1
    kept.endpoint.status = 200
    kept.clock.advance(seconds=5)
    assert await kept.ask() == "token-2"


@only(*FETCHED)
async def test_a_call_does_not_wait_for_a_token_past_its_deadline(kept: Kept) -> None:
    kept.endpoint.open.clear()
    with pytest.raises(NoCredential, match="in time"):
        await kept.source.resolve(caller(kept.clock), within=0.05)
    kept.endpoint.open.set()
    assert await kept.ask() == "token-1"


@only(*FETCHED)
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b""),
        (200, b"[]"),
        (200, b"<html>"),
        (200, {"access_token": "x"}),
        (200, {"access_token": "x", "token_type": "DPoP"}),
        (200, {"access_token": "", "token_type": "Bearer"}),
        (200, {"access_token": "a\r\nX: y", "token_type": "Bearer"}),
        (200, {"access_token": 7, "token_type": "Bearer"}),
        (302, b""),
        (400, {"error": "invalid_client", "error_description": "s3cret"}),
        (400, {"error": "<s3cret>"}),
        (401, b"s3cret"),
    ],
)
async def test_a_malformed_token_answer_is_neither_used_nor_leaked(
    kept: Kept, status: int, body: Any
) -> None:
    kept.endpoint.status, kept.endpoint.body = status, body
    with capture_logs() as logs, pytest.raises(NoCredential) as refused:
        await kept.ask()
    assert len(logs) == 1
    assert "s3cret" not in str(refused.value) + repr(logs)
    assert "127.0.0.1" not in str(refused.value)


@only(*FETCHED)
@pytest.mark.parametrize("lifetime", [None, "60", "soon", -1, 0, True, 1e300])
async def test_a_lifetime_that_makes_no_sense_is_a_short_one(kept: Kept, lifetime: Any) -> None:
    token = {"access_token": "x", "token_type": "bearer", "expires_in": lifetime}
    kept.endpoint.body = token
    assert await kept.ask() == "x"


@only("client_credentials")
async def test_client_credentials_are_asked_for_by_the_book(kept: Kept) -> None:
    """RFC 6749 §2.3.1 and §4.4.2: form-encoded, then Basic; empty parameters are left out."""
    await kept.ask()
    assert kept.endpoint.forms == [{"grant_type": "client_credentials", "scope": "tasks"}]
    [authorization] = kept.endpoint.authorizations
    assert b64decode(authorization.removeprefix("Basic ")).decode() == (
        "gate+post:s3cret%26with%3Dodd%2Bcharacters"
    )


@only("token_exchange")
async def test_a_token_is_exchanged_for_the_gateways_assertion_of_the_caller(kept: Kept) -> None:
    """RFC 8693 §2.1."""
    await kept.ask()
    [form] = kept.endpoint.forms
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:token-exchange"
    assert form["subject_token_type"] == "urn:ietf:params:oauth:token-type:jwt"
    assert form["audience"] == "https://api.example"
    public = jwt.PyJWK(GATEWAY_KEY.as_dict(private=False) | {"alg": "ES256"})
    stated = jwt.decode(
        form["subject_token"],
        public,
        algorithms=["ES256"],
        audience=kept.endpoint.url,
        issuer=RESOURCE,
    )
    assert (stated["sub"], stated["tenant_id"], stated["data_scope"], stated["client_id"]) == (
        "usr_ada",
        "org_acme",
        "team:engineering",
        "client_claude",
    )
    assert kept.endpoint.authorizations == [""]


@only("token_exchange")
async def test_nobody_gets_a_token_of_another_person_data_scope_or_client_a123(kept: Kept) -> None:
    others = [
        {},
        {"sub": "usr_bo"},
        {"tenant_id": "org_globex"},
        {"data_scope": "team:sales"},
        {"client_id": "client_cursor"},
        {"tenant_id": "org_acmeusr_", "sub": "ada"},
    ]
    got = [await kept.ask(**changes) for changes in others]
    assert len(set(got)) == len(others)
    assert [await kept.ask(**changes) for changes in others] == got


async def test_a_token_that_can_not_be_replaced_is_used_until_it_expires() -> None:
    """The endpoint is down shortly before; it is asked again every five seconds, not every call."""
    clock, asked, down = Clock(), 0, False

    async def fetch(_: tuple[str, ...]) -> Issued:
        nonlocal asked
        asked += 1
        if down:
            raise NoCredential("later")
        return Issued("good", timedelta(minutes=10))

    cache = TokenCache(fetch, now=clock)
    await cache.get(("a",), within=5)
    down = True
    clock.advance(seconds=575)
    for _ in range(10):
        assert await cache.get(("a",), within=5) == "good"
    assert asked == 2
    clock.advance(seconds=25)
    with pytest.raises(NoCredential):
        await cache.get(("a",), within=5)
    down = False
    clock.advance(seconds=5)
    assert await cache.get(("a",), within=5) == "good"


async def test_the_memory_of_tokens_is_bounded() -> None:
    asked: list[tuple[str, ...]] = []

    async def fetch(key: tuple[str, ...]) -> Any:
        asked.append(key)
        return Issued("x", timedelta(hours=1))

    cache = TokenCache(fetch, now=Clock(), most=3)
    for name in "abcabcd":
        await cache.get((name,), within=5)
    assert [name for (name,) in asked] == ["a", "b", "c", "d"]
    await cache.get(("b",), within=5)
    assert len(asked) == 4
    await cache.get(("a",), within=5)
    assert len(asked) == 5


async def test_the_gateway_gets_its_token_from_gateposts_own_authorization_server(
    database_url: str,
) -> None:
    """Both sides are ours, and each was written against the specification."""
    clock = Clock()
    secret = "a-secret-of-43-characters-0123456789-abcdef"
    async with running_auth_server(database_url, clock) as server:
        ceiling = {
            "resource": RESOURCE,
            "tenant": "org_acme",
            "scope": "mcp:read",
            "tools": ["@read"],
        }
        client = {
            "client_id": "gateway",
            "name": "Gateway",
            "token_endpoint_auth_method": "client_secret_basic",
            "secret": secret,
            "ceilings": [ceiling],
        }
        await add(server, clients=[client])
        asked = ClientCredentials(
            mode="client_credentials",
            token_url="http://127.0.0.1:8400/token",
            client_id="gateway",
            client_secret=SecretStr(secret),
            resource=RESOURCE,
        )
        source = ByClientCredentials(asked, InProcess(server), clock)
        token = await source.resolve(caller(clock), within=5)
        assert await source.resolve(caller(clock), within=5) == token
    stated = jwt.decode(token, options={"verify_signature": False})
    assert (stated["sub"], stated["tenant_id"]) == ("gateway", "org_acme")


@dataclass
class InProcess:
    """Carries requests to an authorization server inside the test."""

    server: AuthServer

    async def send(self, request: HttpRequest, *, deadline: float) -> HttpResponse:
        """Send one request."""
        answer = await self.server.http.request(
            request.method, request.url, headers=request.headers, content=request.body
        )
        return HttpResponse(
            answer.status_code, answer.headers.get("content-type", ""), answer.content
        )
