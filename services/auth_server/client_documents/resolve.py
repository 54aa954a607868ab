"""From a client id to a client, whichever way it is known."""

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
    """Find a client: managed or registered, or by the document its id points to.

    The document is read before the database is touched, so that no lock is held meanwhile; what it
    says is then kept, for the token endpoint and for the grants page.
    """
    if not looks_like_url(client_id):
        return await find_client(db, client_id)
    try:
        metadata = await documents.read(client_id)
    except DocumentUnavailable as error:
        log.info("client_document_refused", client_id=client_id[:300], reason=str(error))
        return None
    return await put_document_client(db, client_id, metadata, now=now())
