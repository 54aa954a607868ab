"""Wire the gateway: turn the settings into an ASGI app."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING

import structlog
from joserfc.jwk import ECKey
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.middleware import Middleware

from gatepost.claims import AccessClaims
from gatepost.clock import Now, utc_now
from gatepost.logs import RequestId
from gatepost.metrics.port import serving_metrics
from gatepost.metrics.process import add_process
from gatepost.metrics.series import Page
from gatepost.network.organisation_address import organisation_prefix
from gatepost.network.process import Process
from gatepost.network.stopping import Stopping
from gatepost.proofs.nonces import Nonces
from gatepost.tracing.open import load_tracing
from mcp_gateway.auth.api_keys import ApiKeys
from mcp_gateway.auth.authenticator import Authenticator
from mcp_gateway.auth.challenge import Challenge
from mcp_gateway.auth.jwks import Jwks
from mcp_gateway.auth.outdated_tokens import OutdatedTokens
from mcp_gateway.auth.protected_resource import WELL_KNOWN, describe_resource
from mcp_gateway.auth.verify_token import LEEWAY, TokenVerifier
from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.directories.published import card_version, read_published
from mcp_gateway.directories.routes import published_routes
from mcp_gateway.elicitation.seal import Sealer
from mcp_gateway.front import Address, build_front
from mcp_gateway.front.client_watch import ClientWatch
from mcp_gateway.front.endpoint import McpEndpoint
from mcp_gateway.gateway import Gateway, State
from mcp_gateway.live_catalogue import LiveCatalogue, Pause
from mcp_gateway.metrics import names, sources
from mcp_gateway.metrics.calls import CallFigures
from mcp_gateway.notifications.listeners import Listeners
from mcp_gateway.notifications.take_event import TakeEvent, webhook_route
from mcp_gateway.operational import (
    Documents,
    Health,
    fault,
    method_not_allowed,
    not_found,
    operational_routes,
)
from mcp_gateway.pipeline_factory import pipeline_factory
from mcp_gateway.possession.require_possession import Possession
from mcp_gateway.revocations.followed import Revocations
from mcp_gateway.runtime import NewId, OpenRuntime, Runtime, open_runtime
from mcp_gateway.self_report import Parts, reporting
from mcp_gateway.settings import McpGatewaySettings
from mcp_gateway.signing_key import load_signing_key, publish_key
from mcp_gateway.upstream.credentials.open import require_usable
from mcp_gateway.upstream.guards import Guards
from mcp_gateway.upstream.retries import Random, Wait
from mcp_gateway.wire.server import CurrentServer, Server

if TYPE_CHECKING:
    from gatepost.tracing.tracing import Tracing

log = structlog.get_logger()
_RANDOM = secrets.SystemRandom()


def create_app(
    settings: McpGatewaySettings,
    *,
    now: Now = utc_now,
    new_id: NewId = lambda: os.urandom(16).hex(),
    wait: Wait = asyncio.sleep,
    random: Random = _RANDOM.random,
    pause: Pause = asyncio.sleep,
    open_runtime: OpenRuntime = open_runtime,
    process: Process | None = None,
) -> Gateway:
    """Wire the gateway.

    Raises:
        SettingsError: the signing key, a credential of the upstream or a published document can't be
            used.
        ManifestError: the manifest or its OpenAPI document can't be served.
    """
    load_tracing(settings.tracing)
    process = process or Process()
    stopping = process.stopping
    apis = settings.served_apis
    live = LiveCatalogue(apis, resource=settings.resource, name=settings.name, pause=pause)
    key = load_signing_key(settings.signing_key)
    require_usable(apis, live.catalogue)
    published = read_published(settings.published, resource=settings.resource, path=settings.path)
    server_version = card_version(published, settings.path) or version("gatepost")

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[State]:
        async with open_runtime(settings, key, now, new_id) as runtime, runtime.worker:
            page = Page()
            add_process(page, service="mcp_gateway", stopping=stopping)
            figures = CallFigures(page)
            runtime = replace(runtime, count=figures.call, count_deviation=figures.deviation)
            if runtime.tracing is not None:
                from mcp_gateway.tracing.http import TracedHttp  # imports OpenTelemetry

                runtime = replace(runtime, http=TracedHttp(runtime.http))
            sealer = Sealer.of(key)
            auth = _make_auth(settings, runtime, live, sealer, now, wait)
            runtime = replace(runtime, is_revoked=auth.revocations.is_revoked)
            guards = Guards(apis, now=now)
            make_pipeline = pipeline_factory(
                settings,
                runtime,
                guards,
                key,
                now=now,
                new_id=new_id,
                wait=wait,
                random=random,
            )
            run, jobs = make_pipeline(live.catalogue)
            current = CurrentServer(
                Server(
                    version=server_version,
                    catalogue=live.catalogue,
                    run=run,
                    jobs=jobs,
                    challenge=auth.challenge,
                    answers=runtime.answers,
                    confirmations=runtime.confirmations,
                    sealer=sealer,
                    is_revoked=auth.revocations.is_revoked,
                    listeners=auth.listeners,
                    new_id=new_id,
                    now=now,
                    serves_skills=settings.serve_skills,
                )
            )

            count_event = page.counter(names.API_EVENTS)
            take_event = TakeEvent(
                lambda: current.server.catalogue,
                _reveal(settings.event_secrets),
                runtime.notifying.feed,
                now,
                lambda webhook, outcome: count_event.add((webhook, outcome)),
            )

            def switch(catalogue: Catalogue) -> None:
                current.switch(catalogue, *make_pipeline(catalogue))
                auth.outdated.switch(catalogue.toolsets)
                take_event.warn_of_missing_secrets()

            await auth.keys.refresh()
            log.info("serving", resource=settings.resource, tools=len(live.catalogue.tools))
            take_event.warn_of_missing_secrets()
            parts = Parts(live, auth.revocations, runtime.plans, guards, runtime.reporting)
            watch = ClientWatch(settings.keep_alive)
            stopping.when_waits_end(runtime.answers.close)
            stopping.when_waits_end(auth.listeners.close)
            stopping.when_cut_off(watch.cut_off)
            _describe_metrics(page, settings, live, auth, guards, runtime, now)
            async with (
                auth.revocations.following(),
                auth.listeners.running(),
                live.following(switch),
                reporting(parts, new_id(), now),
                serving_metrics(page, process.metrics),
            ):
                yield State(
                    endpoint=_make_endpoint(
                        settings,
                        auth,
                        current,
                        watch,
                        figures,
                        runtime.tracing,
                        now,
                        new_id,
                    ),
                    verifier=auth.verifier,
                    take_event=take_event,
                    health=_describe_health(live, auth, guards, runtime, stopping),
                )

    operational = Starlette(
        routes=[
            *operational_routes(_describe_gateway(settings, live, key)),
            *published_routes(published),
            webhook_route(settings.path),
        ],
        middleware=[Middleware(RequestId)],
        exception_handlers={
            404: not_found(settings.resource, settings.connect_page),
            405: method_not_allowed,
            Exception: fault,
        },
        lifespan=lifespan,
    )
    operational.router.redirect_slashes = False
    return Gateway(settings.path, operational)


@dataclass(frozen=True, slots=True)
class _Auth:
    """The parts that authenticate callers."""

    keys: Jwks
    revocations: Revocations
    verifier: TokenVerifier
    outdated: OutdatedTokens
    authenticator: Authenticator
    challenge: Challenge
    possession: Possession
    listeners: Listeners


def _make_auth(
    settings: McpGatewaySettings,
    runtime: Runtime,
    live: LiveCatalogue,
    sealer: Sealer,
    now: Now,
    wait: Wait,
) -> _Auth:
    stale_after = timedelta(seconds=settings.stale_revocations_after)
    keys = Jwks(runtime.fetch_keys, now)

    def withdraw_key() -> None:
        keys.outdate()
        listeners.end_all()  # those of other keys open again

    revocations = Revocations(
        runtime.feed, now, stale_after=stale_after, key_withdrawn=withdraw_key
    )
    verifier = TokenVerifier(
        jwks=keys,
        issuer=settings.issuer,
        resource=settings.resource,
        is_revoked=revocations.is_revoked,
        explain=revocations.explain,
        now=now,
    )
    outdated = OutdatedTokens(live.catalogue.toolsets, now)
    api_keys = ApiKeys(runtime.exchange_key, verifier, now, sleep=wait)
    authenticator = Authenticator(verifier, api_keys, outdated)
    metadata_url = f"{settings.origin}{WELL_KNOWN}{settings.path}"
    challenge = Challenge(
        settings.resource, metadata_url, lambda: settings.challenge_scope or live.catalogue.scope
    )
    possession = _make_possession(settings, runtime, sealer, now)

    def holds(caller: AccessClaims) -> bool:
        current = now().timestamp() < caller.exp + LEEWAY
        return current and not revocations.is_revoked(caller) and not outdated.include(caller)

    notifying = runtime.notifying
    listeners = Listeners(
        live.catalogue,
        notifying.feed,
        notifying.wishes,
        holds=holds,
        most=settings.notification_streams,
        with_skills=settings.serve_skills,
        sleep=notifying.sleep,
    )
    return _Auth(
        keys, revocations, verifier, outdated, authenticator, challenge, possession, listeners
    )


def _make_possession(
    settings: McpGatewaySettings, runtime: Runtime, sealer: Sealer, now: Now
) -> Possession:
    nonces = None
    if settings.dpop_nonces:
        purpose = "dpop nonce"
        nonces = Nonces(
            lambda time: sealer.seal(purpose, time), lambda nonce: sealer.open(purpose, nonce), now
        )
    return Possession(
        used=runtime.used_proofs,
        nonces=nonces,
        certificate_header=settings.client_certificate_header,
        now=now,
    )


def _make_endpoint(
    settings: McpGatewaySettings,
    auth: _Auth,
    current: CurrentServer,
    watch: ClientWatch,
    figures: CallFigures,
    tracing: "Tracing | None",
    now: Now,
    new_id: NewId,
) -> McpEndpoint:
    origins = _encode((settings.origin, *settings.allowed_origins))
    front = build_front(
        address=Address(
            settings.resource, _encode(settings.allowed_hosts), origins, settings.connect_page
        ),
        authenticator=auth.authenticator,
        challenge=auth.challenge,
        possession=auth.possession,
        current=current,
        watch=watch,
        count=figures.request,
        now=now,
    )
    if tracing is not None:
        from mcp_gateway.tracing.requests import trace_request  # imports OpenTelemetry

        front = trace_request(front, tracing)
    return McpEndpoint(front, origins, new_id, figures.refused)


def _describe_metrics(
    page: Page,
    settings: McpGatewaySettings,
    live: LiveCatalogue,
    auth: _Auth,
    guards: Guards,
    runtime: Runtime,
    now: Now,
) -> None:
    page.read(names.TOOLS, lambda: {(): float(len(live.catalogue.tools))})
    page.read(
        names.STREAMS,
        lambda: {(era,): float(open_now) for era, open_now in auth.listeners.count().items()},
    )
    page.read(names.CATALOGUE_KEPT, lambda: {(): float(live.is_kept)})
    page.read(names.TOOLS_WITHHELD, lambda: {(): float(live.withheld)})
    sources.add_ages(
        page,
        {
            names.KEYS_AGE: lambda: auth.keys.fetched_at,
            names.FEED_AGE: lambda: auth.revocations.heard_at,
            names.PLANS_AGE: lambda: runtime.plans.heard_at,
        },
        now,
    )
    sources.add_guards(page, guards)
    if (reporting := runtime.reporting) is not None:
        sources.add_events(page, reporting.events, settings.spool, now)
        if reporting.redis is not None:
            sources.add_redis(page, reporting.redis, now)


def _describe_health(
    live: LiveCatalogue, auth: _Auth, guards: Guards, runtime: Runtime, stopping: Stopping
) -> Health:
    return Health(
        stopping=stopping,
        checks={"keys": auth.keys.ping, "revocations": auth.revocations.ping},
        details={
            "catalogue": live.describe,
            "revocations": auth.revocations.describe,
            "limits": runtime.limits.describe,
            "plans": runtime.plans.describe,
            "upstream": guards.describe,
            **runtime.details,
        },
    )


def _describe_gateway(settings: McpGatewaySettings, live: LiveCatalogue, key: ECKey) -> Documents:
    return Documents(
        path=settings.path,
        resource=lambda organisation: describe_resource(
            resource=(
                organisation_prefix(settings.resource) + organisation
                if organisation
                else settings.resource
            ),
            issuer=settings.issuer,
            scope=live.catalogue.scope,
            name=live.catalogue.name,
            certificates=bool(settings.client_certificate_header),
        ),
        jwks=publish_key(key),
        catalogue=lambda: live.document,
    )


def _reveal(secrets: Mapping[str, tuple[SecretStr, ...]]) -> dict[str, tuple[str, ...]]:
    return {
        name: tuple(secret.get_secret_value() for secret in each) for name, each in secrets.items()
    }


def _encode(names: tuple[str, ...]) -> frozenset[bytes]:
    return frozenset(name.lower().encode() for name in names)
