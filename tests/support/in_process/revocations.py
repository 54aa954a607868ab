"""A gateway's memory of revocations, following an authorization server inside the test."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx2
import jwt
from joserfc.jwk import ECKey

from auth_server.db.engine import open_database
from auth_server.records.revocations.store import add_revocation
from auth_server.settings import ResourceSettings
from gatepost.claims import AccessClaims, parse_claims
from gatepost.revocations import FOR_GOOD, REVOCATIONS_PATH, Kind, Revocation
from mcp_gateway.authorization_server.client_assertion import ClientAssertions
from mcp_gateway.follow_feed import FeedBroken
from mcp_gateway.revocations.followed import Revocations
from mcp_gateway.revocations.long_poll_feed import LongPollFeed
from mcp_gateway.revocations.port import RevocationFeed
from mcp_gateway.signing_key import publish_key
from support.in_process.auth_server import ISSUER, RESOURCE, AuthServer
from support.in_process.clock import Clock

GATEWAY_KEY = ECKey.generate_key("P-256")
GATEWAY = ResourceSettings(resource=RESOURCE, gateway_jwks=dict(publish_key(GATEWAY_KEY)))
"""The gateway in the authorization server's settings."""


def assertions(
    clock: Clock, *, key: ECKey = GATEWAY_KEY, resource: str = RESOURCE
) -> ClientAssertions:
    """Make a gateway's authentication."""
    return ClientAssertions(
        key, resource=resource, issuer=ISSUER, now=clock, new_id=lambda: uuid.uuid4().hex
    )


@dataclass
class Heard:
    """A feed that tells whenever something came out of another."""

    feed: RevocationFeed
    again: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self) -> AsyncGenerator[Sequence[Revocation]]:
        """Pass everything on."""
        async for news in self.feed.read():
            yield news
            # The follower asks for more, so it has processed the last ones.
            self.again.set()
            self.again = asyncio.Event()


@dataclass
class Gateway:
    """The revocations that one gateway knows."""

    revocations: Revocations
    heard: Heard

    def knows(self, token: str) -> bool:
        """Tell whether it considers this access token revoked."""
        claims, kid = read_unverified(token)
        return self.revocations.is_revoked(claims, kid)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for news that make it true."""
        while not condition():
            await self.heard.again.wait()

    async def until_ended(self, token: str) -> None:
        """Wait until it considers this access token revoked."""
        await self.until(lambda: self.knows(token))


def read_unverified(token: str) -> tuple[AccessClaims, str]:
    """Read an access token's claims and key id."""
    payload: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return parse_claims(payload), jwt.get_unverified_header(token)["kid"]


def ask_in_process(
    running: Callable[[], AuthServer], under_way: asyncio.Lock | None = None
) -> LongPollFeed:
    """Poll the authorization server that runs in the test at the moment.

    The lock is held while a request is under way: a real server waits for those when it stops.
    """
    sign = assertions(running().clock)
    lock = under_way or asyncio.Lock()

    async def ask(after: str, wait: int) -> bytes:
        form = {**sign.form(), "after": after, "wait": str(wait)}
        try:
            async with lock:
                answer = await running().http.post(REVOCATIONS_PATH, data=form)
        except (httpx2.HTTPError, RuntimeError) as error:
            raise FeedBroken(type(error).__name__) from error
        if answer.status_code != 200:
            raise FeedBroken(f"{answer.status_code} {answer.text}")
        return answer.content

    return LongPollFeed(ask)


@asynccontextmanager
async def following(feed: RevocationFeed, clock: Clock) -> AsyncIterator[Gateway]:
    """Follow a feed for as long as the block lasts; enter it once the feed was heard."""
    heard = Heard(feed)
    revocations = Revocations(heard, clock)
    gateway = Gateway(revocations, heard)
    async with revocations.following():
        await gateway.until(lambda: revocations.describe() != "never heard")
        yield gateway


async def commit_revocation(
    database_url: str,
    kind: Kind,
    key: str,
    *,
    clock: Clock,
    below: int = FOR_GOOD,
    lives: timedelta = timedelta(minutes=15),
    roll_back: bool = False,
) -> None:
    """Write a revocation from outside: another process of the authorization server."""
    database = open_database(database_url)
    try:
        async with database.writing() as db, db.begin() as transaction:
            now = clock()
            await add_revocation(db, kind, key, now=now, expires_at=now + lives, below=below)
            if roll_back:
                await transaction.rollback()
    finally:
        await database.engine.dispose()
