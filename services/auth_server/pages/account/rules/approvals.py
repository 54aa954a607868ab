"""/account/organisation/approvals: an admin approves or declines the calls that wait."""

from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import Response

from auth_server.db.engine import DbSession
from auth_server.keys import Keys
from auth_server.pages.account.admin import PAGE as ORGANISATION
from auth_server.pages.account.admin import (
    Admin,
    posted_admin,
    require_admin,
    require_level,
)
from auth_server.pages.account.frame import Accounts
from auth_server.tenancy.call_approvals import PAGE, answer_call, read_waiting_calls
from auth_server.tenancy.change_policy import ChangeRefused
from auth_server.web.dependencies import Clock, Db, KeysInUse, ReadingDb
from auth_server.web.forms import read_query
from auth_server.web.posted_form import Form, PostedForm
from auth_server.web.routing import PageRouter
from gatepost.clock import Now

router = PageRouter()
PostedAdmin = Annotated[Admin, Depends(posted_admin(PostedForm()))]


@router.get(PAGE)
async def show_approvals(
    request: Request, db: ReadingDb, accounts: Accounts, keys: KeysInUse, now: Clock
) -> Response:
    """List the calls that wait, the oldest first."""
    query = read_query(request)
    tenant_id = query.get("tenant")
    admin = await require_admin(accounts, tenant_id, db)
    require_level(admin.account.signed_in, admin.membership, _page(admin), acts=True)
    return await _answer(admin, db, keys, now, done=query.get("done"))


@router.post(PAGE)
async def answer_approval(
    form: Form, admin: PostedAdmin, db: Db, keys: KeysInUse, now: Clock
) -> Response:
    """Approve or decline one call."""
    require_level(admin.account.signed_in, admin.membership, _page(admin), acts=True)
    approve = form.get("approve")
    approval_id = approve if approve is not None else form.get("decline") or ""
    try:
        await answer_call(
            db,
            admin.membership.tenant_id,
            approval_id,
            approved=approve is not None,
            by=admin.person_id,
            now=now(),
        )
    except ChangeRefused as error:
        return await _answer(admin, db, keys, now, refused=str(error))
    done = "declined" if approve is None else "approved"
    return admin.account.lead_back(f"{_page(admin)}&done={done}")


def _page(admin: Admin) -> str:
    return admin.page.replace(ORGANISATION, PAGE)


async def _answer(
    admin: Admin,
    db: DbSession,
    keys: Keys,
    now: Now,
    *,
    done: str | None = None,
    refused: str = "",
) -> Response:
    calls = await read_waiting_calls(db, admin.membership.tenant_id, keys=keys, now=now())
    return admin.account.answer(
        "account/approvals.html",
        section="organisations",
        status=400 if refused else 200,
        membership=admin.membership,
        calls=calls,
        done=done,
        refused=refused,
        proof=admin.proof(),
    )
