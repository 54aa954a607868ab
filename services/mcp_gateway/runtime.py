"""Open the resources that live as long as the gateway serves."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from joserfc.jwk import ECKey

from gatepost.background import Sleep
from gatepost.claims import AccessClaims
from gatepost.clock import Now
from gatepost.health import EventsReport, GatewayReport, RedisReport
from gatepost.metering.call_event import CallEvent
from gatepost.metering.plans import Plan
from gatepost.tracing.open import opened_tracing
from mcp_gateway.auth.api_keys import ExchangeKey
from mcp_gateway.auth.jwks import Fetch
from mcp_gateway.authorization_server.client import AuthorizationServer
from mcp_gateway.authorization_server.client_assertion import ClientAssertions
from mcp_gateway.call_events.http_delivery import HttpDelivery
from mcp_gateway.call_events.log_lines import open_log_writer
from mcp_gateway.call_events.port import Delivery
from mcp_gateway.call_events.recorder import Recorder
from mcp_gateway.call_events.spool import Spool
from mcp_gateway.elicitation.answers import Answers, LocalAnswers
from mcp_gateway.elicitation.approvals import AskForApproval
from mcp_gateway.elicitation.confirmations import Confirmations, LocalConfirmations
from mcp_gateway.http_client.http1 import Http1Client
from mcp_gateway.http_client.port import HttpClient
from mcp_gateway.limits.known_plans import KnownPlans, ReadPlans
from mcp_gateway.limits.local_limits import LocalLimits, LocalRates
from mcp_gateway.limits.port import Limits, ReadUsage
from mcp_gateway.limits.reaping import reaping
from mcp_gateway.limits.share import Share
from mcp_gateway.notifications.local import LocalNews, LocalWishes
from mcp_gateway.notifications.port import NewsFeed, Wishes
from mcp_gateway.pipeline.steps.record_call import (
    CountCall,
    CountDeviation,
    Record,
    ignore_call,
    ignore_deviation,
)
from mcp_gateway.possession.used_proofs import LocalUsedProofs, UsedProofs
from mcp_gateway.revocations.long_poll_feed import LongPollFeed
from mcp_gateway.revocations.port import RevocationFeed
from mcp_gateway.settings import McpGatewaySettings
from mcp_gateway.upstream.credentials.linked_account import FetchLinkedToken
from mcp_gateway.work.loop_watch import watching_loop
from mcp_gateway.work.worker import Worker

if TYPE_CHECKING:
    from gatepost.tracing.tracing import Tracing
    from mcp_gateway.limits.redis_limits import RedisLimits

NewId = Callable[[], str]
"""Makes hexadecimal ids that nobody can guess."""


@dataclass(frozen=True, slots=True)
class Reporting:
    """How a process reports its state to the authorization server."""

    send: Callable[[GatewayReport], Awaitable[None]]
    events: Callable[[], Awaitable[EventsReport]]
    redis: Callable[[], Awaitable[RedisReport]] | None = None
    sleep: Sleep = asyncio.sleep


@dataclass(frozen=True, slots=True)
class Notifying:
    """What the streams of notifications share with those of other processes."""

    feed: NewsFeed
    wishes: Wishes
    sleep: Sleep = asyncio.sleep


@dataclass(frozen=True, slots=True)
class Runtime:
    """The resources that the gateway opens when it starts and closes when it stops."""

    http: HttpClient
    fetch_keys: Fetch
    exchange_key: ExchangeKey
    record: Record
    feed: RevocationFeed
    limits: Limits
    plans: KnownPlans
    answers: Answers
    confirmations: Confirmations
    used_proofs: UsedProofs
    ask_for_approval: AskForApproval
    fetch_linked_token: FetchLinkedToken
    notifying: Notifying
    details: Mapping[str, Callable[[], str]] = field(default_factory=dict)
    """Each describes, for `/readyz`, the state of a part whose failure does not stop calls."""
    worker: Worker = field(default_factory=Worker)
    """Reads and shapes long answers."""
    count: CountCall = ignore_call
    """Counts calls for the metrics."""
    is_revoked: Callable[[AccessClaims], bool] = lambda _: False
    """Whether a caller's connection has ended since the request was verified."""
    count_deviation: CountDeviation = ignore_deviation
    reporting: Reporting | None = None
    """None for a gateway that reports to nobody."""
    tracing: "Tracing | None" = None
    """Records some of the requests, if traces are on."""


OpenRuntime = Callable[
    [McpGatewaySettings, ECKey, Now, NewId], AbstractAsyncContextManager[Runtime]
]


