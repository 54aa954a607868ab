"""The names for people of the APIs behind the gateways."""

from collections.abc import Collection

from auth_server.db.engine import DbSession
from auth_server.records.catalogues.store import find_catalogue


async def list_api_titles(db: DbSession, resources: Collection[str]) -> dict[str, str]:
    """List the titles of the named APIs by their names, from the latest catalogue of each resource.

    If two gateways have an API of the same name, the title is that of the earlier resource.
    """
    titles: dict[str, str] = {}
    for resource in resources:
        catalogue = await find_catalogue(db, resource)
        for api in catalogue.apis if catalogue is not None else ():
            titles.setdefault(api.name, api.title)
    return titles
