"""GET /account and POST /account/sign-out."""

from typing import Annotated

from fastapi import Depends
from starlette.responses import Response

from auth_server.pages.account.frame import Account, lead_back, posted_account
from auth_server.records.audit.store import Audit, record
from auth_server.records.sessions.store import end_session
from auth_server.web.browser import clear_session
from auth_server.web.dependencies import Clock, Db, Settings
from auth_server.web.routing import PageRouter

router = PageRouter()
Posted = Annotated[Account, Depends(posted_account("/account/apps", "sign-out", enrolling=True))]


@router.get("/account")
async def lead_to_apps(settings: Settings) -> Response:
    """Redirect the browser to the first account page."""
    return lead_back(settings.path, "/account/apps")


@router.post("/account/sign-out")
async def sign_out(account: Posted, db: Db, settings: Settings, now: Clock) -> Response:
    """End this browser's session."""
    await end_session(db, account.signed_in.session.session_hash, now=now())
    await record(db, Audit("signed_out", person_id=account.person_id), now=now())
    response = account.lead_back("/sign-in?other=yes")
    clear_session(response, settings)
    return response
