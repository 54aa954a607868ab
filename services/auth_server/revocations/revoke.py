"""Ending what was issued: each way writes what ended and announces it, in one transaction."""

from datetime import UTC, datetime, timedelta
from typing import Literal

from auth_server.db.engine import DbSession
from auth_server.records.audit.store import Audit, record
from auth_server.records.grants.store import list_live_grants, revoke_grant_row
from auth_server.records.refresh_tokens.store import revoke_families, revoke_family
from auth_server.records.revocations.store import add_revocation
from gatepost.claims import AccessClaims

MARGIN = timedelta(minutes=5)
"""How much longer than a token's life a revocation counts: clocks differ, requests overlap."""


async def end_family(db: DbSession, family_id: str, *, lifetime: timedelta, now: datetime) -> None:
    """End every refresh token of a family, and the access tokens issued from it.

    Args:
        db: the open transaction.
        family_id: the family of refresh tokens, or the id of an API key.
        lifetime: how long access tokens live.
        now: the time.
    """
    await revoke_family(db, family_id, now=now)
    await add_revocation(db, "family", family_id, now=now, expires_at=now + lifetime + MARGIN)


async def end_access_token(db: DbSession, claims: AccessClaims, *, now: datetime) -> None:
    """End one access token."""
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


async def revoke_grant(
    db: DbSession, grant_id: str, reason: str, *, lifetime: timedelta, now: datetime
) -> bool:
    """End a grant with everything issued from it; answers whether this call was the one that did.

    Args:
        db: the open transaction.
        grant_id: the grant.
        reason: who or what ended it, in a few words, for the grant's row and the audit log.
        lifetime: how long access tokens live.
        now: the time.
    """
    grant = await revoke_grant_row(db, grant_id, reason, now=now)
    if grant is None:
        return False
    await revoke_families(db, grant_id, now=now)
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
    """End every grant that matches all the given ids; answers how many.

    Everybody concerned has to connect again. It is the way to end what a restored backup brought
    back to life.
    """
    grants = await list_live_grants(
        db, tenant_id=tenant_id, person_id=person_id, client_id=client_id
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
    """End the access tokens issued so far for a client, a tenant or a person; their grants stay.

    After a change of policy: apps refresh on their own, and the tokens they get say what holds now,
    or are refused where nothing does any more. A token issued later within the same second is
    taken for an older one, and refreshed once more.
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
    """Do as `outdate_tokens` because an operator says so, and record that."""
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
    """End the access tokens of a grant's versions before this one."""
    await add_revocation(
        db, "grant", grant_id, now=now, expires_at=now + lifetime + MARGIN, below=version
    )


async def withdraw_key(db: DbSession, kid: str, *, now: datetime) -> None:
    """Have every gateway refuse what a signing key signed, before it reads the keys again.

    Announced for a day: a gateway may be cut off from the published keys for a while.
    """
    await add_revocation(db, "key", kid, now=now, expires_at=now + timedelta(days=1))
