"""Find a gateway by its client id."""

from datetime import UTC, datetime

from auth_server.records.clients.table import Client
from auth_server.settings import AuthServerSettings
from gatepost.api_keys import TOKEN_EXCHANGE

_ALWAYS = datetime.fromtimestamp(0, UTC)


def find_gateway(settings: AuthServerSettings, client_id: str) -> Client | None:
    """Look up the gateway of a configured resource, which is a client without a stored row."""
    entry = settings.find_resource(client_id)
    if entry is None:
        return None
    return Client(
        client_id=entry.resource,
        source="gateway",
        name=entry.resource[:100],
        redirect_uris=[],
        grant_types=[TOKEN_EXCHANGE],
        token_endpoint_auth_method="private_key_jwt",  # noqa: S106 - the method's name
        jwks=entry.gateway_jwks,
        jwks_uri=None if entry.gateway_jwks else entry.where_gateway_keys_are,
        application_type="web",
        created_at=_ALWAYS,
    )
