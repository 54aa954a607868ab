"""Store a checked delegation, unless something that it depends on ends at the same moment."""

from auth_server.db.engine import DbSession
from auth_server.errors import InvalidRequest
from auth_server.oauth.token_endpoint.delegation.delegated import CheckedDelegation
from auth_server.oauth.token_endpoint.delegation.live_token import is_revoked
from auth_server.oauth.token_endpoint.request import TokenRequest
from auth_server.records.audit.store import Audit, record
from auth_server.records.delegations.store import (
    add_delegation,
    count_unexpired_delegations,
    list_live_delegations,
    was_ended_by_people,
)
from auth_server.records.delegations.table import Delegation
from auth_server.records.grants.store import find_grant
from gatepost.revocations import families_of
from gatepost.scopes import format_scope

MOST_LIVE = 20
"""How many sub-agents one connection has at once."""
MOST_BEGUN = 200
"""How many of one connection have not expired, also those that the app ended itself.

Otherwise an app that begins and ends them in a loop would fill the table and the audit log.
"""


async def keep_delegation(
    db: DbSession, checked: CheckedDelegation, request: TokenRequest
) -> Delegation:
    """Store the delegation, or let an equal one go on, and return it.

    Everything that ends one locks the grant, as this does. So an end of the same moment is either seen
    here, or it sees this delegation.

    Raises:
        InvalidRequest: the subject token has ended meanwhile, somebody ended this sub-agent, or the
            connection has too many.
    """
    claims, entitlement, actor = checked.claims, checked.known_entitlement(), checked.known_actor()
    now = request.now
    grant = await find_grant(db, claims.grant_id, lock=True)
    if grant is None or await is_revoked(db, checked.known_subject(), now=now):
        raise InvalidRequest("subject_token has ended; refresh it and ask again")
    # An app that the tenant connects is confirmed again all the time, without the person.
    since = grant.created_at if grant.by_tenant else grant.approved_at
    if await was_ended_by_people(db, grant.grant_id, actor.sub, since=since):
        raise InvalidRequest(
            "somebody ended this sub-agent; it can begin again once the person approves the app again"
        )
    live = await list_live_delegations(db, [grant.grant_id], now=now)
    above = families_of(claims.jti)
    new = Delegation(
        delegation_id=(own := f"delegation_{request.new_secret()}"),
        grant_id=grant.grant_id,
        path=".".join((own, *above)),
        actor=actor.sub,
        actor_client_id=actor.client_id,
        name=actor.name,
        scope=format_scope(entitlement.scopes),
        tools=sorted(entitlement.tools),
        data_scope=str(entitlement.data_scope),
        created_at=now,
        expires_at=entitlement.ends_at or now,
    )
    for each in live:
        if each.families[1:] == above and _is_equal(each, new):
            each.expires_at = max(each.expires_at, new.expires_at)
            await db.flush()
            return each
    if len(live) >= MOST_LIVE:
        raise InvalidRequest(
            f"this connection has {MOST_LIVE} sub-agents; end one at /revoke or wait for its expiry"
        )
    if await count_unexpired_delegations(db, grant.grant_id, now=now) >= MOST_BEGUN:
        raise InvalidRequest(
            f"this connection began {MOST_BEGUN} sub-agents that have not expired; wait, or go on with "
            "one of the same name, tools and data instead of ending it"
        )
    await add_delegation(db, new)
    created = Audit(
        "delegation.created",
        person_id=grant.person_id,
        client_id=grant.client_id,
        tenant_id=grant.tenant_id,
        grant_id=grant.grant_id,
        detail={
            "name": actor.name,
            "actor": actor.sub,
            "scope": new.scope,
            "tools": new.tools,
            "data_scope": new.data_scope,
        },
    )
    await record(db, created, now=now)
    return new


def _is_equal(one: Delegation, other: Delegation) -> bool:
    return (one.actor, one.scope, one.tools, one.data_scope) == (
        other.actor,
        other.scope,
        other.tools,
        other.data_scope,
    )
