"""Rotate refresh tokens, with a grace window for repeated use.

A token's successor is derived from it with a key of this server. So a token that is presented twice
in the grace window gives the same successor, and no usable token is ever stored.
"""

import base64
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from auth_server.db.raw_sql import RawSql
from auth_server.redemptions.facts import NewToken, RefreshFacts
from auth_server.redemptions.statements import is_live, read_refresh_token, rotate
from auth_server.secrets import hash_secret


@dataclass(frozen=True, slots=True)
class RefreshPolicy:
    """The lifetimes of refresh tokens, and the keys that derive successors, newest first."""

    keys: tuple[bytes, ...]
    idle_lifetime: timedelta
    absolute_lifetime: timedelta
    grace: timedelta
    access_token_lifetime: timedelta


def derive_successor(key: bytes, token: str) -> str:
    """Derive the successor of a refresh token."""
    digest = hmac.digest(key, b"successor\x00" + token.encode(), "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def first_token(token: str, *, policy: RefreshPolicy, now: datetime) -> NewToken:
    """Make the first token of a family, to be stored."""
    return NewToken(hash_secret(token), now + policy.idle_lifetime, now + policy.absolute_lifetime)


async def rotate_refresh_token(
    raw_sql: RawSql, token: str, facts: RefreshFacts, *, policy: RefreshPolicy, now: datetime
) -> str | None:
    """Rotate a refresh token: its first use makes a successor, which a use soon after returns again.

    The grace window starts at the first use and never moves (RFC 9700 §4.14.2). The caller has
    checked that the token is this client's, not revoked, and either used before or unexpired.

    Returns:
        The successor, or None if the token was reused after its grace window or has been revoked
        meanwhile; then its whole family must be revoked.
    """
    known: RefreshFacts | None = facts
    if facts.first_used_at is None:
        successor = derive_successor(policy.keys[0], token)
        new = NewToken(
            hash_secret(successor),
            min(now + policy.idle_lifetime, facts.absolute_expires_at),
            facts.absolute_expires_at,
        )
        if await rotate(raw_sql, hash_secret(token), new, now=now):
            return successor
        known = await read_refresh_token(
            raw_sql, hash_secret(token)
        )  # another request used it first
    if known is None or known.first_used_at is None or now > known.first_used_at + policy.grace:
        return None
    for key in policy.keys:
        successor = derive_successor(key, token)
        if await is_live(raw_sql, hash_secret(successor)):
            return successor
    return None
