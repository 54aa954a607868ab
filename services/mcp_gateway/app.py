"""The gateway's only wiring: settings in, ASGI app out."""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import TypedDict

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request

from gatepost.clock import Now, utc_now
from gatepost.logs import RequestId
from mcp_gateway.auth.challenge import Challenge
from mcp_gateway.auth.jwks import Fetch, Jwks
from mcp_gateway.auth.protected_resource import WELL_KNOWN, describe_resource
from mcp_gateway.auth.verify_token import TokenVerifier
from mcp_gateway.call_log import open_call_log
from mcp_gateway.front.endpoint import McpEndpoint
from mcp_gateway.front.exchange import Door, Receive, Scope, Send
from mcp_gateway.operational import (
    Published,
    Trust,
    method_not_allowed,
    not_found,
    operational_routes,
)
from mcp_gateway.pipeline import STEPS, compose
from mcp_gateway.pipeline.call import Parts, Record
from mcp_gateway.settings import McpGatewaySettings
from mcp_gateway.signing_key import load_signing_key, publish_key
from mcp_gateway.tools.manifest import load_catalogue
from mcp_gateway.upstream.assertion import AssertionSigner
from mcp_gateway.upstream.client import AiohttpUpstream
from mcp_gateway.upstream.port import Upstream
from mcp_gateway.upstream.request import UpstreamRequest
from mcp_gateway.wire.listing import Listing
from mcp_gateway.wire.server import Server


@dataclass(frozen=True, slots=True)
class Resources:
    """What is opened when the app starts and closed when it stops."""

    upstream: Upstream
    fetch_keys: Fetch
    record: Record


OpenResources = Callable[[McpGatewaySettings], AbstractAsyncContextManager[Resources]]


@asynccontextmanager
async def open_resources(settings: McpGatewaySettings) -> AsyncIterator[Resources]:
    """Open the connections to the upstream and to the authorization server."""
    async with AiohttpUpstream() as http:

        async def fetch_keys() -> bytes:
            request = UpstreamRequest("GET", settings.jwks_url, (), b"")
            response = await http.send(request, deadline=5)
            if response.status != 200:
                raise ValueError(f"{settings.jwks_url} answered {response.status}")
            return response.body

        yield Resources(http, fetch_keys, open_call_log())


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
    new_id: Callable[[], str] = lambda: secrets.token_hex(16),
    open_resources: OpenResources = open_resources,
) -> Gateway:
    """Wire the gateway.

    Raises:
        SettingsError: the signing key can't be used.
        ManifestError: the manifest or the OpenAPI document beside it can't be.
    """
    catalogue = load_catalogue(settings.manifest)
    key = load_signing_key(settings.signing_key)
    challenge = Challenge(f"{settings.origin}{WELL_KNOWN}{settings.path}", settings.challenge_scope)
    signer = AssertionSigner(
        key, resource=settings.resource, audience=settings.upstream_audience, now=now
    )

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[State]:
        async with open_resources(settings) as resources:
            keys = Jwks(resources.fetch_keys, now)
            verifier = TokenVerifier(
                jwks=keys, issuer=settings.issuer, resource=settings.resource, now=now
            )
            parts = Parts(
                catalogue=catalogue,
                upstream=resources.upstream,
                upstream_url=settings.upstream_url,
                upstream_headers=tuple(
                    (name, value.get_secret_value())
                    for name, value in settings.upstream_headers.items()
                ),
                sign=signer.sign,
                record=resources.record,
                now=now,
            )
            server = Server(
                name=catalogue.name,
                version=version("gatepost"),
                listing=Listing(catalogue.tools.values()),
                parts=parts,
                run=compose(STEPS),
                challenge=challenge,
            )
            door = Door(
                hosts=_encode(settings.allowed_hosts),
                origins=_encode((settings.origin, *settings.allowed_origins)),
                verifier=verifier,
                challenge=challenge,
                server=server,
            )
            await keys.refresh()
            yield State(endpoint=McpEndpoint(door, new_id), trust=Trust(keys, verifier))

    published = Published(
        path=settings.path,
        resource=describe_resource(
            resource=settings.resource,
            issuer=settings.issuer,
            scope=settings.challenge_scope,
            name=catalogue.name,
        ),
        jwks=publish_key(key),
        catalogue=catalogue.document(settings.resource).model_dump_json().encode(),
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
