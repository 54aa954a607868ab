"""/admin/v1/tenants/{tenant_id}/credits and /cap."""

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from auth_server.admin_api.authenticate import Caller
from auth_server.administration.money.credits import (
    CapView,
    CreditView,
    NewCap,
    NewCredit,
    grant_credit,
    new_credit_id,
    read_credits,
    read_spend_cap,
    remove_spend_cap,
    revoke_credit,
    set_spend_cap,
)
from auth_server.web.dependencies import Clock, Db, ReadingDb, Settings

router = APIRouter(prefix="/tenants/{tenant_id}", tags=["billing"])


class Revocation(BaseModel):
    """Why a credit is taken back."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(max_length=300, description="It is kept in the audit log.")


@router.get("/credits")
async def list_tenant_credits(caller: Caller, db: ReadingDb, tenant_id: str) -> list[CreditView]:
    """List the credits of a tenant, the oldest first. Requires `billing:read`."""
    return await read_credits(db, caller, tenant_id)


@router.post("/credits", status_code=201)
async def post_credit(
    caller: Caller, db: Db, settings: Settings, now: Clock, tenant_id: str, new: NewCredit
) -> CreditView:
    """Give a tenant credit. Requires `billing:write`."""
    return await grant_credit(
        db,
        caller,
        tenant_id,
        new,
        credit_id=new_credit_id(),
        admitted=settings.admits_credit,
        now=now(),
    )


@router.post("/credits/{credit_id}/revoke")
async def post_revocation(
    caller: Caller, db: Db, now: Clock, tenant_id: str, credit_id: str, given: Revocation
) -> CreditView:
    """Take the rest of a credit back; `left` is what is taken. Requires `billing:write`."""
    return await revoke_credit(
        db, caller, credit_id, tenant_id=tenant_id, reason=given.reason, now=now()
    )


@router.get("/cap")
async def show_cap(caller: Caller, db: ReadingDb, tenant_id: str) -> CapView | None:
    """Show the most that the usage of a tenant may cost in a month. Requires `billing:read`."""
    return await read_spend_cap(db, caller, tenant_id)


@router.put("/cap")
async def put_cap(caller: Caller, db: Db, now: Clock, tenant_id: str, given: NewCap) -> CapView:
    """Cap what the usage of a tenant may cost in a month. Requires `billing:write`."""
    return await set_spend_cap(db, caller, tenant_id, given, now=now())


@router.delete("/cap", status_code=204)
async def delete_cap(caller: Caller, db: Db, now: Clock, tenant_id: str) -> None:
    """Remove the cap of a tenant, if it has one. Requires `billing:write`."""
    await remove_spend_cap(db, caller, tenant_id, now=now())
