"""Revoke grants, tokens and keys. Each function also announces the revocation, in one transaction."""

from datetime import UTC, datetime, timedelta
from typing import Literal

from auth_server.db.engine import DbSession
from auth_server.records.audit.store import Audit, record
from auth_server.records.delegations.store import (
    end_delegations_of_grant,
    find_delegation,
    list_live_delegations,
)
from auth_server.records.delegations.table import EndedBy
from auth_server.records.grants.store import find_grant, list_live_grants, revoke_grant_row
from auth_server.records.refresh_tokens.store import (
    find_newest_of_family,
    revoke_families,
    revoke_family,
)
from auth_server.records.revocations.store import add_revocation
from auth_server.revocations.linked_accounts import end_unused_accounts
from gatepost.claims import AccessClaims
from gatepost.revocations import families_of

MARGIN = timedelta(minutes=5)
"""How long a revocation outlives the tokens, since clocks differ and requests overlap."""


async def end_family(db: DbSession, family_id: str, *, lifetime: timedelta, now: datetime) -> None:
    """Revoke every refresh token of a family, the access tokens issued with it, and its sub-agents'.

    Args:
        db: the open transaction.
        family_id: the family of refresh tokens, or the id of an API key.
        lifetime: how long access tokens live.
        now: the time.
    """
    newest = await find_newest_of_family(db, family_id)
    if newest is not None:
        await _end_below(db, newest.grant_id, family_id, "parent", now=now)
    await revoke_family(db, family_id, now=now)
    await add_revocation(db, "family", family_id, now=now, expires_at=now + lifetime + MARGIN)


async def end_access_token(db: DbSession, claims: AccessClaims, *, now: datetime) -> None:
    """Revoke one access token, with the delegations below it; a sub-agent's, with its delegation."""
    await _end_below(db, claims.grant_id, families_of(claims.jti)[0], "app", now=now)
    expires_at = datetime.fromtimestamp(claims.exp, UTC) + MARGIN
    await add_revocation(db, "token", claims.jti, now=now, expires_at=expires_at)
    ended = Audit(
        "token.revoked",
        person_id=claims.sub,
        client_id=claims.client_id,
        tenant_id=claims.tenant_id,
        grant_id=claims.grant_id,
        detail={"jti": claims.jti},
    )
    await record(db, ended, now=now)


async def end_delegation(
    db: DbSession, delegation_id: str, ended_by: EndedBy, *, now: datetime
) -> bool:
    """End a live delegation with those below it; return whether this call did so."""
    found = await find_delegation(db, delegation_id)
    if found is None:
        return False
    return await _end_below(db, found.grant_id, delegation_id, ended_by, now=now) > 0


async def _end_below(
    db: DbSession, grant_id: str, family_id: str, ended_by: EndedBy, *, now: datetime
) -> int:
    """End the delegations whose tokens are of a family; return how many."""
    # Locked, so that a delegation of the same moment is either seen here or refused.
    grant = await find_grant(db, grant_id, lock=True)
    if grant is None:
        return 0
    live = await list_live_delegations(db, [grant_id], now=now)
    ending = [each for each in live if family_id in each.families]
    for each in ending:
        own = each.delegation_id
        each.ended_at, each.ended_by = now, ended_by if own == family_id else "parent"
        await add_revocation(db, "family", own, now=now, expires_at=each.expires_at + MARGIN)
        ended = Audit(
            "delegation.ended",
            person_id=grant.person_id,
            client_id=grant.client_id,
            tenant_id=grant.tenant_id,
            grant_id=grant_id,
            detail={"name": each.name, "actor": each.actor, "reason": each.ended_by},
        )
        await record(db, ended, now=now)
    await db.flush()
    return len(ending)


async def revoke_grant(
    db: DbSession, grant_id: str, reason: str, *, lifetime: timedelta, now: datetime
) -> bool:
    """Revoke a grant with everything issued from it; return whether this call did so.

    Args:
        db: the open transaction.
        grant_id: the grant.
        reason: a short reason, for the grant's row and the audit log.
        lifetime: how long access tokens live.
        now: the time.
    """
    grant = await revoke_grant_row(db, grant_id, reason, now=now)
    if grant is None:
        return False
    await revoke_families(db, grant_id, now=now)
    await end_delegations_of_grant(db, grant_id, now=now)
    await add_revocation(db, "grant", grant_id, now=now, expires_at=now + lifetime + MARGIN)
    ended = Audit(
        "grant.revoked",
        person_id=grant.person_id,
        client_id=grant.client_id,
        tenant_id=grant.tenant_id,
        grant_id=grant_id,
        detail={"reason": reason},
    )
    await record(db, ended, now=now)
    await end_unused_accounts(db, grant.person_id, grant.tenant_id, now=now)
    return True


async def revoke_grants(
    db: DbSession,
    reason: str,
    *,
    lifetime: timedelta,
    now: datetime,
    tenant_id: str | None = None,
    person_id: str | None = None,
    client_id: str | None = None,
) -> int:
    """Revoke every grant that matches all given ids, and return how many.

    The people concerned have to connect again. Use it for grants that a restored backup revived.
    """
    grants = await list_live_grants(
        db, tenant_id=tenant_id, person_id=person_id, client_id=client_id, lock=True
    )
    ended = 0
    for grant_id in [grant.grant_id for grant in grants]:
        ended += await revoke_grant(db, grant_id, reason, lifetime=lifetime, now=now)
    return ended


async def outdate_tokens(
    db: DbSession,
    kind: Literal["client", "tenant", "person"],
    key: str,
    *,
    lifetime: timedelta,
    now: datetime,
) -> None:
    """Revoke the access tokens issued so far for a client, tenant or person, but not the grants.

    It is called after a change of policy. Apps refresh automatically and get tokens that follow the
    new policy, or none if it allows nothing. A token issued later in the same second counts as an
    older one, and is refreshed once more.
    """
    below = int(now.timestamp()) + 1
    await add_revocation(db, kind, key, now=now, expires_at=now + lifetime + MARGIN, below=below)


async def outdate_for_operator(
    db: DbSession,
    kind: Literal["client", "tenant", "person"],
    key: str,
    *,
    lifetime: timedelta,
    now: datetime,
) -> None:
    """Call `outdate_tokens` for an operator, and record it in the audit log."""
    await outdate_tokens(db, kind, key, lifetime=lifetime, now=now)
    outdated = Audit(
        "token.outdated",
        person_id=key if kind == "person" else "",
        tenant_id=key if kind == "tenant" else "",
        client_id=key if kind == "client" else "",
    )
    await record(db, outdated, now=now)


async def outdate_grant(
    db: DbSession, grant_id: str, version: int, *, lifetime: timedelta, now: datetime
) -> None:
    """Revoke the access tokens of a grant's versions before this one, with its sub-agents.

    The caller has changed the grant, so no delegation begins meanwhile.
    """
    await end_delegations_of_grant(db, grant_id, now=now)
    await add_revocation(
        db, "grant", grant_id, now=now, expires_at=now + lifetime + MARGIN, below=version
    )


async def withdraw_key(db: DbSession, kid: str, *, now: datetime) -> None:
    """Make every gateway refuse a signing key's tokens, before it reads the key set again.

    The revocation is live for a day, because a gateway may not reach the key set for a while.
    """
    await add_revocation(db, "key", kid, now=now, expires_at=now + timedelta(days=1))
