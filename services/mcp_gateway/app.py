"""The gateway's only wiring: settings in, ASGI app out."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import TypedDict
from urllib.parse import urlencode

import structlog
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request

from gatepost.call_event import EVENTS_PATH
from gatepost.clock import Now, utc_now
from gatepost.logs import RequestId
from gatepost.revocations import REVOCATIONS_PATH
from mcp_gateway.auth.api_keys import ApiKeys, ExchangeFailed, ExchangeKey
from mcp_gateway.auth.challenge import Challenge
from mcp_gateway.auth.jwks import Fetch, Jwks, KeysUnavailable
from mcp_gateway.auth.protected_resource import WELL_KNOWN, describe_resource
from mcp_gateway.auth.verify_token import TokenVerifier
from mcp_gateway.authorization_server.client_assertion import ClientAssertions
from mcp_gateway.authorization_server.exchange_api_key import PostForm, key_exchange
from mcp_gateway.call_events.http_delivery import HttpDelivery, Post
from mcp_gateway.call_events.log_lines import open_call_log
from mcp_gateway.call_events.port import Delivery, DeliveryFailed
from mcp_gateway.call_events.recorder import Recorder
from mcp_gateway.call_events.spool import Spool
from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.elicitation.answers import Answers, LocalAnswers
from mcp_gateway.elicitation.policy import ConfirmationPolicy
from mcp_gateway.elicitation.seal import Sealer
from mcp_gateway.front.asgi import Receive, Scope, Send
from mcp_gateway.front.client_watch import ClientWatch
from mcp_gateway.front.endpoint import McpEndpoint
from mcp_gateway.front.exchange import Door, Serving
from mcp_gateway.http_client.http1 import Http1Client
from mcp_gateway.http_client.port import HttpClient, RequestFailed
from mcp_gateway.limits.local import LocalLimits
from mcp_gateway.limits.port import Limits, Tier, Tiers
from mcp_gateway.live_catalogue import LiveCatalogue, Pause
from mcp_gateway.operational import (
    Published,
    Trust,
    method_not_allowed,
    not_found,
    operational_routes,
)
from mcp_gateway.pipeline import STEPS, compose
from mcp_gateway.pipeline.call import Parts, Record
from mcp_gateway.requests.request import HttpRequest
from mcp_gateway.requests.serialise import RequestWriters
from mcp_gateway.revocations.followed import Revocations
from mcp_gateway.revocations.long_poll_feed import LongPollFeed
from mcp_gateway.revocations.port import FeedBroken, RevocationFeed
from mcp_gateway.settings import McpGatewaySettings
from mcp_gateway.signing_key import load_signing_key, publish_key
from mcp_gateway.upstream.assertion import AssertionSigner
from mcp_gateway.upstream.credentials.attach import Attachments
from mcp_gateway.upstream.credentials.open import open_sources, require_usable
from mcp_gateway.upstream.credentials.unmet import unmet_schemes
from mcp_gateway.upstream.guards import Guards
from mcp_gateway.upstream.retries import Random, Wait
from mcp_gateway.wire.listing import Listing
from mcp_gateway.wire.server import Server

_log = structlog.get_logger()
_RANDOM = secrets.SystemRandom()


@dataclass(frozen=True, slots=True)
class Resources:
    """What is opened when the app starts and closed when it stops."""

    upstream: HttpClient
    fetch_keys: Fetch
    record: Record
    feed: RevocationFeed
    exchange_key: ExchangeKey
    limits: Limits | None = None
    """None where this process counts for itself."""
    answers: Answers | None = None
    """None where no other process gets the answers to this one's questions."""
    details: Mapping[str, Callable[[], str]] = field(default_factory=dict)
    """What `/readyz` says of parts that stop no call, each in a few words."""


OpenResources = Callable[[McpGatewaySettings], AbstractAsyncContextManager[Resources]]


@asynccontextmanager
async def open_resources(settings: McpGatewaySettings) -> AsyncIterator[Resources]:
    """Open the connections to the upstream and to the authorization server."""
    async with Http1Client() as http:

        async def fetch_keys() -> bytes:
            request = HttpRequest("GET", settings.jwks_url, (), b"")
            try:
                response = await http.send(request, deadline=5)
            except RequestFailed as failure:
                raise KeysUnavailable(f"{settings.jwks_url}: {failure.reason}") from failure
            if response.status != 200:
                raise KeysUnavailable(f"{settings.jwks_url} answered {response.status}")
            return response.body

        assertions = ClientAssertions(
            load_signing_key(settings.signing_key),
            resource=settings.resource,
            issuer=settings.issuer,
            now=utc_now,
            new_id=lambda: secrets.token_hex(16),
        )
        async with AsyncExitStack() as stack:
            delivery: Delivery = HttpDelivery(_post_events(settings, http), assertions.form)
            limits: Limits | None = None
            answers: Answers | None = None
            if settings.redis_url is not None:
                delivery, limits, answers = await _open_redis(settings, settings.redis_url, stack)
            events = Recorder(
                delivery,
                Spool(settings.spool),
                direct=settings.redis_url is not None,
                write_log=open_call_log(),
            )
            await stack.enter_async_context(events.running())
            yield Resources(
                http,
                fetch_keys,
                events.record,
                _open_feed(settings, http, assertions),
                key_exchange(_post_token(settings, http), assertions.form),
                limits,
                answers,
                {"events": events.describe},
            )


