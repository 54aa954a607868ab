"""API keys: the gateway exchanges each for an access token, and reuses the token until it expires.

The gateway itself can't tell what a key allows. It recognises a mistyped key by its checksum, caches
the authorization server's answer for the others, and stores the hash of a key, never the key. While
the authorization server fails, a cached token serves until it expires, and each key is exchanged again
only after a pause, which grows.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gatepost.api_keys import MalformedApiKey, parse_api_key
from gatepost.claims import AccessClaims
from gatepost.clock import Now
from mcp_gateway.auth.jwks import KeysUnavailable
from mcp_gateway.auth.verify_token import InvalidToken, TokenVerifier

RENEW_BEFORE = timedelta(seconds=60)
"""How long before its token expires the gateway exchanges a key again, in the background."""
REFUSED_FOR = timedelta(seconds=10)
"""How long the gateway refuses a refused key without asking the authorization server again."""
PATIENCE = 5.0
"""Seconds that a request waits for an exchange, which goes on for the requests after it."""
_PAUSES = (0.25, 0.5, 1.0)
"""Seconds between exchanges of a key whose new token the gateway does not accept.

A signing key or a policy has just changed; tokens of the second of the change count as older ones.
"""
_LONGEST_PAUSE = 30
_MOST_TOKENS = 5_000
_MOST_REFUSALS = 10_000
_MOST_FAILURES = 10_000
_MOST_WAITING = 1_000
_AT_ONCE = 8


class KeyRefused(Exception):
    """The authorization server refused the key."""


class ExchangeFailed(Exception):
    """The authorization server did not answer the exchange; the message is for the log."""


ExchangeKey = Callable[[str, str], Awaitable[bytes]]
"""Exchanges a key for an access token for an organisation's address, or without one for the gateway's own;
raises `KeyRefused` or `ExchangeFailed`."""


@dataclass(slots=True)
class _Token:
    token: bytes | None
    """None once it has expired or was revoked."""
    renew_at: datetime


@dataclass(frozen=True, slots=True)
class _Failure:
    times: int
    until: datetime


class ApiKeys:
    """Resolves API keys to claims, and caches the tokens and refusals by the hash of the key."""

    def __init__(
        self,
        exchange: ExchangeKey,
        verifier: TokenVerifier,
        now: Now,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        patience: float = PATIENCE,
    ) -> None:
        """Take the function that exchanges a key, and the verifier of the tokens it returns.

        Args:
            exchange: exchanges a key.
            verifier: verifies the tokens that it returns.
            now: the clock.
            sleep: waits for that many seconds.
            patience: how many seconds a request waits for an exchange.
        """
        self._exchange = exchange
        self._verifier = verifier
        self._now = now
        self._sleep = sleep
        self._patience = patience
        self._tokens: dict[bytes, _Token] = {}
        self._refused: dict[bytes, datetime] = {}
        self._running: dict[bytes, asyncio.Task[AccessClaims]] = {}
        self._failed: dict[bytes, _Failure] = {}
        # Keys that were valid before never wait behind keys that strangers may have made up.
        self._room_for_known = asyncio.Semaphore(_AT_ONCE)
        self._room_for_new = asyncio.Semaphore(_AT_ONCE)

    async def resolve(
        self, key: bytes, organisation: str = "", *, renew: bool = False
    ) -> AccessClaims:
        """Return a key's claims.

        Args:
            key: the bytes that the client sent.
            organisation: the tenant id in the address at which the key came; empty at the gateway's own.
            renew: whether to ask the authorization server even if the answer is cached.

        Raises:
            InvalidToken: the key is malformed, or the authorization server refused it.
            ExchangeFailed: no answer is cached, and the authorization server gave none in time.
            KeysUnavailable: the gateway can't verify tokens at the moment.
        """
        try:
            text = parse_api_key(key.decode("ascii", "replace")).text
        except MalformedApiKey as problem:
            raise InvalidToken(str(problem)) from None
        # A key has no space, so no other key has this digest.
        digest = hashlib.sha256(
            key + b" " + organisation.encode() if organisation else key
        ).digest()
        known = None if renew else self._tokens.get(digest)
        if known is not None and known.token is not None:
            try:
                claims = await self._verifier.verify(known.token, organisation)
            except InvalidToken:
                # The token expired or was revoked; the key itself may still be valid.
                known.token = None
            else:
                if self._now() >= known.renew_at and not self._must_pause(digest):
                    self._start(digest, text, organisation)
                return claims
        refused_until = self._refused.get(digest)
        if refused_until is not None and self._now() < refused_until:
            raise _worthless()
        if self._must_pause(digest):
            raise ExchangeFailed("the last exchange of this key failed")
        if len(self._running) >= _MOST_WAITING and digest not in self._tokens:
            raise ExchangeFailed("too many keys are being exchanged")
        # Concurrent requests with one key share one exchange; a client that disconnects must not
        # cancel it for the others.
        exchange = asyncio.shield(self._start(digest, text, organisation))
        try:
            async with asyncio.timeout(self._patience):
                return await exchange
        except TimeoutError:
            raise ExchangeFailed("the exchange takes too long") from None

    def _must_pause(self, digest: bytes) -> bool:
        failed = self._failed.get(digest)
        return failed is not None and self._now() < failed.until

    def _start(self, digest: bytes, text: str, organisation: str) -> asyncio.Task[AccessClaims]:
        running = self._running.get(digest)
        if running is None:
            running = asyncio.create_task(self._renew(digest, text, organisation))
            self._running[digest] = running
            # A renewal in the background has no waiter, so mark its exception as retrieved; a later
            # request tries again.
            running.add_done_callback(lambda task: task.cancelled() or task.exception())
        return running

    async def _renew(self, digest: bytes, text: str, organisation: str) -> AccessClaims:
        room = self._room_for_known if digest in self._tokens else self._room_for_new
        try:
            token, claims = await self._exchange_until_valid(text, organisation, room)
        except KeyRefused:
            self._tokens.pop(digest, None)
            _make_room(self._refused, _MOST_REFUSALS)
            self._refused[digest] = self._now() + REFUSED_FOR
            self._failed.pop(digest, None)
            raise _worthless() from None
        except (ExchangeFailed, KeysUnavailable):
            self._count_failure(digest)
            raise
        finally:
            del self._running[digest]
        ends = datetime.fromtimestamp(claims.exp, self._now().tzinfo)
        self._refused.pop(digest, None)
        self._failed.pop(digest, None)
        self._tokens.pop(digest, None)
        _make_room(self._tokens, _MOST_TOKENS)
        self._tokens[digest] = _Token(token, ends - RENEW_BEFORE)
        return claims

    async def _exchange_until_valid(
        self, text: str, organisation: str, room: asyncio.Semaphore
    ) -> tuple[bytes, AccessClaims]:
        for pause in (*_PAUSES, None):
            async with room:
                token = await self._exchange(text, organisation)
            try:
                return token, await self._verifier.verify(token, organisation)
            except InvalidToken as problem:
                if pause is None:
                    raise ExchangeFailed(f"the new token is not acceptable: {problem}") from None
                await self._sleep(pause)
        raise AssertionError

    def _count_failure(self, digest: bytes) -> None:
        before = self._failed.pop(digest, None)
        times = before.times + 1 if before else 1
        pause = timedelta(seconds=min(2 ** (times - 1), _LONGEST_PAUSE))
        _make_room(self._failed, _MOST_FAILURES)
        self._failed[digest] = _Failure(times, self._now() + pause)


def _worthless() -> InvalidToken:
    return InvalidToken("the API key is unknown, expired or revoked")


def _make_room(known: dict[bytes, Any], most: int) -> None:
    if len(known) >= most:
        del known[next(iter(known))]
