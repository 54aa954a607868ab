"""API keys: each is exchanged once for an access token, which then serves until it is nearly over.

The gateway itself can't tell what a key is worth. It knows a mistyped one by its checksum, remembers
what it was told of the others, and never keeps a key, only its hash.
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
"""How long before the end of its token a key is exchanged again, while the old one still serves."""
REFUSED_FOR = timedelta(seconds=10)
"""How long a key that was refused is refused without asking again."""
_PAUSE = timedelta(seconds=5)
_MOST_TOKENS = 5_000
_MOST_REFUSALS = 10_000
_AT_ONCE = 16


class KeyRefused(Exception):
    """The authorization server says that the key is worth nothing."""


class ExchangeFailed(Exception):
    """The authorization server did not say what the key is worth; the message is for the log."""


ExchangeKey = Callable[[str], Awaitable[bytes]]
"""Exchange a key for an access token; raises `KeyRefused` or `ExchangeFailed`."""


@dataclass(slots=True)
class _Token:
    token: bytes
    renew_at: datetime


class ApiKeys:
    """What the gateway was told of API keys, by their hashes."""

    def __init__(self, exchange: ExchangeKey, verifier: TokenVerifier, now: Now) -> None:
        """Take the way to exchange, and what judges the tokens that come of it."""
        self._exchange = exchange
        self._verifier = verifier
        self._now = now
        self._tokens: dict[bytes, _Token] = {}
        self._refused: dict[bytes, datetime] = {}
        self._running: dict[bytes, asyncio.Task[AccessClaims]] = {}
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def resolve(self, key: bytes, *, renew: bool = False) -> AccessClaims:
        """Find out what a key is worth.

        Args:
            key: as it was sent.
            renew: whether to ask again although an answer is known.

        Raises:
            InvalidToken: it is no key, or is worth nothing.
            ExchangeFailed: nothing is known of it, and the authorization server says nothing.
            KeysUnavailable: no token can be verified at the moment.
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
                # Ended early, or over; what the key is worth now is another question.
                self._tokens.pop(digest, None)
            else:
                if self._now() >= known.renew_at:
                    known.renew_at = self._now() + _PAUSE
                    self._start(digest, text)
                return claims
        refused_until = self._refused.get(digest)
        if refused_until is not None and self._now() < refused_until:
            raise _worthless()
        # Whoever asks for the same key meanwhile gets the same answer; one who leaves stops nobody.
        return await asyncio.shield(self._start(digest, text))

    def _start(self, digest: bytes, text: str) -> asyncio.Task[AccessClaims]:
        running = self._running.get(digest)
        if running is None:
            running = asyncio.create_task(self._renew(digest, text))
            self._running[digest] = running
            # Nobody may be waiting for a renewal; what went wrong is asked for again.
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