async def _open_redis(
    settings: McpGatewaySettings, redis_url: SecretStr, stack: AsyncExitStack
) -> tuple[Delivery, Limits, Answers]:
    """Open what the processes of a gateway share in Redis; closed with the stack."""
    # Takes a second and 40 MB to import, for those who have it.
    from mcp_gateway.call_events.redis_delivery import RedisDelivery
    from mcp_gateway.elicitation.redis_answers import RedisAnswers
    from mcp_gateway.limits.shared import SharedLimits
    from mcp_gateway.redis_connection import RedisConnection

    url, resource = redis_url.get_secret_value(), settings.resource
    redis = RedisConnection(url)
    await stack.enter_async_context(redis.connected())
    alone = LocalLimits(utc_now, replicas=settings.replicas)
    answers = RedisAnswers(redis, url, resource=resource, new_id=lambda: secrets.token_hex(16))
    await stack.enter_async_context(answers.listening())
    return (
        RedisDelivery(redis, issuer=settings.issuer),
        SharedLimits(redis, resource=resource, alone=alone),
        answers,
    )


def _post_events(settings: McpGatewaySettings, http: HttpClient) -> Post:
    url = f"{settings.authorization_server_url}{EVENTS_PATH}"
    headers = (("Content-Type", "application/json"),)

    async def post(body: bytes) -> int:
        try:
            request = HttpRequest("POST", url, headers, body)
            return (await http.send(request, deadline=30)).status
        except RequestFailed as failure:
            raise DeliveryFailed(f"{url}: {failure.reason}") from failure

    return post


def _post_token(settings: McpGatewaySettings, http: HttpClient) -> PostForm:
    url = f"{settings.authorization_server_url}/token"
    headers = (("Content-Type", "application/x-www-form-urlencoded"),)

    async def post(form: bytes) -> tuple[int, bytes]:
        try:
            answer = await http.send(HttpRequest("POST", url, headers, form), deadline=5)
        except RequestFailed as failure:
            raise ExchangeFailed(f"{url}: {failure.reason}") from failure
        return answer.status, answer.body

    return post


def _open_feed(
    settings: McpGatewaySettings, http: HttpClient, assertions: ClientAssertions
) -> RevocationFeed:
    if settings.redis_url is not None:
        from mcp_gateway.revocations.redis_feed import RedisFeed

        return RedisFeed(settings.redis_url.get_secret_value(), issuer=settings.issuer)
    headers = (("Content-Type", "application/x-www-form-urlencoded"),)

    async def ask(after: str, wait: int) -> bytes:
        form = urlencode({**assertions.form(), "after": after, "wait": str(wait)})
        url = f"{settings.authorization_server_url}{REVOCATIONS_PATH}"
        request = HttpRequest("POST", url, headers, form.encode())
        try:
            response = await http.send(request, deadline=wait + 10)
        except RequestFailed as failure:
            raise FeedBroken(f"{url}: {failure.reason}") from failure
        if response.status != 200:
            raise FeedBroken(f"{url} answered {response.status}")
        return response.body

    return LongPollFeed(ask)


class State(TypedDict):
    """What the lifespan leaves in every request's scope."""

    endpoint: McpEndpoint
    trust: Trust


class Gateway:
    """The ASGI app: the MCP endpoint by its exact path, everything else through Starlette."""

    def __init__(self, path: str, operational: Starlette) -> None:
        """Take the endpoint's path and the app for the other routes."""
        self._paths = frozenset({path, f"{path}/"})
        self._operational = operational
        self.router = operational.router  # whose lifespan opens what both sides use

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http" and scope["path"] in self._paths:
            await scope["state"]["endpoint"](scope, receive, send)
        else:
            await self._operational(scope, receive, send)


