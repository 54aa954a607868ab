"""Read the public keys of clients, from their metadata or their `jwks_uri`."""

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
"""How soon a key set is read again for a missing key, since strangers choose the `kid`."""


class KeySets:
    """Reads key sets: stored ones, and those at URLs that strangers or the operator name."""

    def __init__(
        self, guarded: Fetch, configured: Fetch, now: Now, *, allow_loopback: bool
    ) -> None:
        """Take both fetches.

        Args:
            guarded: fetches URLs that strangers name.
            configured: fetches URLs that the operator configured, at any address.
            now: the clock.
            allow_loopback: allows strangers to name localhost, for development.
        """
        self._now = now
        self._allow_loopback = allow_loopback
        self._strangers = FetchCache(guarded, _parse, now)
        self._gateways = FetchCache(configured, _parse, now)

    async def read(self, client: Client, *, kid: str | None) -> Sequence[PublicKey]:
        """List a client's keys.

        Args:
            client: the owner of the keys.
            kid: a key that should be in the set; if it is missing, an older copy of the set is
                read again, since keys rotate.

        Raises:
            DocumentUnavailable: the client does not have keys, or they can't be read.
        """
        if client.jwks is not None:
            return _require(client.jwks)
        if client.jwks_uri is None:
            raise DocumentUnavailable("the client does not have keys")
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
