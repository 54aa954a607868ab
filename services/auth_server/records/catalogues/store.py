"""The only SQL on catalogues."""

from datetime import datetime

from sqlmodel import col, select

from auth_server.db.engine import DbSession
from auth_server.records.catalogues.table import CatalogueVersion
from gatepost.catalogue import CatalogueDocument


async def keep_catalogue(db: DbSession, document: CatalogueDocument, *, now: datetime) -> None:
    """Store a version of a catalogue and mark it as the latest one seen."""
    await db.merge(
        CatalogueVersion(
            resource=document.resource,
            hash=document.hash,
            document=document.model_dump(mode="json"),
            seen_at=now,
        )
    )
    await db.flush()


async def find_catalogue(
    db: DbSession, resource: str, *, version: str | None = None
) -> CatalogueDocument | None:
    """Look up a stored version by its hash, or the latest one seen if no hash is given."""
    query = select(CatalogueVersion).where(col(CatalogueVersion.resource) == resource)
    if version is not None:
        query = query.where(col(CatalogueVersion.hash) == version)
    query = query.order_by(col(CatalogueVersion.seen_at).desc()).limit(1)
    row = (await db.execute(query)).scalar_one_or_none()
    return None if row is None else CatalogueDocument.model_validate(row.document)
