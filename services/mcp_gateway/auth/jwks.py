"""The authorization server's public keys, cached in memory.

The gateway fetches them at first use, refreshes them in the background once they are five minutes
old, and fetches them for an unknown `kid` at most every thirty seconds, so that forged key ids can't
flood the authorization server. They are also fetched again once the revocation feed says that a key
was withdrawn. Cached keys remain in use while the authorization server is down.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import orjson
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from gatepost.claims import ALGORITHM
from gatepost.clock import Now

KID = re.compile(r"[A-Za-z0-9_-]{1,128}")
MAX_AGE = timedelta(minutes=5)
PAUSE = timedelta(seconds=30)
_MAX_KEYS = 32

Fetch = Callable[[], Awaitable[bytes]]

log = structlog.get_logger()


class KeysUnavailable(Exception):
    """The gateway has not fetched any key yet, so it can't verify tokens."""


class Jwks:
    """A cache of one JWK set, by key id."""

    def __init__(self, fetch: Fetch, now: Now) -> None:
        """Take the function that fetches the JWK set's bytes; nothing is fetched yet."""
        self._fetch = fetch
        self._now = now
        self._keys: dict[str, ECKey] = {}
        self._attempted: datetime | None = None
        self.fetched_at: datetime | None = None
        """When the keys were fetched last."""
        self._running: asyncio.Task[None] | None = None

    def known(self, kid: str) -> ECKey | None:
        """Return a cached key, or None; start a refresh in the background once the keys are old."""
        if self._attempted is None or self._now() - self._attempted > MAX_AGE:
            self._start()
        return self._keys.get(kid)

    async def find(self, kid: str) -> ECKey | None:
        """Return a key, asking the authorization server for it if it is not cached.

        Raises:
            KeysUnavailable: the cache is empty and the keys can't be fetched.
        """
        key = self.known(kid)
        if key is None:
            await self.refresh()
            key = self._keys.get(kid)
        if key is None and not self._keys:
            raise KeysUnavailable("the authorization server's keys can't be fetched")
        return key

    def outdate(self) -> None:
        """Make the next request fetch the keys, however recently that was done."""
        self._attempted = None

    async def refresh(self) -> None:
        """Fetch the keys unless that was tried recently; concurrent callers share one fetch."""
        # Without any key the gateway can't serve anybody, so it retries after a second.
        pause = PAUSE if self._keys else timedelta(seconds=1)
        if self._running is None and self._attempted and self._now() - self._attempted < pause:
            return
        while self._attempted is None and self._running is not None:
            # The keys were outdated during this fetch, which may have missed the change.
            await asyncio.shield(self._running)
        # A caller that is cancelled must not cancel the fetch that others wait for.
        await asyncio.shield(self._start())

    async def ping(self) -> None:
        """Raise `KeysUnavailable` unless the gateway has keys to verify tokens with."""
        if not self._keys:
            await self.refresh()
        if not self._keys:
            raise KeysUnavailable

    def _start(self) -> asyncio.Task[None]:
        if self._running is None:
            self._attempted = self._now()
            self._running = asyncio.create_task(self._load())
        return self._running

    async def _load(self) -> None:
        try:
            keys = parse_jwks(await self._fetch())
            if keys:
                self._keys, self.fetched_at = keys, self._now()
            else:
                log.warning("keys_unusable")
        except Exception as error:  # noqa: BLE001 - the cached keys remain in use
            log.warning("keys_not_fetched", reason=f"{type(error).__name__}: {error}"[:300])
        finally:
            self._running = None


def parse_jwks(document: bytes) -> dict[str, ECKey]:
    """Return the EC P-256 public signing keys of a JWK set by their key ids.

    Raises:
        ValueError: the bytes are not a JWK set.
    """
    parsed = orjson.loads(document)
    entries = parsed.get("keys") if isinstance(parsed, dict) else None
    if type(entries) is not list:
        raise ValueError("not a JWK set")
    keys: dict[str, ECKey] = {}
    for entry in entries[:_MAX_KEYS]:
        if not isinstance(entry, dict) or "d" in entry:
            continue
        kid = entry.get("kid")
        usable = (
            isinstance(kid, str)
            and KID.fullmatch(kid)
            and entry.get("kty") == "EC"
            and entry.get("crv") == "P-256"
            and entry.get("use") == "sig"
            and entry.get("alg", ALGORITHM) == ALGORITHM
        )
        if not usable:
            continue
        try:
            keys[str(kid)] = ECKey.import_key({name: entry[name] for name in _JWK_MEMBERS})
        except (JoseError, ValueError, TypeError, KeyError):
            continue
    return keys


_JWK_MEMBERS = ("kty", "crv", "x", "y")
