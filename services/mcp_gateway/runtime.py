"""Open the resources that live as long as the gateway serves."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from joserfc.jwk import ECKey

from gatepost.clock import Now
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
from mcp_gateway.elicitation.confirmations import Confirmations, LocalConfirmations
from mcp_gateway.http_client.http1 import Http1Client
from mcp_gateway.http_client.port import HttpClient
from mcp_gateway.limits.local import LocalRateLimiter
from mcp_gateway.limits.port import RateLimiter
from mcp_gateway.pipeline.steps.record_call import Record
from mcp_gateway.revocations.long_poll_feed import LongPollFeed
from mcp_gateway.revocations.port import RevocationFeed
from mcp_gateway.settings import McpGatewaySettings
from mcp_gateway.work.loop_watch import watching_loop
from mcp_gateway.work.worker import Worker

NewId = Callable[[], str]
"""Makes hexadecimal ids that nobody can guess."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """The resources that the gateway opens when it starts and closes when it stops."""

    http: HttpClient
    fetch_keys: Fetch
    exchange_key: ExchangeKey
    record: Record
    feed: RevocationFeed
    limits: RateLimiter
    answers: Answers
    confirmations: Confirmations
    details: Mapping[str, Callable[[], str]] = field(default_factory=dict)
    """Each describes, for `/readyz`, the state of a part whose failure does not stop calls."""
    worker: Worker = field(default_factory=Worker)
    """Reads and shapes long answers."""


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
    limits = LocalRateLimiter(now, replicas=settings.replicas)
    async with AsyncExitStack() as stack:
        stack.enter_context(watching_loop())
        http = await stack.enter_async_context(Http1Client())
        server = AuthorizationServer(
            http,
            url=settings.authorization_server_url,
            jwks_url=settings.jwks_url,
            prove=assertions.form,
        )
        if settings.redis_url is None:
            backends = _Backends(
                HttpDelivery(server.post_events, assertions.form),
                LongPollFeed(server.follow_revocations),
                limits,
                LocalAnswers(new_id),
                LocalConfirmations(now),
            )
        else:
            url = settings.redis_url.get_secret_value()
            backends = await _open_redis(settings, url, stack, limits, now, new_id)
        recorder = Recorder(
            backends.delivery,
            Spool(settings.spool),
            direct=settings.redis_url is not None,
            write_log=open_log_writer(),
        )
        await stack.enter_async_context(recorder.running())
        yield Runtime(
            http=http,
            fetch_keys=server.fetch_keys,
            exchange_key=server.exchange_api_key,
            record=recorder.record,
            feed=backends.feed,
            limits=backends.limits,
            answers=backends.answers,
            confirmations=backends.confirmations,
            details={"events": recorder.describe},
        )


@dataclass(frozen=True, slots=True)
class _Backends:
    """The parts that a gateway's processes share through Redis, or the local ones without Redis."""

    delivery: Delivery
    feed: RevocationFeed
    limits: RateLimiter
    answers: Answers
    confirmations: Confirmations


async def _open_redis(
    settings: McpGatewaySettings,
    url: str,
    stack: AsyncExitStack,
    alone: LocalRateLimiter,
    now: Now,
    new_id: NewId,
) -> _Backends:
    """Connect to Redis until the stack closes."""
    # These imports take a second and 40 MB, so only a gateway with Redis makes them.
    from mcp_gateway.call_events.redis_delivery import RedisDelivery
    from mcp_gateway.elicitation.redis_answers import RedisAnswers
    from mcp_gateway.elicitation.redis_confirmations import RedisConfirmations
    from mcp_gateway.limits.shared import SharedRateLimiter
    from mcp_gateway.redis_connection import RedisConnection
    from mcp_gateway.revocations.redis_feed import RedisFeed

    redis = RedisConnection(url)
    await stack.enter_async_context(redis.connected())
    answers = RedisAnswers(redis, url, resource=settings.resource, new_id=new_id)
    await stack.enter_async_context(answers.listening())
    return _Backends(
        RedisDelivery(redis, issuer=settings.issuer),
        RedisFeed(url, issuer=settings.issuer),
        SharedRateLimiter(redis, resource=settings.resource, alone=alone),
        answers,
        RedisConfirmations(redis, resource=settings.resource, now=now),
    )
