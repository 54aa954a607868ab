"""The gateway's public keys (RFC 7517): fetched when needed, kept, asked for again now and then."""

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
    """Get a JWKS over HTTP, within five seconds, redirects not followed.

    Raises:
        httpx2.HTTPError: it can't be had.
        ValueError: it is not JSON.
    """
    # The gateway is a neighbour: a proxy meant for the internet does not lead to it.
    with httpx2.Client(timeout=5, trust_env=False) as client:
        return client.get(url).raise_for_status().json()


class GatewayKeys:
    """Finds a key by `kid`; a new key is picked up at once, a withdrawn one after ten minutes."""

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
        """Give the key named `kid`; None where the gateway has no such key."""
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
        # An unknown `kid` costs its sender nothing, so it may not cost the gateway a request each.
        return self._tried_at is None or self._now() - self._tried_at >= FETCH_AT_MOST_EVERY

    def _refresh(self) -> None:
        self._tried_at = self._now()
        try:
            document = self._fetch(self._url)
            self._keys = dict(_read_keys(document))
            self._fetched_at = self._now()
        except (httpx2.HTTPError, OSError, ValueError, TypeError, KeyError) as error:
            # The keys known so far stay good: the gateway may be restarting.
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
