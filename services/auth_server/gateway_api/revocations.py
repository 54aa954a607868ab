"""POST /internal/revocations."""

from datetime import datetime

from fastapi import Request
from starlette.responses import Response

from auth_server.client_authentication.authenticate import Authenticator
from auth_server.db.engine import Database
from auth_server.errors import InvalidRequest, TemporarilyUnavailable, UnauthorizedClient
from auth_server.records.revocations.store import list_after
from auth_server.web.dependencies import Clock, FeedInUse, OpenDatabase
from auth_server.web.forms import read_form, reject_repeats
from auth_server.web.routing import MachineRouter
from gatepost.revocations import LONGEST_WAIT, REVOCATIONS_PATH, RevocationsPage

router = MachineRouter()


@router.post(REVOCATIONS_PATH)
async def follow_revocations(
    request: Request,
    authenticator: Authenticator,
    feed: FeedInUse,
    database: OpenDatabase,
    now: Clock,
) -> Response:
    """Return the revocations after a place in the feed, waiting if there are none.

    `after` is the place named in the last response; an unknown one gets every live revocation.
    `wait` is the longest wait in seconds, by default and at most 25.
    """
    if feed.closed:
        raise TemporarilyUnavailable("this server is stopping; try again")
    form = await read_form(request)
    reject_repeats(form)
    # 1. Authenticate the gateway. No database transaction may be open while the request waits.
    client = await authenticator.authenticate(form, request)
    if client.source != "gateway":
        raise UnauthorizedClient("only gateways can follow revocations")
    after, wait = form.get("after") or "", form.get("wait") or str(LONGEST_WAIT)
    if not wait.isascii() or not wait.isdigit() or len(wait) > 3:
        raise InvalidRequest("wait must be a whole number of seconds")
    # 2. Return new revocations; 3. or wait for them.
    known = feed.newest
    page = await _read(after, database, now())
    if not page.revocations and int(wait):
        await feed.wait_beyond(known, seconds=min(int(wait), LONGEST_WAIT))
        if not feed.closed:
            page = await _read(after, database, now())
    headers = {"Cache-Control": "no-store"}
    return Response(page.model_dump_json(), media_type="application/json", headers=headers)


async def _read(after: str, database: Database, now: datetime) -> RevocationsPage:
    async with database.reading() as db:
        rows = await list_after(db, after[:64], now=now)
    return RevocationsPage(
        revocations=tuple(row.revocation for row in rows),
        after=rows[-1].revocation_id if rows else after[:64],
    )
