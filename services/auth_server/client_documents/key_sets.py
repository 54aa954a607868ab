"""The public keys of clients, wherever each says they are."""

import json
from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import urlsplit

from auth_server.client_documents.url import UnusableClientUrl, require_client_url
from auth_server.jwks import PublicKey, UnusableKeySet, parse_jwk_set
from auth_server.outbound.cache import DocumentUnavailable, Fetch, FetchCache
from auth_server.outbound.guarded_fetch import Fetched
from auth_server.records.clients.table import Client
from gatepost.clock import Now

REFETCH = timedelta(seconds=30)
"""How soon a key set is read again for a key it does not hold; strangers choose the names."""


class KeySets:
    """Reads key sets: stored ones, strangers' through the guarded fetch, gateways' as configured."""

    def __init__(
        self, guarded: Fetch, configured: Fetch, now: Now, *, allow_loopback: bool
    ) -> None:
        """Take both fetches.

        Args:
            guarded: for URLs that strangers name.
            configured: for URLs that the operator configured, wherever they lead.
            now: the time.
            allow_loopback: development: strangers may name localhost.
        """
        self._now = now
        self._allow_loopback = allow_loopback
        self._strangers = FetchCache(guarded, _parse, now)
        self._gateways = FetchCache(configured, _parse, now)

    async def read(self, client: Client, *, kid: str | None) -> Sequence[PublicKey]:
        """List a client's keys.

        Args:
            client: whose.
            kid: a key that should be among them; where it is not, a set that was read a while ago
                is read again, since keys rotate.

        Raises:
            DocumentUnavailable: the client has no keys, or nothing usable is where they should be.
        """
        if client.jwks is not None:
            return _require(client.jwks)
        if client.jwks_uri is None:
            raise DocumentUnavailable("the client has no keys")
        cache, origin = self._place(client.source, client.jwks_uri)
        keys = cache.recall(client.jwks_uri)
        if keys is not None and kid is not None and all(key.kid != kid for key in keys):
            keys = cache.recall(client.jwks_uri, newer_than=self._now() - REFETCH)
        return await cache.fetch(client.jwks_uri, origin) if keys is None else keys

    def _place(self, source: str, url: str) -> tuple[FetchCache[Sequence[PublicKey]], str]:
        if source == "gateway":
            return self._gateways, urlsplit(url).netloc
        try:
            return self._strangers, require_client_url(url, allow_loopback=self._allow_loopback)
        except UnusableClientUrl as error:
            raise DocumentUnavailable(f"jwks_uri {error}") from None


def _require(document: object) -> Sequence[PublicKey]:
    try:
        return parse_jwk_set(document)
    except UnusableKeySet as error:
        raise DocumentUnavailable(f"jwks {error}") from None


def _parse(_: str, fetched: Fetched) -> Sequence[PublicKey]:
    try:
        document = json.loads(fetched.body)
    except RecursionError:
        raise UnusableKeySet("is nested too deeply") from None
    return parse_jwk_set(document)