@asynccontextmanager
async def open_runtime(
    settings: McpGatewaySettings, key: ECKey, now: Now, new_id: NewId
) -> AsyncIterator[Runtime]:
    """Open the connections to the upstream, to the authorization server and, if set, to Redis.

    Args:
        settings: the gateway's settings.
        key: the gateway's own signing key.
        now: the clock.
        new_id: makes ids.
    """
    assertions = ClientAssertions(
        key, resource=settings.resource, issuer=settings.issuer, now=now, new_id=new_id
    )
    async with AsyncExitStack() as stack:
        stack.enter_context(watching_loop())
        # Opened first and closed last, so that the end of the other parts is recorded.
        tracing = await stack.enter_async_context(
            opened_tracing(settings.tracing, "gatepost-mcp-gateway", now)
        )
        http = await stack.enter_async_context(Http1Client())
        server = AuthorizationServer(
            http,
            resource=settings.resource,
            url=settings.authorization_server_url,
            jwks_url=settings.jwks_url,
            prove=assertions.form,
        )
        share = Share(settings.replicas)
        if settings.redis_url is None:
            delivery = HttpDelivery(server.post_events, assertions.form)
            recorder = _make_recorder(settings, delivery, direct=False)
            backends = _Backends(
                recorder,
                LongPollFeed(server.follow_revocations),
                LocalLimits(now, recorder, server.read_usage, share),
                LocalAnswers(new_id),
                LocalConfirmations(now),
                LocalUsedProofs(now),
                Notifying(LocalNews(now), LocalWishes(now)),
            )
        else:
            backends = await _open_redis(settings, stack, server.read_usage, share, now, new_id)
        await stack.enter_async_context(backends.recorder.running())
        await stack.enter_async_context(reaping(backends.limits.reap))
        plans = open_plans(settings, server.follow_plans, now, share)
        await stack.enter_async_context(plans.following())
        yield Runtime(
            http=http,
            fetch_keys=server.fetch_keys,
            exchange_key=server.exchange_api_key,
            record=backends.recorder.record,
            feed=backends.feed,
            limits=backends.limits,
            plans=plans,
            answers=backends.answers,
            confirmations=backends.confirmations,
            used_proofs=backends.used_proofs,
            ask_for_approval=server.ask_for_approval,
            fetch_linked_token=server.fetch_linked_token,
            notifying=backends.notifying,
            details={"events": backends.recorder.describe},
            reporting=Reporting(server.post_report, backends.recorder.report, backends.redis),
            tracing=tracing,
        )


@dataclass(frozen=True, slots=True)
class _Backends:
    """The parts that a gateway's processes share through Redis, or the local ones without Redis."""

    recorder: Recorder
    feed: RevocationFeed
    limits: "LocalLimits | RedisLimits"
    answers: Answers
    confirmations: Confirmations
    used_proofs: UsedProofs
    notifying: Notifying
    redis: Callable[[], Awaitable[RedisReport]] | None = None


def open_plans(
    settings: McpGatewaySettings, read: ReadPlans, now: Now, share: Share | None = None
) -> KnownPlans:
    """Return the plans that the gateway knows: at first those of its file or its settings."""
    fallback = {
        name: Plan(name=name, title=name, per_minute=tier.per_minute, burst=tier.burst)
        for name, tier in settings.tiers.items()
    }
    return KnownPlans(
        read,
        now,
        fallback=fallback,
        default=settings.default_tier,
        file=settings.known_plans,
        share=share,
    )


def _make_recorder(settings: McpGatewaySettings, delivery: Delivery, *, direct: bool) -> Recorder:
    return Recorder(delivery, Spool(settings.spool), direct=direct, write_log=open_log_writer())


async def _open_redis(
    settings: McpGatewaySettings,
    stack: AsyncExitStack,
    read_usage: ReadUsage,
    share: Share,
    now: Now,
    new_id: NewId,
) -> _Backends:
    """Connect to Redis until the stack closes."""
    url = settings.redis_url.get_secret_value() if settings.redis_url else ""
    # These imports take a second and 40 MB, so only a gateway with Redis makes them.
    from mcp_gateway.call_events.redis_delivery import RedisDelivery
    from mcp_gateway.elicitation.redis_answers import RedisAnswers
    from mcp_gateway.elicitation.redis_confirmations import RedisConfirmations
    from mcp_gateway.limits.redis_limits import RedisLimits
    from mcp_gateway.notifications.redis_news import RedisNews
    from mcp_gateway.notifications.redis_wishes import RedisWishes
    from mcp_gateway.possession.redis_used_proofs import RedisUsedProofs
    from mcp_gateway.redis.open import open_connection
    from mcp_gateway.revocations.redis_feed import RedisFeed

    redis = open_connection(url)
    if settings.tracing is not None:
        from mcp_gateway.redis.traced import TracedConnection

        redis = TracedConnection(redis)
    await stack.enter_async_context(redis.connected())
    answers = RedisAnswers(redis, url, resource=settings.resource, new_id=new_id)
    await stack.enter_async_context(answers.listening())

    async def settle(event: CallEvent) -> None:
        await limits.settle_event(event)

    delivery = RedisDelivery(redis, settle, issuer=settings.issuer)
    recorder = _make_recorder(settings, delivery, direct=True)
    limits = RedisLimits(
        redis,
        issuer=settings.issuer,
        journal=recorder,
        rates=LocalRates(now, share),
        read_usage=read_usage,
        now=now,
    )
    return _Backends(
        recorder,
        RedisFeed(url, issuer=settings.issuer),
        limits,
        answers,
        RedisConfirmations(redis, resource=settings.resource, now=now),
        RedisUsedProofs(redis, resource=settings.resource, now=now),
        Notifying(
            RedisNews(redis, url, resource=settings.resource),
            RedisWishes(redis, resource=settings.resource),
        ),
        delivery.report,
    )
