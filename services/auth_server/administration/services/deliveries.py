"""List the messages to an endpoint and how they arrived, and send them again."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from auth_server.administration.operator import ActingOperator
from auth_server.administration.paging import Slice, cut, read_place, write_place
from auth_server.administration.services.webhooks import refusing, require_endpoint
from auth_server.db.engine import DbSession
from auth_server.records.webhooks.deliveries import DeliveryPlace
from auth_server.webhooks.manage import list_deliveries, resend_delivery


class DeliveryView(BaseModel):
    """One message to one endpoint, and how its last attempt ended."""

    model_config = ConfigDict(frozen=True, from_attributes=True, use_attribute_docstrings=True)

    message_id: str
    type: str
    payload: str
    """The JSON that is sent."""
    created_at: datetime
    state: Literal["waiting", "delivered", "failed"]
    attempts: int
    next_attempt_at: datetime | None
    last_attempt_at: datetime | None
    status_code: int | None
    """The status of the last answer; null if there was no answer."""
    answer: str
    """The beginning of the last answer, or why there was none."""


async def read_deliveries(
    db: DbSession, operator: ActingOperator, endpoint_id: str, *, after: str = "", limit: int
) -> Slice[DeliveryView]:
    """List the messages to an endpoint, the newest first.

    Raises:
        Forbidden: `webhooks:read` is missing.
        NotFound: the endpoint does not exist.
        Refused: `after` is not the `next` of another page.
    """
    operator.require("webhooks:read")
    owner = (await require_endpoint(db, endpoint_id)).tenant_id
    place = read_place(after)
    before = DeliveryPlace(*place) if place else None
    found = await list_deliveries(db, owner, endpoint_id, before=before, most=limit + 1)
    views = [DeliveryView.model_validate(one) for one in found]
    return cut(views, limit, place=lambda view: write_place(view.created_at, view.message_id))


async def resend_message(
    db: DbSession, operator: ActingOperator, endpoint_id: str, message_id: str, *, now: datetime
) -> None:
    """Send a message to an endpoint again, under the same id, so that it can be recognised.

    Raises:
        Forbidden: `webhooks:write` is missing.
        NotFound: the endpoint does not exist.
        Refused: it has no such message.
    """
    operator.act(db, "webhooks:write")
    owner = (await require_endpoint(db, endpoint_id)).tenant_id
    with refusing():
        await resend_delivery(db, owner, endpoint_id, message_id, now=now)
