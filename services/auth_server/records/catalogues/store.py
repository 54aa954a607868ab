"""The only SQL on catalogues."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Text, cast, literal
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col, select

from auth_server.db.engine import REMEMBERED, DbSession
from auth_server.records.catalogues.table import CatalogueVersion
from gatepost.catalogue import CatalogueDocument, format_catalogue, parse_catalogue
from gatepost.network.organisation_address import resources_of_address

_MOST_REMEMBERED = 8


async def keep_catalogue(db: DbSession, document: CatalogueDocument, *, now: datetime) -> None:
    """Store a version of a catalogue and mark it as the latest one seen.

    A version that is stored already takes over what a newer gateway tells about it.
    """
    is_postgresql = db.get_bind().dialect.name == "postgresql"
    text: Any = literal(await format_catalogue(document), Text)
    insert: Any = (postgresql if is_postgresql else sqlite).insert
    stored = cast(text, postgresql.JSONB) if is_postgresql else text
    await db.execute(
        insert(CatalogueVersion)
        .values(resource=document.resource, hash=document.hash, document=stored, seen_at=now)
        .on_conflict_do_update(
            index_elements=["resource", "hash"], set_={"seen_at": now, "document": stored}
        )
    )
    remembered: dict[tuple[str, str], CatalogueDocument] = db.info[REMEMBERED]
    remembered.pop((document.resource, document.hash), None)


async def find_catalogue(
    db: DbSession, resource: str, *, version: str | None = None
) -> CatalogueDocument | None:
    """Look up a stored version by its hash, or the latest one seen if no hash is given.

    The resource may be an organisation's address at the gateway.

    A version never changes, so the process remembers the last few: reading thousands of tools takes
    long.
    """
    query = select(col(CatalogueVersion.resource), col(CatalogueVersion.hash)).where(
        col(CatalogueVersion.resource).in_(resources_of_address(resource))
    )
    if version is not None:
        query = query.where(col(CatalogueVersion.hash) == version)
    query = query.order_by(col(CatalogueVersion.seen_at).desc()).limit(1)
    found = (await db.execute(query)).one_or_none()
    if found is None:
        return None
    remembered: dict[tuple[str, str], CatalogueDocument] = db.info[REMEMBERED]
    key = (found[0], found[1])
    document = remembered.pop(key, None) or await _read_version(db, *key)
    remembered[key] = document
    if len(remembered) > _MOST_REMEMBERED:
        del remembered[next(iter(remembered))]
    return document


async def list_known_resources(db: DbSession, among: Collection[str]) -> list[str]:
    """List those of the resources of which a catalogue is stored."""
    query = select(col(CatalogueVersion.resource)).where(
        col(CatalogueVersion.resource).in_(set(among))
    )
    return list((await db.execute(query.distinct())).scalars()) if among else []


async def _read_version(db: DbSession, resource: str, version: str) -> CatalogueDocument:
    # As text, because a document of many tools is read in steps.
    query = select(cast(col(CatalogueVersion.document), Text)).where(
        col(CatalogueVersion.resource) == resource, col(CatalogueVersion.hash) == version
    )
    return await parse_catalogue((await db.execute(query)).scalar_one())
