"""/admin/v1/tokens: the tokens of this API."""

from datetime import timedelta

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from auth_server.admin_api.authenticate import Caller
from auth_server.administration.admin_tokens import (
    AdminTokenView,
    create_admin_token,
    read_admin_tokens,
    revoke_token,
)
from auth_server.web.dependencies import Clock, Db, ReadingDb, SecretMaker

router = APIRouter(prefix="/tokens", tags=["tokens"])


class NewToken(BaseModel):
    """A token to create."""

    model_config = ConfigDict(extra="forbid")

    label: str
    scopes: list[str] = Field(max_length=64, description="Such as `tenants:read`.")
    expires_in_days: int = Field(default=90, ge=1, le=3650)


class CreatedToken(AdminTokenView):
    """A new token with its text, which is shown only here."""

    token: str


@router.get("")
async def list_tokens(caller: Caller, db: ReadingDb) -> list[AdminTokenView]:
    """List the admin tokens, the newest first. Requires `operators:read`."""
    return await read_admin_tokens(db, caller)


@router.post("", status_code=201)
async def post_token(
    caller: Caller, db: Db, now: Clock, new_secret: SecretMaker, new: NewToken
) -> CreatedToken:
    """Create a token; its scopes must be among the caller's. Requires `operators:write`."""
    view, text = await create_admin_token(
        db,
        caller,
        secret=new_secret(),
        label=new.label,
        scopes=new.scopes,
        lifetime=timedelta(days=new.expires_in_days),
        now=now(),
    )
    return CreatedToken(**view.model_dump(), token=text)


@router.delete("/{token_id}", status_code=204)
async def delete_token(caller: Caller, db: Db, now: Clock, token_id: str) -> None:
    """Revoke a token. Requires `operators:write`."""
    await revoke_token(db, caller, token_id, now=now())
