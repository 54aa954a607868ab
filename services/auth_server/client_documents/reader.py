"""Read client documents on demand, and cache them for as long as they allow."""

from collections.abc import Callable, Collection

from auth_server.client_documents.document import parse_document
from auth_server.client_documents.url import UnusableClientUrl, require_client_url
from auth_server.outbound.cache import Copy, DocumentUnavailable, Fetch
from auth_server.outbound.guarded_fetch import Fetched
from auth_server.outbound.named_documents import Asker, NamedDocuments
from auth_server.records.clients.metadata import ClientMetadata
from gatepost.clock import Now


class ClientDocuments:
    """Reads client documents through a guarded fetch."""

    def __init__(
        self,
        in_use: Fetch,
        strangers: Fetch,
        now: Now,
        *,
        private_use_schemes: Collection[str],
        allow_loopback: bool,
    ) -> None:
        """Take the guarded fetches of `NamedDocuments`, and the operator's redirect schemes."""
        self._schemes = tuple(private_use_schemes)
        self._allow_loopback = allow_loopback
        self._documents = NamedDocuments(in_use, strangers, self._parse, now)

    async def read(
        self,
        client_id: str,
        asker: Asker,
        *,
        suffices: Callable[[Copy[ClientMetadata]], bool] = lambda _: True,
    ) -> Copy[ClientMetadata]:
        """Return the metadata in the document at `client_id`.

        Args:
            client_id: the URL.
            asker: who causes the fetch.
            suffices: whether a cached document need not be fetched again.

        Raises:
            DocumentUnavailable: the URL can't be a client id, or its document can't be used.
        """
        try:
            origin = require_client_url(client_id, allow_loopback=self._allow_loopback)
        except UnusableClientUrl as error:
            raise DocumentUnavailable(f"client_id {error}") from None
        return await self._documents.read(client_id, origin, asker, suffices=suffices)

    def _parse(self, client_id: str, fetched: Fetched) -> ClientMetadata:
        return parse_document(
            fetched.body,
            fetched.content_type,
            client_id=client_id,
            private_use_schemes=self._schemes,
        )
