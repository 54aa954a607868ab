"""/admin/v1/limits."""

from fastapi import APIRouter

from auth_server.admin_api.authenticate import Caller
from auth_server.administration.limits import LimitView, read_limits
from auth_server.web.dependencies import Clock, ReadingDb

router = APIRouter(prefix="/limits", tags=["usage"])


@router.get("")
async def list_limits(caller: Caller, db: ReadingDb, now: Clock) -> list[LimitView]:
    """List quotas and budgets used to 80 percent or more, the fullest first. Requires `usage:read`."""
    return await read_limits(db, caller, now=now())
