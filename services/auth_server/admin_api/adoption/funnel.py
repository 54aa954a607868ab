"""/admin/v1/funnel."""

from fastapi import APIRouter

from auth_server.admin_api.authenticate import Caller
from auth_server.admin_api.traffic.usage import Period
from auth_server.administration.adoption.funnel import Funnel, read_funnel
from auth_server.web.dependencies import Clock, ReadingDb

router = APIRouter(tags=["usage"])


@router.get("/funnel")
async def show_funnel(caller: Caller, db: ReadingDb, now: Clock, days: Period = 1) -> Funnel:
    """Count apps and people on their way to a first call. Requires `usage:read`."""
    return await read_funnel(db, caller, days=days, now=now())
