"""API keys: the gateway exchanges each for an access token, and reuses the token until it expires.

The gateway itself can't tell what a key allows. It recognises a mistyped key by its checksum, caches
the authorization server's answer for the others, and stores the hash of a key, never the key.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from gatepost.api_keys import MalformedApiKey, parse_api_key
from gatepost.claims import AccessClaims
from gatepost.clock import Now
from mcp_gateway.auth.verify_token import InvalidToken, TokenVerifier

RENEW_BEFORE = timedelta(seconds=60)
"""How long before its token expires the gateway exchanges a key again, in the background."""
REFUSED_FOR = timedelta(seconds=10)
"""How long the gateway refuses a refused key without asking the authorization server again."""
_PAUSE = timedelta(seconds=5)
_MOST_TOKENS = 5_000
_MOST_REFUSALS = 10_000
_AT_ONCE = 16


class KeyRefused(Exception):
    """The authorization server refused the key."""


class ExchangeFailed(Exception):
    """The authorization server did not answer the exchange; the message is for the log."""


ExchangeKey = Callable[[str], Awaitable[bytes]]
"""Exchanges a key for an access token; raises `KeyRefused` or `ExchangeFailed`."""


@dataclass(slots=True)
class _Token:
    token: bytes
    renew_at: datetime


class ApiKeys:
    """Resolves API keys to claims, and caches the tokens and refusals by the hash of the key."""

    def __init__(self, exchange: ExchangeKey, verifier: TokenVerifier, now: Now) -> None:
        """Take the function that exchanges a key, and the verifier of the tokens it returns."""
        self._exchange = exchange
        self._verifier = verifier
        self._now = now
        self._tokens: dict[bytes, _Token] = {}
        self._refused: dict[bytes, datetime] = {}
        self._running: dict[bytes, asyncio.Task[AccessClaims]] = {}
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def resolve(self, key: bytes, *, renew: bool = False) -> AccessClaims:
        """Return a key's claims.

        Args:
            key: the bytes that the client sent.
            renew: whether to ask the authorization server even if the answer is cached.

        Raises:
            InvalidToken: the key is malformed, or the authorization server refused it.
            ExchangeFailed: no answer is cached, and the authorization server gave none.
            KeysUnavailable: the gateway can't verify tokens at the moment.
        """
        try:
            text = parse_api_key(key.decode("ascii", "replace")).text
        except MalformedApiKey as problem:
            raise InvalidToken(str(problem)) from None
        digest = hashlib.sha256(key).digest()
        known = None if renew else self._tokens.get(digest)
        if known is not None:
            try:
                claims = await self._verifier.verify(known.token)
            except InvalidToken:
                # The token expired or was revoked; the key itself may still be valid.
                self._tokens.pop(digest, None)
            else:
                if self._now() >= known.renew_at:
                    known.renew_at = self._now() + _PAUSE
                    self._start(digest, text)
                return claims
        refused_until = self._refused.get(digest)
        if refused_until is not None and self._now() < refused_until:
            raise _worthless()
        # Concurrent requests with one key share one exchange; a client that disconnects must not
        # cancel it for the others.
        return await asyncio.shield(self._start(digest, text))

    def _start(self, digest: bytes, text: str) -> asyncio.Task[AccessClaims]:
        running = self._running.get(digest)
        if running is None:
            running = asyncio.create_task(self._renew(digest, text))
            self._running[digest] = running
            # A renewal in the background has no waiter, so mark its exception as retrieved; the
            # next request tries again.
            running.add_done_callback(lambda task: task.cancelled() or task.exception())
        return running

    async def _renew(self, digest: bytes, text: str) -> AccessClaims:
        try:
            async with self._room:
                token = await self._exchange(text)
            claims = await self._verifier.verify(token)
        except KeyRefused:
            self._tokens.pop(digest, None)
            _make_room(self._refused, _MOST_REFUSALS)
            self._refused[digest] = self._now() + REFUSED_FOR
            raise _worthless() from None
        finally:
            del self._running[digest]
        ends = datetime.fromtimestamp(claims.exp, self._now().tzinfo)
        self._refused.pop(digest, None)
        self._tokens.pop(digest, None)
        _make_room(self._tokens, _MOST_TOKENS)
        self._tokens[digest] = _Token(token, ends - RENEW_BEFORE)
        return claims


def _worthless() -> InvalidToken:
    return InvalidToken("the API key is unknown, expired or revoked")


def _make_room(known: dict[bytes, _Token] | dict[bytes, datetime], most: int) -> None:
    if len(known) >= most:
        del known[next(iter(known))]
