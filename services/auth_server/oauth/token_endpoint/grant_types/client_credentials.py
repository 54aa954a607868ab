"""The client credentials grant, for a tenant's service clients, which act without a person."""

from auth_server.db.engine import DbSession
from auth_server.entitlements.service_client import resolve_service_client
from auth_server.errors import InvalidScope, InvalidTarget, UnauthorizedClient
from auth_server.oauth.resource_parameter import resolve_resource
from auth_server.oauth.token_endpoint.request import Proven, Refused, TokenRequest
from auth_server.oauth.token_endpoint.scope import narrow_to
from auth_server.records.ceilings.store import list_ceilings
from auth_server.records.ceilings.table import Ceiling


async def prove_client_credentials(request: TokenRequest) -> Proven | Refused:
    """Resolve what an operator allows a managed, confidential client (RFC 6749 §4.4).

    A client without a ceiling is refused. It does not get a refresh token (§4.4.3), and `sub` is
    the client's id.
    """
    client = request.client
    if client.source != "managed" or client.token_endpoint_auth_method == "none":  # noqa: S105 - the method's name
        raise UnauthorizedClient("this client is not allowed its own tokens")
    async with request.database.reading() as db:
        ceiling, resource = await _find_ceiling(request, db)
        entitlement = await resolve_service_client(db, ceiling, now=request.now)
    scopes = narrow_to(request.form.get("scope"), entitlement.scopes)
    if not scopes:
        raise InvalidScope("this client is not allowed any scope")
    entitlement = entitlement._replace(scopes=scopes, resource=resource)
    return Proven(entitlement, offline=False, refresh_token=None)


async def _find_ceiling(request: TokenRequest, db: DbSession) -> tuple[Ceiling, str]:
    """Find the only ceiling for the requested resource; return it with the resource of the token."""
    ceilings = await list_ceilings(db, request.client.client_id)
    if not ceilings:
        raise UnauthorizedClient("this client is not allowed its own tokens")
    settings, asked = request.settings, request.form.all("resource")
    if asked:
        address = resolve_resource(asked, settings)
        ceilings = [
            ceiling
            for ceiling in ceilings
            if ceiling.resource == address.entry.resource
            and address.tenant_id in (None, ceiling.tenant_id)
        ]
    if len(ceilings) != 1:
        raise InvalidTarget("name one resource for which this client may get tokens")
    if settings.find_resource(ceilings[0].resource) is None:
        raise InvalidTarget("this server does not issue tokens for that resource")
    return ceilings[0], address.resource if asked else ceilings[0].resource
