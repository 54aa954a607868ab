"""/admin/v1/operators."""

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from auth_server.admin_api.authenticate import Caller
from auth_server.administration.operators import (
    OperatorView,
    read_operators,
    remove_operator,
    set_operator,
)
from auth_server.records.operators.table import Role
from auth_server.web.dependencies import Clock, Db, ReadingDb

router = APIRouter(prefix="/operators", tags=["operators"])


class OperatorChange(BaseModel):
    """The role of an operator."""

    model_config = ConfigDict(extra="forbid")

    role: Role


@router.get("")
async def list_operators(caller: Caller, db: ReadingDb) -> list[OperatorView]:
    """List the operators. Requires `operators:read`."""
    return await read_operators(db, caller)


@router.put("/{person_id}", status_code=204)
async def put_operator(
    caller: Caller, db: Db, now: Clock, person_id: str, change: OperatorChange
) -> None:
    """Make a person an operator, or change their role. Requires `operators:write`."""
    await set_operator(db, caller, person_id, change.role, now=now())


@router.delete("/{person_id}", status_code=204)
async def delete_operator(caller: Caller, db: Db, now: Clock, person_id: str) -> None:
    """Take the role from an operator; the person stays. Requires `operators:write`."""
    await remove_operator(db, caller, person_id, now=now())
