"""Rotate refresh tokens, with a grace window for repeated use.

A token's successor is derived from it with a key of this server. So a token that is presented twice
in the grace window gives the same successor, and no usable token is ever stored. Each token ends with
the secret of its family, so that a use long after the first one is recognised without its row.
"""

import base64
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from auth_server.db.raw_sql import RawSql
from auth_server.redemptions.facts import NewToken, RefreshFacts
from auth_server.redemptions.statements import is_live, read_refresh_token, rotate
from auth_server.secrets import hash_secret, s256


@dataclass(frozen=True, slots=True)
class RefreshPolicy:
    """The lifetimes of refresh tokens, and the keys that derive successors, newest first."""

    keys: tuple[bytes, ...]
    idle_lifetime: timedelta
    absolute_lifetime: timedelta
    grace: timedelta
    access_token_lifetime: timedelta


def name_new_family(keys: Iterable[bytes], code: str) -> str:
    """Name the family of the refresh tokens that an authorization code will give."""
    return s256(_derive(next(iter(keys)), "family", code))


def make_first_token(keys: Iterable[bytes], secret: str, *, code: str, family_id: str) -> str:
    """Make the first token of a family, which ends with the family's secret.

    If none of the keys named the family, the token has no such ending.
    """
    families = (_derive(key, "family", code) for key in keys)
    family = next((family for family in families if s256(family) == family_id), "")
    return f"{secret}.{family}" if family else secret


def read_family(token: str) -> str | None:
    """Read the family that a token names; only who had a token of a family can name it."""
    _, _, family = token.partition(".")
    return s256(family) if family else None


def derive_successor(key: bytes, token: str) -> str:
    """Derive the successor of a refresh token, in the same family."""
    _, dot, family = token.partition(".")
    return f"{_derive(key, 'successor', token)}{dot}{family}"


def first_token(
    token: str, *, bound_to: str | None, policy: RefreshPolicy, now: datetime
) -> NewToken:
    """Make the first token of a family, to be stored."""
    absolute = now + policy.absolute_lifetime
    idle = min(now + policy.idle_lifetime, absolute)
    return NewToken(hash_secret(token), idle, absolute, bound_to)


def _derive(key: bytes, purpose: str, text: str) -> str:
    digest = hmac.digest(key, f"{purpose}\x00{text}".encode(), "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


async def rotate_refresh_token(
    raw_sql: RawSql,
    token: str,
    facts: RefreshFacts,
    *,
    bound_to: str | None,
    policy: RefreshPolicy,
    now: datetime,
) -> str | None:
    """Rotate a refresh token: its first use makes a successor, which a use soon after returns again.

    The grace window starts at the first use and never moves (RFC 9700 §4.14.2). The caller has
    checked that the token is this client's, not revoked, and either used before or unexpired.

    Args:
        raw_sql: the database.
        token: the token that was presented.
        facts: its state.
        bound_to: the key to which its successor is bound, if any.
        policy: the lifetimes and keys.
        now: the time.

    Returns:
        The successor, or None if the token was reused after its grace window or with another key, or has
        been revoked meanwhile; then its whole family must be revoked.
    """
    known: RefreshFacts | None = facts
    if facts.first_used_at is None:
        successor = derive_successor(policy.keys[0], token)
        new = NewToken(
            hash_secret(successor),
            min(now + policy.idle_lifetime, facts.absolute_expires_at),
            facts.absolute_expires_at,
            bound_to,
        )
        # The row of a token that does not name its family is needed until the token expires.
        keep_until = facts.idle_expires_at if read_family(token) is None else now
        # A row that is not bound says that whoever bound the family may be a thief.
        if bound_to is not None and facts.bound_to is None:
            keep_until = facts.absolute_expires_at
        if await rotate(raw_sql, hash_secret(token), new, keep_until=keep_until, now=now):
            return successor
        known = await read_refresh_token(
            raw_sql, hash_secret(token)
        )  # another request used it first
    if known is None or known.first_used_at is None or now > known.first_used_at + policy.grace:
        return None
    for key in policy.keys:
        successor = derive_successor(key, token)
        if await is_live(raw_sql, hash_secret(successor), bound_to=bound_to):
            return successor
    return None
