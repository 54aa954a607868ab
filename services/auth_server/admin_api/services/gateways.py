"""/admin/v1/gateways."""

from fastapi import APIRouter

from auth_server.admin_api.authenticate import Caller
from auth_server.admin_api.pages import USUAL_LIMIT, After, Limit, Page
from auth_server.administration.services.gateways import GatewayView, read_gateway, read_gateways
from auth_server.web.dependencies import Clock, ReadingDb

router = APIRouter(prefix="/gateways", tags=["gateways"])


@router.get("")
async def list_gateways(
    caller: Caller, db: ReadingDb, now: Clock, after: After = "", limit: Limit = USUAL_LIMIT
) -> Page[GatewayView]:
    """List the processes of gateways, with their last report. Requires `gateways:read`."""
    return Page.of(await read_gateways(db, caller, after=after, limit=limit, now=now()))


@router.get("/{instance}")
async def show_gateway(caller: Caller, db: ReadingDb, now: Clock, instance: str) -> GatewayView:
    """Show one process. Requires `gateways:read`."""
    return await read_gateway(db, caller, instance, now=now())
