"""/admin/v1/outdated-names."""

from fastapi import APIRouter

from auth_server.admin_api.authenticate import Caller
from auth_server.admin_api.traffic.usage import Period
from auth_server.administration.adoption.outdated import OutdatedName, read_outdated
from auth_server.web.dependencies import Clock, ReadingDb, Settings

router = APIRouter(tags=["calls"])


@router.get("/outdated-names")
async def list_outdated_names(
    caller: Caller, db: ReadingDb, settings: Settings, now: Clock, days: Period = 30
) -> list[OutdatedName]:
    """List the clients that use former names of tools and deprecated tools. Requires `calls:read`."""
    resources = [entry.resource for entry in settings.resources]
    return await read_outdated(db, caller, resources, days=days, now=now())
