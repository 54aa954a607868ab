"""Read the public keys of clients, from their metadata or their `jwks_uri`."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from auth_server.client_documents.reader import ClientDocuments
from auth_server.client_documents.url import UnusableClientUrl, require_client_url
from auth_server.jwks import PublicKey, UnusableKeySet, parse_jwk_set
from auth_server.outbound.cache import LONGEST, Copy, DocumentUnavailable, Fetch
from auth_server.outbound.guarded_fetch import Fetched, FetchRefused
from auth_server.outbound.named_documents import Asker, NamedDocuments
from auth_server.records.clients.metadata import ClientMetadata
from auth_server.records.clients.table import Client
from gatepost.clock import Now

REFETCH = timedelta(seconds=30)
"""How soon keys are read again for a missing one, since strangers choose the `kid`."""


class KeySets:
    """Reads keys: stored ones, and those at URLs that strangers or the operator name."""

    def __init__(
        self,
        in_use: Fetch,
        strangers: Fetch,
        configured: Fetch,
        documents: ClientDocuments,
        now: Now,
        *,
        allow_loopback: bool,
    ) -> None:
        """Take the fetches.

        Args:
            in_use: fetches URLs that clients in use name, guarded.
            strangers: fetches URLs that strangers name, guarded.
            configured: fetches URLs that the operator configured, at any address.
            documents: reads the documents of clients.
            now: the clock.
            allow_loopback: allows strangers to name localhost, for development.
        """
        self._now = now
        self._documents = documents
        self._allow_loopback = allow_loopback
        self._named = NamedDocuments(in_use, strangers, parse_key_set, now)
        self._gateways = NamedDocuments(configured, configured, parse_key_set, now)

    async def read(self, client: Client, asker: Asker, *, kid: str | None) -> Sequence[PublicKey]:
        """List a client's keys.

        Args:
            client: the owner of the keys.
            asker: who causes the fetch.
            kid: a key that should be among them; if it is missing, older copies are read again,
                since keys rotate.

        Raises:
            DocumentUnavailable: the client does not have keys, or they can't be read.
        """
        jwks, jwks_uri = client.jwks, client.jwks_uri
        if client.source == "document":
            jwks, jwks_uri = await self._read_document(client, asker, kid)
        if jwks is not None:
            return _require(jwks)
        if jwks_uri is None:
            raise DocumentUnavailable("the client does not have keys")
        named = self._gateways if client.source == "gateway" else self._named

        def suffices(copy: Copy[Sequence[PublicKey]]) -> bool:
            return self._suffices([key.kid for key in copy.value], kid, copy.read_at)

        origin = self._require_origin(client.source, jwks_uri)
        return (await named.read(jwks_uri, origin, asker, suffices=suffices)).value

    async def _read_document(
        self, client: Client, asker: Asker, kid: str | None
    ) -> tuple[dict[str, Any] | None, str | None]:
        def suffices(copy: Copy[ClientMetadata]) -> bool:
            jwks = copy.value.jwks
            return jwks is None or self._suffices(_kids(jwks), kid, copy.read_at)

        try:
            copy = await self._documents.read(client.client_id, asker, suffices=suffices)
        except DocumentUnavailable as error:
            # The stored copy may be newer than this process.
            read_at = client.document_read_at
            if not error.outage or read_at is None or self._now() >= read_at + LONGEST:
                raise
            if client.jwks is not None and not self._suffices(_kids(client.jwks), kid, read_at):
                raise
            return client.jwks, client.jwks_uri
        return copy.value.jwks, copy.value.jwks_uri

    def _suffices(self, kids: Collection[str | None], kid: str | None, read_at: datetime) -> bool:
        return kid is None or kid in kids or self._now() < read_at + REFETCH

    def _require_origin(self, source: str, url: str) -> str:
        if source == "gateway":
            return urlsplit(url).netloc
        try:
            return require_client_url(url, allow_loopback=self._allow_loopback)
        except UnusableClientUrl as error:
            raise DocumentUnavailable(f"jwks_uri {error}") from None


def _kids(jwks: Mapping[str, Any]) -> Collection[str | None]:
    return [key.get("kid") for key in jwks["keys"]]


def _require(document: object) -> Sequence[PublicKey]:
    try:
        return parse_jwk_set(document)
    except UnusableKeySet as error:
        raise DocumentUnavailable(f"jwks {error}") from None


def parse_key_set(_: str, fetched: Fetched) -> Sequence[PublicKey]:
    """Read the keys that were fetched from a `jwks_uri`.

    Raises:
        FetchRefused: it is not JSON.
        UnusableKeySet: it has no supported public key, or a private one.
    """
    try:
        document = json.loads(fetched.body)
    except (ValueError, RecursionError):
        raise FetchRefused("not JSON") from None
    return parse_jwk_set(document)
