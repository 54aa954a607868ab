"""Resolve what the subject token allows at this moment."""

from dataclasses import replace
from datetime import UTC, datetime

from auth_server.entitlements.grant import resolve_entitlement
from auth_server.errors import InvalidGrant, InvalidRequest, TemporarilyUnavailable
from auth_server.oauth.token_endpoint.delegation.delegated import CheckedDelegation
from auth_server.oauth.token_endpoint.request import TokenRequest
from auth_server.records.catalogues.store import find_catalogue
from auth_server.redemptions.statements import read_grant
from gatepost.data_scope import narrow_data_scope
from gatepost.scopes import BESIDE_RESOURCES


async def resolve_parent(checked: CheckedDelegation, request: TokenRequest) -> CheckedDelegation:
    """Resolve the person's connection as a refresh does, and keep what the subject token has of it.

    So a sub-agent never gets more than the token, nor more than the person, the membership and the
    tenant's policy allow now. `admits` answers for the sub-agent's own client too.

    Raises:
        InvalidRequest: no person allowed the token, the connection has ended or changed, or the tenant
            does not allow the sub-agent's client (RFC 8693 §2.2.2).
        TemporarilyUnavailable: no catalogue of the resource was ever read.
    """
    claims, now = checked.claims, request.now
    grant = await read_grant(request.database.raw_sql, claims.grant_id)
    if grant is None:
        raise InvalidRequest(
            "subject_token is not of a live connection of a person; only such are handed on"
        )
    try:
        entitlement = resolve_entitlement(
            grant,
            client_id=claims.client_id,
            resource=claims.aud,
            # Who the person is was told to the app alone.
            scopes=claims.scopes - BESIDE_RESOURCES,
            now=now,
        )
    except InvalidGrant as error:
        raise InvalidRequest(f"subject_token: {error.description}", detail=error.detail) from None
    policy = grant.membership.policy if grant.membership is not None else None
    proved = checked.known_actor().client_id
    if policy is None or (proved is not None and not policy.admits(proved)):
        raise InvalidRequest("the organisation does not allow the sub-agent's client")
    data_scope = narrow_data_scope(entitlement.data_scope, claims.data_scope)
    if data_scope is None:
        raise InvalidRequest("subject_token: no common data is left; refresh it and ask again")
    async with request.database.reading() as db:
        catalogue = await find_catalogue(db, claims.aud)
    if catalogue is None:
        raise TemporarilyUnavailable("the tools of this MCP server are not known yet; try again")
    toolsets = catalogue.group_tools()
    lifetimes = map(
        request.settings.token_lifetime_of, (claims.client_id, proved or claims.client_id)
    )
    latest = min(datetime.fromtimestamp(claims.exp, UTC), now + min(lifetimes))
    return replace(
        checked,
        catalogue=catalogue,
        entitlement=entitlement._replace(
            grant_version=claims.grant_version,
            tools=toolsets.expand(entitlement.tools) & toolsets.expand(claims.allowed_tools),
            data_scope=data_scope,
            ends_at=min(entitlement.ends_at or latest, latest),
            step_up=None,
            actors=(checked.known_actor().sub, *claims.actors),
        ),
    )
