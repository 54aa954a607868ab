"""GET /account and POST /account/sign-out."""

from fastapi import Request
from starlette.responses import Response

from auth_server.pages.account.frame import lead_back, require_account_proof, require_signed_in
from auth_server.records.audit.store import Audit, record
from auth_server.records.sessions.store import end_session
from auth_server.web.browser import clear_session
from auth_server.web.dependencies import Db, Opened
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

router = PageRouter()


@router.get("/account")
async def lead_to_apps(opened: Opened) -> Response:
    """Send the browser to the first of the account pages."""
    return lead_back(opened, "/account/apps")


@router.post("/account/sign-out")
async def sign_out(request: Request, db: Db, opened: Opened, form: Form) -> Response:
    """End this browser's session."""
    signed_in = await require_signed_in(request, db, opened, page="/account/apps")
    require_account_proof(form.get("proof"), signed_in, opened, "sign-out")
    await end_session(db, signed_in.session.session_hash, now=opened.now())
    await record(db, Audit("signed_out", person_id=signed_in.person.person_id), now=opened.now())
    response = lead_back(opened, "/sign-in?other=yes")
    clear_session(response, opened.settings)
    return response
