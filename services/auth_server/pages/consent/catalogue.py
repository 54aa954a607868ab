"""Read the catalogue for a page: the gateway's current one, or the latest stored one."""

from typing import Annotated

import structlog
from fastapi import Depends

from auth_server.catalogues.cache import CatalogueCache
from auth_server.catalogues.reader import CatalogueUnavailable
from auth_server.db.engine import DbSession
from auth_server.errors import PageError
from auth_server.records.catalogues.store import find_catalogue
from auth_server.settings import ResourceSettings
from auth_server.web.dependencies import part
from gatepost.catalogue import CatalogueDocument

log = structlog.get_logger()
CataloguesInUse = Annotated[CatalogueCache, Depends(part(lambda runtime: runtime.catalogues))]


async def read_catalogue(
    entry: ResourceSettings | None, db: DbSession, catalogues: CatalogueCache
) -> CatalogueDocument:
    """Read the gateway's catalogue, or the latest stored one if it does not answer.

    Raises:
        PageError: the resource is no longer configured, or no catalogue of it is known.
    """
    if entry is None:
        raise PageError(
            "This service is no longer available", "Go back to your app and connect again."
        )
    try:
        return await catalogues.read(entry)
    except CatalogueUnavailable as error:
        log.warning("catalogue_unavailable", resource=entry.resource, reason=str(error))
        kept = await find_catalogue(db, entry.resource)
        if kept is None:
            raise PageError(
                "Tools are temporarily unavailable",
                "The service did not respond. Reload this page in a moment.",
                status=503,
            ) from None
        return kept
