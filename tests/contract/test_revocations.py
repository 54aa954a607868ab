"""Both adapters of `RevocationFeed`, long polling and Redis, on either database."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from mcp_gateway.revocations.port import RevocationFeed
from mcp_gateway.revocations.redis_feed import RedisFeed
from support.in_process import tokens
from support.in_process.auth_server import ISSUER, AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.revocations import GATEWAY, ask_in_process, commit_revocation, following
from support.processes.redis import RedisServer

pytestmark = pytest.mark.both_databases

Way = str


@pytest.fixture(params=["long poll", "redis"])
def way(request: pytest.FixtureRequest) -> Way:
    chosen: Way = request.param
    return chosen


class Source:
    """An authorization server that can stop and restart, and its feed."""

    def __init__(self, url: str, clock: Clock, redis: RedisServer | None) -> None:
        self.url = url
        self.clock = clock
        self.redis = redis
        self.server: AuthServer
        self._up = AsyncExitStack()
        self._under_way: list[asyncio.Lock] = []

    async def start(self) -> None:
        redis_url = self.redis.url if self.redis else None
        context = running_auth_server(
            self.url, self.clock, resources=(GATEWAY,), redis_url=redis_url
        )
        self.server = await self._up.enter_async_context(context)

    async def stop(self) -> None:
        self.server.app.state.stopping.end_waits()
        async with AsyncExitStack() as requests:
            for lock in self._under_way:
                await requests.enter_async_context(lock)
            await self._up.aclose()

    def feed(self) -> RevocationFeed:
        if self.redis is not None:
            return RedisFeed(self.redis.url, issuer=ISSUER)
        self._under_way.append(asyncio.Lock())
        return ask_in_process(lambda: self.server, self._under_way[-1])

    async def end(self, kind: str, key: str, **more: object) -> None:
        """Commit a revocation, as another process of the authorization server would."""
        await commit_revocation(self.url, kind, key, clock=self.clock, **more)  # type: ignore[arg-type]


@pytest.fixture
async def source(
    database_url: str, clock: Clock, way: Way, request: pytest.FixtureRequest
) -> AsyncIterator[Source]:
    redis = request.getfixturevalue("redis") if way == "redis" else None
    made = Source(database_url, clock, redis)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def token(clock: Clock) -> Callable[..., str]:
    """Signs a token of Ada's, with some claims changed."""
    return lambda **changes: tokens.sign(tokens.claims(clock(), **changes))


NAMES = [
    ("token", "family_1.one", {"jti": "family_1.two"}),
    ("family", "family_1", {"jti": "family_2.one"}),
    ("grant", "grant_1", {"grant_id": "grant_2"}),
    ("client", "client_claude", {"client_id": "client_other"}),
    ("tenant", "org_acme", {"tenant_id": "org_globex"}),
    ("person", "usr_ada", {"sub": "usr_bo"}),
]


async def test_a_following_gateway_knows_exactly_the_revocations(
    source: Source, token: Callable[..., str]
) -> None:
    for kind, key, other in NAMES:
        async with following(source.feed(), source.clock) as gateway:
            ended, spared = token(jti="family_1.one"), token(**{"jti": "family_3.x", **other})
            before = gateway.knows(ended)
            await source.end(kind, key)
            await gateway.until_ended(ended)
            # A follower that starts now learns it, too.
            async with following(source.feed(), source.clock) as late:
                assert late.knows(ended)
            if kind == "token":
                assert not before
                assert not gateway.knows(spared)


async def test_a_key_that_was_withdrawn_takes_every_token_it_signed(
    source: Source, token: Callable[..., str]
) -> None:
    """A113."""
    signed, other = token(), tokens.sign(tokens.claims(source.clock()), header={"kid": "other"})
    async with following(source.feed(), source.clock) as gateway:
        await source.end("key", tokens.KID)
        await gateway.until_ended(signed)
        assert not gateway.knows(other)


async def test_tokens_issued_after_a_temporary_revocation_stay_valid(
    source: Source, token: Callable[..., str]
) -> None:
    """Tokens of a tenant from before a time, and tokens of a grant from before a version."""
    moment = int(source.clock().timestamp())
    async with following(source.feed(), source.clock) as gateway:
        await source.end("tenant", "org_acme", below=moment + 1)
        await source.end("grant", "grant_7", below=3)
        await gateway.until_ended(token())
        await gateway.until_ended(token(grant_id="grant_7", grant_version=2, tenant_id="org_x"))
        assert not gateway.knows(token(iat=moment + 1))
        assert not gateway.knows(token(grant_id="grant_7", grant_version=3, tenant_id="org_x"))


async def test_a_revocation_that_was_rolled_back_is_never_announced(
    source: Source, token: Callable[..., str]
) -> None:
    async with following(source.feed(), source.clock) as gateway:
        await source.end("family", "family_kept", roll_back=True)
        await source.end("family", "family_1")
        await gateway.until_ended(token(jti="family_1.one"))
        assert not gateway.knows(token(jti="family_kept.one"))


async def test_a_crash_between_commit_and_announcement_loses_nothing(
    source: Source, token: Callable[..., str]
) -> None:
    ended = token(jti="family_1.one")
    await source.stop()
    await source.end("family", "family_1")
    await source.start()
    async with following(source.feed(), source.clock) as gateway:
        await gateway.until_ended(ended)


