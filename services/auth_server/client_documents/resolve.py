"""Find a client by its id, reading its document if the id is a URL."""

import structlog

from auth_server.client_documents.reader import ClientDocuments
from auth_server.client_documents.url import looks_like_url
from auth_server.db.engine import DbSession
from auth_server.outbound.cache import DocumentUnavailable
from auth_server.records.clients.store import find_client, put_document_client
from auth_server.records.clients.table import Client
from gatepost.clock import Now

log = structlog.get_logger()


async def resolve_client(
    db: DbSession, client_id: str, documents: ClientDocuments, now: Now
) -> Client | None:
    """Find a client that an operator or itself registered, or by the document at its id.

    The document is read before the database is used, so that no lock is held meanwhile. The client
    is then stored, for the token endpoint and the grants page.
    """
    if not looks_like_url(client_id):
        return await find_client(db, client_id)
    try:
        metadata = await documents.read(client_id)
    except DocumentUnavailable as error:
        log.info("client_document_refused", client_id=client_id[:300], reason=str(error))
        return None
    return await put_document_client(db, client_id, metadata, now=now())
