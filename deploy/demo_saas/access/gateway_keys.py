"""Fetch the gateway's public keys (RFC 7517) when needed, and cache them."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

import httpx2
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from demo_saas.clock import Now

FetchJwks = Callable[[str], Any]
"""Gets the JSON document at a URL."""

FETCH_AT_MOST_EVERY = timedelta(seconds=30)
KEEP_FOR = timedelta(minutes=10)
_log = logging.getLogger("orbit")


def fetch_jwks(url: str) -> Any:
    """Get a JWKS over HTTP within five seconds, without following redirects.

    Raises:
        httpx2.HTTPError: the request failed.
        ValueError: it is not JSON.
    """
    # The gateway is in the same network, which a proxy for the internet can't reach.
    with httpx2.Client(timeout=5, trust_env=False) as client:
        return client.get(url).raise_for_status().json()


class GatewayKeys:
    """Finds keys by `kid`: new ones at once, and withdrawn ones for up to ten minutes."""

    def __init__(self, url: str, *, fetch: FetchJwks, now: Now) -> None:
        """Read keys from the JWKS at `url`."""
        self._url = url
        self._fetch = fetch
        self._now = now
        self._keys: Mapping[str, ECKey] = {}
        self._tried_at: datetime | None = None
        self._fetched_at: datetime | None = None
        self._lock = Lock()

    def find(self, kid: object) -> ECKey | None:
        """Return the key with this `kid`, or None if the gateway does not publish it."""
        if not isinstance(kid, str):
            return None
        if kid not in self._keys or self._is_old():
            with self._lock:
                if (kid not in self._keys or self._is_old()) and self._may_fetch():
                    self._refresh()
        return self._keys.get(kid)

    def _is_old(self) -> bool:
        return self._fetched_at is None or self._now() - self._fetched_at >= KEEP_FOR

    def _may_fetch(self) -> bool:
        # Anybody can invent a `kid`, so not each unknown one may cause a request.
        return self._tried_at is None or self._now() - self._tried_at >= FETCH_AT_MOST_EVERY

    def _refresh(self) -> None:
        self._tried_at = self._now()
        try:
            document = self._fetch(self._url)
            self._keys = dict(_read_keys(document))
            self._fetched_at = self._now()
        except (httpx2.HTTPError, OSError, ValueError, TypeError, KeyError) as error:
            # Keep the known keys, because the gateway may be restarting.
            _log.warning("the gateway's keys can't be fetched: %s", type(error).__name__)


def _read_keys(document: Any) -> list[tuple[str, ECKey]]:
    keys = []
    for jwk in document["keys"]:
        if not isinstance(jwk, dict) or (jwk.get("kty"), jwk.get("crv")) != ("EC", "P-256"):
            continue
        try:
            keys.append((str(jwk["kid"]), ECKey.import_key(jwk)))
        except (JoseError, ValueError, KeyError):
            continue
    return keys
