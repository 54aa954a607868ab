"""Read client documents on demand, and cache them for as long as they allow."""

from collections.abc import Collection

from auth_server.client_documents.document import parse_document
from auth_server.client_documents.url import UnusableClientUrl, require_client_url
from auth_server.outbound.cache import DocumentUnavailable, Fetch, FetchCache
from auth_server.outbound.guarded_fetch import Fetched
from auth_server.records.clients.metadata import ClientMetadata
from gatepost.clock import Now


class ClientDocuments:
    """Reads client documents through a guarded fetch."""

    def __init__(
        self,
        fetch: Fetch,
        now: Now,
        *,
        private_use_schemes: Collection[str],
        allow_loopback: bool,
    ) -> None:
        """Take the guarded fetch and the operator's list of redirect schemes."""
        self._schemes = tuple(private_use_schemes)
        self._allow_loopback = allow_loopback
        self._cache = FetchCache(fetch, self._parse, now)

    async def read(self, client_id: str) -> ClientMetadata:
        """Return the metadata in the document at `client_id`.

        Raises:
            DocumentUnavailable: the URL can't be a client id, or its document can't be used.
        """
        known = self._cache.recall(client_id)
        if known is not None:
            return known
        try:
            origin = require_client_url(client_id, allow_loopback=self._allow_loopback)
        except UnusableClientUrl as error:
            raise DocumentUnavailable(f"client_id {error}") from None
        return await self._cache.fetch(client_id, origin)

    def _parse(self, client_id: str, fetched: Fetched) -> ClientMetadata:
        return parse_document(
            fetched.body,
            fetched.content_type,
            client_id=client_id,
            private_use_schemes=self._schemes,
        )
