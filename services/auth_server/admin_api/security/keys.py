"""/admin/v1/keys: the keys that sign access tokens."""

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from auth_server.admin_api.authenticate import Caller
from auth_server.administration.signing_keys import (
    RotationView,
    SigningKeyView,
    read_signing_keys,
    rotate_signing_key,
    withdraw_signing_keys,
)
from auth_server.web.dependencies import Clock, Db, KeysInUse, ReadingDb

router = APIRouter(prefix="/keys", tags=["keys"])


class Withdrawal(BaseModel):
    """The confirmation of a withdrawal."""

    model_config = ConfigDict(extra="forbid")

    confirm: str = Field(description="The id of the active key.")


@router.get("")
async def list_signing_keys(caller: Caller, db: ReadingDb) -> tuple[SigningKeyView, ...]:
    """List the published keys. Requires `keys:read`."""
    return await read_signing_keys(db, caller)


@router.post("/rotate")
async def rotate_key(caller: Caller, db: Db, keys: KeysInUse, now: Clock) -> RotationView:
    """Let the next key sign if it was published long enough. Requires `keys:write`."""
    return await rotate_signing_key(db, caller, keys, now=now())


@router.post("/withdraw")
async def withdraw_keys(
    caller: Caller, db: Db, keys: KeysInUse, now: Clock, given: Withdrawal
) -> RotationView:
    """Replace a compromised key at once and refuse its tokens. Requires `keys:write`."""
    return await withdraw_signing_keys(db, caller, keys, confirm=given.confirm, now=now())