def create_app(
    settings: McpGatewaySettings,
    *,
    now: Now = utc_now,
    new_id: Callable[[], str] = lambda: os.urandom(16).hex(),
    wait: Wait = asyncio.sleep,
    random: Random = _RANDOM.random,
    pause: Pause = asyncio.sleep,
    open_resources: OpenResources = open_resources,
) -> Gateway:
    """Wire the gateway.

    Raises:
        SettingsError: the signing key or a credential of the upstream can't be used.
        ManifestError: the manifest or the OpenAPI document beside it can't be.
    """
    live = LiveCatalogue(settings.manifest, resource=settings.resource, pause=pause)
    key = load_signing_key(settings.signing_key)
    challenge = Challenge(f"{settings.origin}{WELL_KNOWN}{settings.path}", settings.challenge_scope)
    signer = AssertionSigner(
        key, resource=settings.resource, audience=settings.upstream_audience, now=now
    )

    require_usable(settings.upstream_credentials, live.catalogue.schemes)
    tiers = Tiers(
        [Tier(name, tier.per_minute, tier.burst) for name, tier in settings.tiers.items()],
        default=settings.default_tier,
    )
    guards = Guards(
        now=now, upstream_url=settings.upstream_url, concurrency=settings.upstream_concurrency
    )

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[State]:
        async with open_resources(settings) as resources:
            keys = Jwks(resources.fetch_keys, now)
            revocations = Revocations(resources.feed, now)
            verifier = TokenVerifier(
                jwks=keys,
                issuer=settings.issuer,
                resource=settings.resource,
                is_revoked=revocations.is_revoked,
                now=now,
            )
            sources = open_sources(
                settings.upstream_credentials,
                http=resources.upstream,
                sign=lambda who, token_url: signer.sign_subject(who, token_url, new_id()),
                now=now,
            )

            def attach(catalogue: Catalogue) -> Attachments:
                configured = settings.upstream_credentials
                if unmet := unmet_schemes(catalogue, configured, settings.upstream_headers):
                    _log.warning("the API asks for what is not configured", schemes=unmet)
                return Attachments(
                    catalogue,
                    upstream_url=settings.upstream_url,
                    headers=settings.headers,
                    configured=configured,
                    sources=sources,
                )

            limits = resources.limits or LocalLimits(now, replicas=settings.replicas)
            parts = Parts(
                catalogue=live.catalogue,
                upstream=resources.upstream,
                requests=RequestWriters(settings.upstream_url),
                attachments=attach(live.catalogue),
                guards=guards,
                limits=limits,
                tiers=tiers,
                sign=signer.sign,
                record=resources.record,
                now=now,
                wait=wait,
                random=random,
                confirmation=ConfirmationPolicy(
                    settings.confirm_destructive, settings.confirm_destructive_for
                ),
            )
            server = Server(
                version=version("gatepost"),
                listing=Listing(live.catalogue),
                parts=parts,
                run=compose(STEPS),
                challenge=challenge,
                answers=resources.answers or LocalAnswers(new_id),
                sealer=Sealer.of(key),
                since=now().timestamp(),
            )
            serving = Serving(server)

            def switch(catalogue: Catalogue) -> None:
                parts = replace(server.parts, catalogue=catalogue, attachments=attach(catalogue))
                serving.server = server.serve(parts, since=now().timestamp())

            door = Door(
                hosts=_encode(settings.allowed_hosts),
                origins=_encode((settings.origin, *settings.allowed_origins)),
                verifier=verifier,
                api_keys=ApiKeys(resources.exchange_key, verifier, now),
                challenge=challenge,
                serving=serving,
                watch=ClientWatch(settings.keep_alive),
            )
            await keys.refresh()
            _log.info("serving", resource=settings.resource, tools=len(live.catalogue.tools))
            async with revocations.following(), live.following(switch):
                details = {
                    "catalogue": live.describe,
                    "revocations": revocations.describe,
                    "limits": limits.describe,
                    "upstream": guards.describe,
                    **resources.details,
                }
                yield State(
                    endpoint=McpEndpoint(door, new_id),
                    trust=Trust(keys, verifier, revocations, details),
                )

    published = Published(
        path=settings.path,
        resource=describe_resource(
            resource=settings.resource,
            issuer=settings.issuer,
            scope=settings.challenge_scope,
            name=live.catalogue.name,
        ),
        jwks=publish_key(key),
        catalogue=lambda: live.document,
    )

    def trust(request: Request) -> Trust:
        opened: Trust = request.state.trust
        return opened

    operational = Starlette(
        routes=operational_routes(published, trust),
        middleware=[Middleware(RequestId)],
        exception_handlers={404: not_found, 405: method_not_allowed},
        lifespan=lifespan,
    )
    operational.router.redirect_slashes = False
    return Gateway(settings.path, operational)


def _encode(names: tuple[str, ...]) -> frozenset[bytes]:
    return frozenset(name.lower().encode() for name in names)
