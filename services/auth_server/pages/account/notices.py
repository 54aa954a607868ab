"""GET and POST /account/notices: choose the notices that come by mail."""

from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import Response

from auth_server.outbox.switches import ALWAYS, SWITCHES
from auth_server.pages.account.frame import Account, posted_account, shown_account
from auth_server.records.people.store import mute_notices
from auth_server.records.tenants.store import list_memberships
from auth_server.records.tenants.table import ADMIN
from auth_server.web.dependencies import Db, ReadingDb, Settings
from auth_server.web.forms import Parameters, read_query
from auth_server.web.posted_form import PostedForm
from auth_server.web.routing import PageRouter

router = PageRouter()
PAGE = "/account/notices"
Page = Annotated[Account, Depends(shown_account(PAGE))]
FORM = PostedForm(repeated=frozenset({"notice"}))
Posted = Annotated[Account, Depends(posted_account(PAGE, "notices", FORM))]


@router.get(PAGE)
async def show_notices(
    request: Request, account: Page, db: ReadingDb, settings: Settings
) -> Response:
    """Show which notices the person gets, and which they can't switch off."""
    memberships = await list_memberships(db, person_id=account.person_id)
    is_admin = any(membership.role == ADMIN for membership in memberships)
    return account.answer(
        "account/notices.html",
        section="notices",
        switches=[each for each in SWITCHES if is_admin or not each.for_admins],
        muted=account.signed_in.person.muted_notices or (),
        always=[title for title, _ in ALWAYS],
        mails=settings.can_send_mail,
        saved=read_query(request).get("saved") is not None,
        proof=account.forms.make("notices"),
    )


@router.post(PAGE)
async def choose_notices(
    account: Posted, form: Annotated[Parameters, Depends(FORM)], db: Db
) -> Response:
    """Store the person's choice of the notices that the page showed."""
    shown, ticked = (form.get("shown") or "").split(), form.all("notice")
    muted = set(account.signed_in.person.muted_notices or ())
    for each in SWITCHES:
        if each.key in shown:
            muted = muted - {each.key} if each.key in ticked else muted | {each.key}
    await mute_notices(db, account.person_id, sorted(muted))
    return account.lead_back(f"{PAGE}?saved=yes")
