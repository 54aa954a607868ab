"""/admin/v1/webhooks/{endpoint_id}/deliveries: the messages to an endpoint."""

from fastapi import APIRouter

from auth_server.admin_api.authenticate import Caller
from auth_server.admin_api.pages import USUAL_LIMIT, After, Limit, Page
from auth_server.administration.services.deliveries import (
    DeliveryView,
    read_deliveries,
    resend_message,
)
from auth_server.web.dependencies import Clock, Db, ReadingDb

router = APIRouter(prefix="/webhooks/{endpoint_id}/deliveries", tags=["webhooks"])


@router.get("")
async def list_deliveries(
    caller: Caller,
    db: ReadingDb,
    endpoint_id: str,
    after: After = "",
    limit: Limit = USUAL_LIMIT,
) -> Page[DeliveryView]:
    """List the messages to an endpoint, the newest first. Requires `webhooks:read`."""
    return Page.of(await read_deliveries(db, caller, endpoint_id, after=after, limit=limit))


@router.post("/{message_id}/resend", status_code=204)
async def post_delivery_resend(
    caller: Caller, db: Db, now: Clock, endpoint_id: str, message_id: str
) -> None:
    """Send a message again, under the same id. Requires `webhooks:write`."""
    await resend_message(db, caller, endpoint_id, message_id, now=now())
