"""Keep the revocations that one gateway knows in memory, by following a feed."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from datetime import datetime, timedelta

import structlog

from gatepost.background import in_background
from gatepost.claims import AccessClaims
from gatepost.clock import Now
from gatepost.revocations import Revocation, RevocationList
from mcp_gateway.follow_feed import SILENCE_SECONDS, follow_feed
from mcp_gateway.revocations.port import RevocationFeed

PATIENCE = timedelta(seconds=10)
"""How long a starting gateway waits for the feed's first answer before it serves anyway."""
_PAUSES = (0.1, 0.2, 0.5, 1.0)

log = structlog.get_logger()


class FeedSilent(Exception):
    """The gateway has just started, and the feed has not answered yet."""


class Revocations:
    """The known revocations, which stay in force while the feed is down."""

    def __init__(
        self,
        feed: RevocationFeed,
        now: Now,
        *,
        stale_after: timedelta = timedelta(minutes=10),
        key_withdrawn: Callable[[], None] = lambda: None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Take the feed; nothing is read before `following`.

        Args:
            feed: the feed to follow.
            now: the clock.
            stale_after: how old a token may be, once the feed has been silent for as long.
            key_withdrawn: called once for each signing key that is withdrawn.
            sleep: waits before the feed is read again.
        """
        self._feed = feed
        self._stale_after = stale_after
        self._key_withdrawn = key_withdrawn
        self._now = now
        self._sleep = sleep
        self._known = RevocationList()
        self._started = now()
        self._heard: datetime | None = None

    def is_revoked(self, claims: AccessClaims, kid: str = "") -> bool:
        """Tell whether a verified token, signed by `kid`, has been revoked, or may have been.

        Without news for longer than `stale_after`, every token that is as old counts as revoked.
        """
        if self._known.is_revoked(claims, kid):
            return True
        now = self._now()
        if self._heard is not None and now - self._heard <= self._stale_after:
            return False
        return now.timestamp() - claims.iat >= self._stale_after.total_seconds()

    def explain(self, claims: AccessClaims, kid: str) -> str:
        """Say why a token counts as revoked."""
        if self._known.is_revoked(claims, kid):
            return "the token was revoked"
        most = int(self._stale_after.total_seconds())
        return (
            "the gateway has had no news of revocations for a while and accepts only tokens that are "
            f"younger than {most} seconds; refresh the token"
        )

    def following(self) -> AbstractAsyncContextManager[None]:
        """Follow the feed in the background for as long as the block lasts."""
        return in_background(
            lambda: follow_feed(self._read, tell=_tell, pauses=_PAUSES, sleep=self._sleep)
        )

    async def _read(self) -> AsyncGenerator[None]:
        async with aclosing(self._feed.read()) as answers:
            async for news in answers:
                self._learn(news)
                yield

    def _learn(self, news: Sequence[Revocation]) -> None:
        for revocation in news:
            if self._known.add(revocation) and revocation.kind == "key":
                self._key_withdrawn()
        self._heard = self._now()
        # More than were learned, so that the list shrinks.
        self._known.forget_expired(self._heard.timestamp(), most=1000 + 2 * len(news))

    async def ping(self) -> None:
        """Raise `FeedSilent` while the gateway has just started and the feed has not answered.

        A feed that is down delays a gateway by at most `PATIENCE`, since tokens are short-lived.
        """
        if self._heard is None and self._now() < self._started + PATIENCE:
            raise FeedSilent

    @property
    def heard_at(self) -> datetime | None:
        """When the feed last answered; None if it never did."""
        return self._heard

    def describe(self) -> str:
        """Describe how current the known revocations are."""
        if self._heard is None:
            return "never heard"
        silent = int((self._now() - self._heard).total_seconds())
        if silent <= SILENCE_SECONDS:
            return "current"
        most = int(self._stale_after.total_seconds())
        younger = f"; only tokens younger than {most} seconds are accepted" if silent > most else ""
        return f"heard {silent} seconds ago{younger}"


def _tell(reason: str) -> None:
    log.warning("revocations_not_followed", reason=reason)
