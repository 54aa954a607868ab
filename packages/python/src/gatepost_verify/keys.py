"""The gateway's public keys (RFC 7517), fetched when needed and cached."""

import asyncio
import json
import logging
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import IO, Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from jwt.algorithms import ECAlgorithm
from jwt.exceptions import InvalidKeyError

from gatepost_verify.errors import VerificationUnavailable

Fetch = Callable[[str], object]
"""Gets the JSON document at a URL, or raises an exception."""
Running = asyncio.Task[EllipticCurvePublicKey | None]
MOST_BYTES = 256 * 1024
_log = logging.getLogger("gatepost_verify")


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: IO[bytes], code: int, *_: Any) -> None:
        """Follow nothing: only the configured address may say whose keys are trusted."""


# No proxy: the gateway is usually in the API's own network, which a proxy for the internet can't reach.
_opener = urllib.request.build_opener(_NoRedirects, urllib.request.ProxyHandler({}))


def fetch_jwks(url: str) -> object:
    """Get a JWKS over HTTP within five seconds, without following redirects.

    Raises:
        OSError: the request failed, or the status is not 200.
        ValueError: the document is larger than 256 KiB, or not JSON.
    """
    # A cache on the way must not answer: a key that has just appeared may be wanted.
    request = urllib.request.Request(url, headers={"Cache-Control": "no-cache"})  # noqa: S310 - configured
    with _opener.open(request, timeout=5) as answer:
        document = answer.read(MOST_BYTES + 1)
    if len(document) > MOST_BYTES:
        raise ValueError("the document is larger than 256 KiB")
    return json.loads(document)


@dataclass(frozen=True, slots=True)
class _Key:
    public: EllipticCurvePublicKey
    seen_at: float


class KeyCache:
    """Finds the gateway's keys by `kid`.

    Keys are fetched again after `max_age` seconds, and at once for an unknown `kid`, but never more
    often than every `refetch_every` seconds: anybody can send unknown ids. A key that the gateway
    withdrew is accepted for `max_age` seconds after it was last published, so that gateways can change
    their key one after the other. While the document can't be fetched, the keys of the last one stay
    valid for `stale_for` seconds more.
    """

    def __init__(
        self,
        url: str,
        *,
        fetch: Fetch = fetch_jwks,
        now: Callable[[], float] = time.time,
        max_age: float = 600,
        stale_for: float = 4 * 3600,
        refetch_every: float = 10,
    ) -> None:
        """Read keys from the JWKS at `url`.

        Raises:
            ValueError: `url` is not an http or https URL.
        """
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise ValueError("the URL of the gateway's keys must be an http or https URL")
        self._url = url
        self._fetch = fetch
        self._now = now
        self._max_age = max_age
        self._stale_for = stale_for
        self._refetch_every = refetch_every
        self._keys: dict[str, _Key] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._lock = Lock()
        self._running: dict[asyncio.AbstractEventLoop, Running] = {}

    def find(self, kid: str) -> EllipticCurvePublicKey | None:
        """Return the key, or None if the gateway does not publish it.

        Raises:
            VerificationUnavailable: the gateway's keys are not known well enough to tell.
        """
        if not self._is_ready(kid):
            # One request fetches; others wait for it only if they know no key.
            known = self._valid(kid) is not None
            if self._lock.acquire(blocking=not known):
                try:
                    self._refresh(kid)
                finally:
                    self._lock.release()
        return self._answer(kid)

    async def find_async(self, kid: str) -> EllipticCurvePublicKey | None:
        """Do the same in an event loop of asyncio, with one thread for all that wait."""
        if not self._is_ready(kid):
            loop = asyncio.get_running_loop()
            running = self._running.get(loop)
            if running is None:
                task = loop.create_task(asyncio.to_thread(self.find, kid))
                self._running[loop] = task
                task.add_done_callback(lambda done: self._finish(loop, done))
            if running is None or self._valid(kid) is None:
                await asyncio.wait([running or task])
        return self._answer(kid)

    def _finish(self, loop: asyncio.AbstractEventLoop, done: Running) -> None:
        self._running.pop(loop, None)
        if not done.cancelled():
            done.exception()  # `_answer` raises it for each request that waits

    def _is_ready(self, kid: str) -> bool:
        """Return whether there is no need for a request, or no right to one."""
        now = self._now()
        if self._tried_at is not None and 0 <= now - self._tried_at < self._refetch_every:
            return True
        fresh = self._fetched_at is not None and 0 <= now - self._fetched_at < self._max_age
        return fresh and self._valid(kid) is not None

    def _answer(self, kid: str) -> EllipticCurvePublicKey | None:
        key = self._valid(kid)
        if key is None and self._fetched_at != self._tried_at:
            raise VerificationUnavailable(f"the gateway's keys can't be fetched from {self._url}")
        return key

    def _valid(self, kid: str) -> EllipticCurvePublicKey | None:
        key = self._keys.get(kid)
        if key is None:
            return None
        last = key.seen_at == self._fetched_at
        allowed = self._max_age + (self._stale_for if last else 0)
        return key.public if self._now() - key.seen_at < allowed else None

    def _refresh(self, kid: str) -> None:
        if self._is_ready(kid):
            return  # another request fetched while this one waited
        now = self._now()
        try:
            found = read_keys(self._fetch(self._url))
        except Exception as error:  # noqa: BLE001 - HTTP clients raise many kinds
            _log.warning("the gateway's keys can't be fetched from %s: %s", self._url, error)
        else:
            kept = {
                kid: key for kid, key in self._keys.items() if now - key.seen_at < self._max_age
            }
            self._keys = kept | {kid: _Key(public, now) for kid, public in found.items()}
            self._fetched_at = now
        self._tried_at = now


def read_keys(document: object) -> dict[str, EllipticCurvePublicKey]:
    """Read the keys of a JWKS that may sign assertions; others are left out.

    Raises:
        ValueError: the document contains no such key.
    """
    listed = document.get("keys") if isinstance(document, dict) else None
    keys: dict[str, EllipticCurvePublicKey] = {}
    for jwk in listed if isinstance(listed, list) else ():
        if not isinstance(jwk, dict) or not isinstance(jwk.get("kid"), str):
            continue
        if (jwk.get("kty"), jwk.get("crv")) != ("EC", "P-256"):
            continue
        if jwk.get("use", "sig") != "sig" or jwk.get("alg", "ES256") != "ES256":
            continue
        try:
            public = ECAlgorithm.from_jwk(
                {name: jwk.get(name) for name in ("kty", "crv", "x", "y")}
            )
        except (InvalidKeyError, ValueError, TypeError):
            continue
        if isinstance(public, EllipticCurvePublicKey):
            keys[jwk["kid"]] = public
    if not keys:
        raise ValueError("the document contains no P-256 key for signatures")
    return keys
