"""Show, rotate and withdraw the keys that sign access tokens."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from auth_server.administration.errors import Refused
from auth_server.administration.operator import ActingOperator
from auth_server.db.engine import DbSession
from auth_server.keys import Keys
from auth_server.records.signing_keys.store import list_published_keys
from auth_server.tokens.keyring import BEFORE_USE, rotate, withdraw


class SigningKeyView(BaseModel):
    """A published key without its private half."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    kid: str
    algorithm: str
    state: str
    """`active` signs, `next` will sign, `retiring` is published for its last tokens."""
    created_at: datetime
    changed_at: datetime
    """When it entered its state."""
    ready_at: datetime | None
    """When a `next` key may sign, because every gateway knows it."""


class RotationView(BaseModel):
    """What a rotation or withdrawal did."""

    model_config = ConfigDict(frozen=True)

    message: str
    keys: tuple[SigningKeyView, ...]


async def read_signing_keys(db: DbSession, operator: ActingOperator) -> tuple[SigningKeyView, ...]:
    """List the published keys.

    Raises:
        Forbidden: `keys:read` is missing.
    """
    operator.require("keys:read")
    return await _list(db)


async def rotate_signing_key(
    db: DbSession, operator: ActingOperator, keys: Keys, *, now: datetime
) -> RotationView:
    """Let the next key sign if it was published long enough; no call fails.

    Raises:
        Forbidden: `keys:write` is missing.
    """
    operator.act(db, "keys:write")
    message = await rotate(db, keys, now=now)
    return RotationView(message=message, keys=await _list(db))


async def withdraw_signing_keys(
    db: DbSession, operator: ActingOperator, keys: Keys, *, confirm: str, now: datetime
) -> RotationView:
    """Replace a compromised key at once; gateways refuse every token that it signed.

    Args:
        db: the open transaction.
        operator: who does it.
        keys: seal the private half of new keys.
        confirm: the id of the active key, typed by the operator.
        now: the time.

    Raises:
        Forbidden: `keys:write` is missing.
        Refused: another key is active.
    """
    operator.act(db, "keys:write")
    active = [key.kid for key in await list_published_keys(db) if key.state == "active"]
    if confirm not in active:
        raise Refused("confirm", "must be the ID of the active key")
    message = await withdraw(db, keys, now=now)
    return RotationView(message=message, keys=await _list(db))


async def _list(db: DbSession) -> tuple[SigningKeyView, ...]:
    return tuple(
        SigningKeyView(
            kid=key.kid,
            algorithm=key.algorithm,
            state=key.state,
            created_at=key.created_at,
            changed_at=key.changed_at,
            ready_at=key.changed_at + BEFORE_USE if key.state == "next" else None,
        )
        for key in await list_published_keys(db)
    )
