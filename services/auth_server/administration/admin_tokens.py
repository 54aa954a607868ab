"""Make, list and revoke the tokens of programs that call the admin API."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from auth_server.administration.errors import NotFound, Refused
from auth_server.administration.operator import ActingOperator
from auth_server.administration.scopes import UnknownScope, require_scopes
from auth_server.db.engine import DbSession
from auth_server.records.admin_tokens.store import (
    add_admin_token,
    find_live_token,
    list_admin_tokens,
    revoke_admin_token,
)
from auth_server.records.admin_tokens.table import AdminToken
from auth_server.records.audit.store import Audit, record
from auth_server.secrets import hash_secret

PREFIX = "gatepost_admin_"
"""Lets scanners of repositories recognise a token."""
LONGEST = timedelta(days=3650)


class AdminTokenView(BaseModel):
    """An admin token without its secret."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    token_id: str
    label: str
    scopes: tuple[str, ...]
    created_by: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


async def read_admin_tokens(db: DbSession, operator: ActingOperator) -> list[AdminTokenView]:
    """List the tokens, the newest first.

    Raises:
        Forbidden: `operators:read` is missing.
    """
    operator.require("operators:read")
    return [AdminTokenView.model_validate(row) for row in await list_admin_tokens(db)]


async def create_admin_token(
    db: DbSession,
    operator: ActingOperator,
    *,
    secret: str,
    label: str,
    scopes: Iterable[str],
    lifetime: timedelta,
    now: datetime,
) -> tuple[AdminTokenView, str]:
    """Create a token, and return it with its text, which is not stored.

    Raises:
        Forbidden: `operators:write` is missing, or a scope that the operator does not have.
        Refused: the label, a scope or the lifetime is invalid.
    """
    operator.act(db, "operators:write")
    if not 1 <= len(label) <= 100 or not label.isprintable():
        raise Refused("label", "must be 1 to 100 printable characters")
    if not timedelta(0) < lifetime <= LONGEST:
        raise Refused("expires_in_days", "must be 1 to 3650")
    try:
        asked = require_scopes(scopes)
    except UnknownScope as error:
        raise Refused("scopes", str(error)) from None
    for scope in sorted(asked):
        operator.require(scope)
    text = f"{PREFIX}{secret}"
    row = AdminToken(
        token_id=hash_secret(text)[:16],
        token_hash=hash_secret(text),
        label=label,
        scopes=sorted(asked),
        created_by=operator.name,
        created_at=now,
        expires_at=now + lifetime,
    )
    await add_admin_token(db, row)
    created = Audit(
        "admin_token.created",
        detail={"token": row.token_id, "label": label, "scopes": row.scopes},
    )
    await record(db, created, now=now)
    return AdminTokenView.model_validate(row), text


async def revoke_token(
    db: DbSession, operator: ActingOperator, token_id: str, *, now: datetime
) -> None:
    """End a token at once.

    Raises:
        Forbidden: `operators:write` is missing.
        NotFound: no such token is live.
    """
    operator.act(db, "operators:write")
    if await revoke_admin_token(db, token_id, now=now) is None:
        raise NotFound(f"the admin token {token_id} does not exist, or has ended")
    await record(db, Audit("admin_token.revoked", detail={"token": token_id}), now=now)


async def find_token_operator(
    db: DbSession, text: str, *, now: datetime
) -> tuple[AdminToken, ActingOperator] | None:
    """Find who calls with a token; None if it is unknown, expired or revoked."""
    if not text.startswith(PREFIX):
        return None
    row = await find_live_token(db, hash_secret(text), now=now)
    if row is None:
        return None
    return row, ActingOperator(f"token {row.token_id}", frozenset(row.scopes), row.token_id)
