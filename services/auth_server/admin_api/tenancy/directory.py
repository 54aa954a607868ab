"""/admin/v1/tenants/{tenant_id}/directory."""

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from auth_server.admin_api.authenticate import Caller
from auth_server.administration.tenancy.directory import (
    DirectoryTokenView,
    DirectoryView,
    create_directory_token,
    read_directory,
    revoke_directory_token,
)
from auth_server.web.dependencies import Clock, Db, ReadingDb, SecretMaker

router = APIRouter(prefix="/tenants/{tenant_id}/directory", tags=["tenants"])


class NewDirectoryToken(BaseModel):
    """A token for the tenant's provider, with which it keeps users and groups by SCIM."""

    model_config = ConfigDict(extra="forbid")

    label: str = Field(description="A name for people, such as `Okta`.")
    data_scope: str = Field(
        default="",
        description="The data that new members see, such as `team:design`; empty for all.",
    )


class CreatedDirectoryToken(DirectoryTokenView):
    """A new token with its text, which is shown only here."""

    token: str


@router.get("")
async def show_directory(caller: Caller, db: ReadingDb, tenant_id: str) -> DirectoryView:
    """Show what the tenant's provider keeps here, and its tokens. Requires `tenants:read`."""
    return await read_directory(db, caller, tenant_id)


@router.post("/tokens", status_code=201)
async def post_directory_token(
    caller: Caller,
    db: Db,
    now: Clock,
    new_secret: SecretMaker,
    tenant_id: str,
    new: NewDirectoryToken,
) -> CreatedDirectoryToken:
    """Make a token; two can be valid at once. Requires `tenants:write`."""
    view, text = await create_directory_token(
        db,
        caller,
        tenant_id,
        label=new.label,
        data_scope=new.data_scope,
        secret=new_secret(),
        now=now(),
    )
    return CreatedDirectoryToken(**view.model_dump(), token=text)


@router.delete("/tokens/{token_id}", status_code=204)
async def delete_directory_token(
    caller: Caller, db: Db, now: Clock, tenant_id: str, token_id: str
) -> None:
    """Revoke a token. Requires `tenants:write`."""
    await revoke_directory_token(db, caller, tenant_id, token_id, now=now())
