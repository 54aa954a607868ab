"""Refresh tokens: rotation, the grace window, and the end of a family.

A used token's successor is derived from it with a key of this server, so that the same token
presented twice inside the grace window answers with the same successor, and nothing that could
be presented is ever stored.
"""

import base64
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from auth_server.refresh_tokens.store import (
    add_refresh_token,
    find_refresh_token,
    revoke_family,
    use_refresh_token,
)
from auth_server.refresh_tokens.table import RefreshToken
from auth_server.secrets import hash_secret


@dataclass(frozen=True, slots=True)
class RefreshPolicy:
    """How long refresh tokens live, and the key that successors are derived with."""

    key: bytes
    idle_lifetime: timedelta
    absolute_lifetime: timedelta
    grace: timedelta


@dataclass(frozen=True, slots=True)
class Rotated:
    """The token was accepted; `successor` replaces it."""

    successor: str


@dataclass(frozen=True, slots=True)
class Reused:
    """A token came back after its grace window: its whole family has been ended."""

    family_id: str


def derive_successor(key: bytes, token: str) -> str:
    """Compute the one successor of a refresh token."""
    digest = hmac.digest(key, b"successor\x00" + token.encode(), "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


async def issue_refresh_token(
    db: AsyncSession,
    token: str,
    *,
    family_id: str,
    grant_id: str,
    client_id: str,
    resource: str,
    scope: str,
    policy: RefreshPolicy,
    now: datetime,
) -> None:
    """Start a family with its first token."""
    await add_refresh_token(
        db,
        RefreshToken(
            token_hash=hash_secret(token),
            family_id=family_id,
            generation=1,
            grant_id=grant_id,
            client_id=client_id,
            resource=resource,
            scope=scope,
            idle_expires_at=now + policy.idle_lifetime,
            absolute_expires_at=now + policy.absolute_lifetime,
        ),
    )


async def rotate_refresh_token(
    db: AsyncSession, token: str, *, policy: RefreshPolicy, now: datetime
) -> Rotated | Reused:
    """Use a refresh token: its first use makes the successor, a use soon after finds it again.

    The grace window is anchored at the first use and never moves (RFC 9700 §4.14.2). The caller
    has checked that the token is this client's, unexpired and not revoked.
    """
    successor = derive_successor(policy.key, token)
    first = await use_refresh_token(db, hash_secret(token), now=now)
    row = await find_refresh_token(db, hash_secret(token))
    if row is None:
        raise LookupError("rotate_refresh_token takes a stored token")
    if first:
        await add_refresh_token(
            db,
            RefreshToken(
                token_hash=hash_secret(successor),
                family_id=row.family_id,
                generation=row.generation + 1,
                grant_id=row.grant_id,
                client_id=row.client_id,
                resource=row.resource,
                scope=row.scope,
                idle_expires_at=min(now + policy.idle_lifetime, row.absolute_expires_at),
                absolute_expires_at=row.absolute_expires_at,
            ),
        )
        return Rotated(successor)
    next_row = await find_refresh_token(db, hash_secret(successor))
    if (
        row.first_used_at is not None
        and now <= row.first_used_at + policy.grace
        and next_row is not None
        and next_row.revoked_at is None
    ):
        return Rotated(successor)
    await revoke_family(db, row.family_id, now=now)
    return Reused(row.family_id)
