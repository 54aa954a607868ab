"""The tool list that a person is shown: the gateway's own, or the one seen last."""

import structlog

from auth_server.catalogues.reader import CatalogueUnavailable
from auth_server.db.engine import DbSession
from auth_server.errors import PageError
from auth_server.records.catalogues.store import find_catalogue
from auth_server.runtime import Runtime
from gatepost.catalogue import CatalogueDocument

log = structlog.get_logger()


async def read_catalogue(resource: str, db: DbSession, opened: Runtime) -> CatalogueDocument:
    """Ask the gateway for its tools; where it does not answer, the list seen last is shown.

    Raises:
        PageError: the resource is not served any more, or its gateway was never seen.
    """
    entry = opened.settings.find_resource(resource)
    if entry is None:
        raise PageError(
            "This service is no longer available", "Go back to your app and connect again."
        )
    try:
        return await opened.catalogues.read(entry)
    except CatalogueUnavailable as error:
        log.warning("catalogue_unavailable", resource=resource, reason=str(error))
        kept = await find_catalogue(db, resource)
        if kept is None:
            raise PageError(
                "Tools are temporarily unavailable",
                "The service did not respond. Reload this page in a moment.",
                status=503,
            ) from None
        return kept
