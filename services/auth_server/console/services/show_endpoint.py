"""The console's page of one webhook endpoint with its deliveries."""

from starlette.responses import Response

from auth_server.administration.errors import Refused
from auth_server.administration.paging import USUAL
from auth_server.administration.services.deliveries import read_deliveries
from auth_server.administration.services.webhooks import read_endpoint
from auth_server.console.frame import Console
from auth_server.db.engine import DbSession


async def show_endpoint(
    console: Console,
    db: DbSession,
    endpoint_id: str,
    *,
    after: str = "",
    done: str = "",
    secret: str = "",
    refused: Refused | None = None,
) -> Response:
    """Render the page.

    Args:
        console: the operator's console.
        db: an open database session.
        endpoint_id: the endpoint.
        after: where the list of deliveries begins.
        done: `saved` or `sent`, after a form.
        secret: a new secret to show once.
        refused: why a form changed nothing.
    """
    return console.answer(
        "console/webhook.html",
        section="webhooks",
        status=400 if refused else 200,
        endpoint=await read_endpoint(db, console.operator, endpoint_id),
        deliveries=await read_deliveries(
            db, console.operator, endpoint_id, after=after, limit=USUAL
        ),
        after=after,
        done=done,
        secret=secret,
        refused=refused,
    )
