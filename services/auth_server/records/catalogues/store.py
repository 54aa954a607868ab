"""The only SQL on catalogues."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Text, cast, literal
from sqlalchemy import select as sa_select
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col, select

from auth_server.db.engine import REMEMBERED, DbSession
from auth_server.records.catalogues.names import Taken, note_apis, read_taken
from auth_server.records.catalogues.table import CatalogueVersion, ToolNames
from gatepost.catalogue import CatalogueDocument, format_catalogue, parse_catalogue
from gatepost.network.organisation_address import resources_of_address

_MOST_REMEMBERED = 8


async def keep_catalogue(db: DbSession, document: CatalogueDocument, *, now: datetime) -> None:
    """Store a version of a catalogue and mark it as the latest one seen, with its `taken` and `gone`.

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
    names = {"hash": document.hash, "taken": dict(document.taken), "gone": dict(document.gone)}
    await db.execute(
        insert(ToolNames)
        .values(resource=document.resource, **names)
        .on_conflict_do_update(index_elements=["resource"], set_=names)
    )
    remembered: dict[tuple[str, str], CatalogueDocument] = db.info[REMEMBERED]
    remembered.pop((document.resource, document.hash), None)


async def find_followed_catalogue(db: DbSession, resource: str) -> CatalogueDocument | None:
    """Look up the version whose names of tools were followed last, and lock them.

    It is not the latest one if a former release stored that.
    """
    query = select(ToolNames.hash).where(col(ToolNames.resource) == resource).with_for_update()
    followed = (await db.execute(query)).scalar_one_or_none()
    found = await find_catalogue(db, resource, version=followed)
    return found if found is not None else await find_catalogue(db, resource)


async def find_taken(db: DbSession, resource: str) -> Taken:
    """Look up the names of tools that another API had first."""
    query = select(ToolNames.taken).where(
        col(ToolNames.resource).in_(resources_of_address(resource))
    )
    return read_taken((await db.execute(query.limit(1))).scalar_one_or_none())


async def find_apis(
    db: DbSession, shown: CatalogueDocument, names: Iterable[str]
) -> dict[str, str] | None:
    """Return what to store beside names that somebody grants who saw this catalogue (`note_apis`)."""
    latest = await find_catalogue(db, shown.resource)
    return note_apis(shown, names, latest if latest is not None else shown)


async def find_catalogue(
    db: DbSession, resource: str, *, version: str | None = None
) -> CatalogueDocument | None:
    """Look up a stored version by its hash, or the latest one seen if no hash is given.

    `taken` and `gone` are those of the version that was followed last.

    The resource may be an organisation's address at the gateway.

    A version never changes, so the process remembers the last few: reading thousands of tools takes
    long.
    """
    query = (
        sa_select(
            col(CatalogueVersion.resource),
            col(CatalogueVersion.hash),
            col(ToolNames.taken),
            col(ToolNames.gone),
        )
        .outerjoin(ToolNames, col(ToolNames.resource) == col(CatalogueVersion.resource))
        .where(col(CatalogueVersion.resource).in_(resources_of_address(resource)))
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
    if not found[2] and not found[3]:
        return document
    return document.model_copy(update={"taken": read_taken(found[2]), "gone": found[3]})


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