async def test_a_gateway_continues_after_an_outage_of_the_authorization_server(
    source: Source, token: Callable[..., str]
) -> None:
    before, during = token(jti="family_1.one"), token(jti="family_2.one")
    async with following(source.feed(), source.clock) as gateway:
        await source.end("family", "family_1")
        await gateway.until_ended(before)
        await source.stop()
        assert gateway.knows(before)
        await source.end("family", "family_2")
        await source.start()
        await gateway.until_ended(during)
        assert gateway.knows(before)


async def test_revocations_without_living_tokens_are_deleted_and_not_sent_again(
    source: Source, token: Callable[..., str]
) -> None:
    long_ago = token(jti="family_1.one")
    async with following(source.feed(), source.clock) as gateway:
        await source.end("family", "family_1")
        await gateway.until_ended(long_ago)
        source.clock.advance(minutes=16)
        # Issued now, because without news for so long the gateway refuses every older token.
        lately = token(jti="family_2.one")
        await source.end("family", "family_2")
        await gateway.until_ended(lately)
        assert not gateway.knows(long_ago)
    async with following(source.feed(), source.clock) as late:
        await late.until_ended(lately)
        assert not late.knows(long_ago)


async def test_many_committed_at_once_by_several_processes_all_arrive(
    source: Source, token: Callable[..., str]
) -> None:
    """Numbers are assigned after the commit, so that a reader never skips one."""
    names = [f"family_{number}" for number in range(24)]
    async with following(source.feed(), source.clock) as gateway:
        await asyncio.gather(*(source.end("family", name) for name in names))
        for name in names:
            await gateway.until_ended(token(jti=f"{name}.one"))


async def test_the_same_revocation_committed_again_is_not_announced_again(
    source: Source, token: Callable[..., str]
) -> None:
    """Repeating a request does not add to the feed."""
    async with following(source.feed(), source.clock) as gateway:
        await source.end("family", "family_1")
        await gateway.until_ended(token(jti="family_1.one"))
        newest = source.server.opened.feed.newest
        await source.end("family", "family_1")
        await source.end("family", "family_2")
        await gateway.until_ended(token(jti="family_2.one"))
        assert source.server.opened.feed.newest == newest + 1


async def test_redis_that_lost_everything_is_filled_again_and_followed_again_a161(
    database_url: str, clock: Clock, redis: RedisServer, token: Callable[..., str]
) -> None:
    """A161: known revocations stay known, and those announced while Redis was down arrive."""
    source = Source(database_url, clock, redis)
    await source.start()
    try:
        before, during = token(jti="family_1.one"), token(jti="family_2.one")
        async with following(source.feed(), clock) as gateway:
            await source.end("family", "family_1")
            await gateway.until_ended(before)
            redis.stop()
            await source.end("family", "family_2")
            assert gateway.knows(before)
            redis.start()
            await gateway.until_ended(during)
            assert gateway.knows(before)
            async with following(source.feed(), clock) as late:
                await late.until_ended(before)
    finally:
        await source.stop()


async def test_two_processes_that_announce_in_redis_lose_nothing_between_them(
    database_url: str, clock: Clock, redis: RedisServer, token: Callable[..., str]
) -> None:
    one, other = (Source(database_url, clock, redis) for _ in range(2))
    await one.start()
    await other.start()
    try:
        async with following(one.feed(), clock) as gateway:
            for number in range(6):
                await one.end("family", f"family_{number}")
                await gateway.until_ended(token(jti=f"family_{number}.one"))
        await other.stop()
        async with following(one.feed(), clock) as late:
            assert all(late.knows(token(jti=f"family_{number}.one")) for number in range(6))
    finally:
        await one.stop()


async def test_an_unreadable_entry_does_not_hide_the_others(
    database_url: str, clock: Clock, redis: RedisServer, token: Callable[..., str]
) -> None:
    """A gateway may be older than its authorization server."""
    source = Source(database_url, clock, redis)
    with redis.connect() as client:
        key = f"gatepost:{{{ISSUER}}}:revocations"
        client.xadd(key, {"id": "x", "revocation": '{"kind":"planet","key":"x","expires_at":1}'})
        client.xadd(key, {"something": "else"})
    await source.start()
    try:
        async with following(source.feed(), clock) as gateway:
            await source.end("family", "family_1")
            await gateway.until_ended(token(jti="family_1.one"))
    finally:
        await source.stop()


async def test_redis_holds_one_key_which_names_one_slot_and_old_entries_leave_it(
    database_url: str, clock: Clock, redis: RedisServer, tmp_path: Path, token: Callable[..., str]
) -> None:
    """Cluster-safe: a hash tag in the only key."""
    source = Source(database_url, clock, redis)
    await source.start()
    try:
        async with following(source.feed(), clock) as gateway:
            await source.end("family", "family_1", lives=timedelta(minutes=1))
            await gateway.until_ended(token(jti="family_1.one"))
        with redis.connect() as client:
            assert client.keys() == [f"gatepost:{{{ISSUER}}}:revocations".encode()]
    finally:
        await source.stop()
