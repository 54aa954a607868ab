"""The names of the clients that calls came from."""

from collections.abc import Collection

from auth_server.db.engine import DbSession
from auth_server.records.catalogues.store import list_known_resources
from auth_server.records.clients.store import list_client_names
from auth_server.rendering.translation import translatable

API_KEYS = translatable("API keys")


async def list_caller_names(db: DbSession, client_ids: Collection[str]) -> dict[str, str]:
    """Look up the names of the clients of calls; a gateway, which calls for its API keys, has none.

    The client id of a gateway is its resource. Its name is `API_KEYS`, which pages translate.
    """
    names = await list_client_names(db, client_ids)
    gateways = await list_known_resources(db, set(client_ids) - names.keys())
    return {**names, **dict.fromkeys(gateways, API_KEYS)}
