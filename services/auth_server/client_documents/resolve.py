"""Find a client by its id, reading its document if the id is a URL."""

from datetime import datetime

import structlog

from auth_server.client_documents.reader import ClientDocuments
from auth_server.client_documents.url import looks_like_url
from auth_server.db.engine import Database, DbSession
from auth_server.outbound.cache import LONGEST, DocumentUnavailable
from auth_server.outbound.named_documents import Asker
from auth_server.records.clients.store import find_client, put_document_client
from auth_server.records.clients.table import Client
from auth_server.records.grants.store import has_live_grant
from auth_server.records.tenant_apps.store import is_tenants_app

log = structlog.get_logger()


async def resolve_client(
    db: DbSession,
    client_id: str,
    *,
    database: Database,
    documents: ClientDocuments,
    stranger: str,
    now: datetime,
) -> Client | None:
    """Find a client that an operator or itself registered, or by the document at its id.

    The document is read before `db` is used, so that no lock is held meanwhile. The client is then
    stored, for the token endpoint and the grants page. If the document's host has an outage, the
    stored client is found for a day.

    Args:
        db: the open transaction.
        client_id: the id.
        database: answers whether the client is in use, before a document is fetched.
        documents: reads the document.
        stranger: the key under which fetches for clients that are not in use are limited.
        now: the time.

    Raises:
        DocumentUnavailable: the id is a URL whose document can't be used.
    """
    if not looks_like_url(client_id):
        return await find_client(db, client_id)

    async def is_in_use() -> bool:
        async with database.reading() as reading:
            named = await is_tenants_app(reading, client_id)
            return named or await has_live_grant(reading, client_id)

    try:
        copy = await documents.read(client_id, Asker(stranger, is_in_use))
    except DocumentUnavailable as error:
        log.info("client_document_refused", client_id=client_id[:300], reason=str(error))
        stored = await find_client(db, client_id) if error.outage else None
        read_at = stored.document_read_at if stored is not None else None
        if read_at is None or now >= read_at + LONGEST:
            raise
        return stored
    return await put_document_client(db, client_id, copy.value, read_at=copy.read_at)
