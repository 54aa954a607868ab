"""POST /account/plan/ask and /account/plan/requests: a member asks for more, an admin has seen it."""

from starlette.responses import Response

from auth_server.pages.account.plan.viewer import PAGE, PostedAdmin, PostedMember
from auth_server.records.plan_requests.store import drop_requests, put_request
from auth_server.web.dependencies import Clock, Transaction
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

router = PageRouter()


@router.post(f"{PAGE}/ask")
async def ask_admins(
    form: Form, viewer: PostedMember, transaction: Transaction, now: Clock
) -> Response:
    """Store a member's request, which the admins see on their page."""
    async with transaction() as db:
        await put_request(db, viewer.tenant_id, viewer.person_id, now=now())
    return viewer.account.lead_back(f"{viewer.page}&done=asked")


@router.post(f"{PAGE}/requests")
async def dismiss_requests(form: Form, viewer: PostedAdmin, transaction: Transaction) -> Response:
    """Delete the requests that an admin has seen."""
    async with transaction() as db:
        await drop_requests(db, viewer.tenant_id)
    return viewer.account.lead_back(viewer.page)
