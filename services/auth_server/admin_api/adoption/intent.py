"""/admin/v1/intent."""

from fastapi import APIRouter

from auth_server.admin_api.authenticate import Caller
from auth_server.admin_api.traffic.usage import Period
from auth_server.administration.adoption.intent import Attempt, read_intent
from auth_server.web.dependencies import Clock, ReadingDb, Settings

router = APIRouter(tags=["calls"])


@router.get("/intent")
async def show_intent(
    caller: Caller, db: ReadingDb, settings: Settings, now: Clock, days: Period = 1
) -> list[Attempt]:
    """List what agents tried in vain, the most frequent first. Requires `calls:read`."""
    resources = [entry.resource for entry in settings.resources]
    return await read_intent(db, caller, resources, days=days, now=now())
