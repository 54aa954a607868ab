"""GET and POST /sign-in/recovery/cancel, POST /account/security/recovery: cancel a recovery.

The mail's link has no secret: whoever knows it can cancel the recovery and do nothing else.
"""

from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import Response

from auth_server.accounts.recover_factors import CANCEL, cancel_recovery
from auth_server.flow.sign_in_purpose import Purposes, SignInPurpose
from auth_server.pages.account.frame import Account, posted_account
from auth_server.pages.sign_in.page import SignIn, SignInPages
from auth_server.records.factor_recoveries.store import find_recovery_by_id
from auth_server.records.factor_recoveries.table import FactorRecovery
from auth_server.records.people.store import find_person
from auth_server.web.browser import set_browser
from auth_server.web.dependencies import Clock, Db, ReadingDb
from auth_server.web.forms import Parameters, read_query
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

router = PageRouter()
SECURITY = "/account/security"
Posted = Annotated[Account, Depends(posted_account(SECURITY, "cancel-recovery"))]


@router.get(CANCEL)
async def show_offer(
    request: Request, db: ReadingDb, purposes: Purposes, pages: SignIn, now: Clock
) -> Response:
    """Offer to cancel; opening the link cancels nothing, because mail scanners open links too."""
    recovery_id = read_query(request).get("id") or ""
    recovery = await find_recovery_by_id(db, recovery_id, now=now())
    return _show(await purposes.resolve(Parameters({}), db), pages, recovery)


@router.post(CANCEL)
async def cancel(form: Form, db: Db, purposes: Purposes, pages: SignIn, now: Clock) -> Response:
    """Cancel the recovery that the mail names."""
    purpose, recovery_id = await purposes.resolve(Parameters({}), db), form.get("id") or ""
    purpose.forms.require(form.get("proof"), "cancel-recovery", recovery_id)
    recovery = await find_recovery_by_id(db, recovery_id, now=now())
    person = await find_person(db, recovery.person_id) if recovery else None
    if person is None:
        return _show(purpose, pages, None)
    await cancel_recovery(db, person, now=now())
    return _show(purpose, pages, None, cancelled=True)


@router.post(f"{SECURITY}/recovery")
async def cancel_own(account: Posted, db: Db, now: Clock) -> Response:
    """Cancel the recovery of the signed-in person."""
    await cancel_recovery(db, account.signed_in.person, now=now())
    return account.lead_back(SECURITY)


def _show(
    purpose: SignInPurpose,
    pages: SignInPages,
    recovery: FactorRecovery | None,
    *,
    cancelled: bool = False,
) -> Response:
    recovery_id = recovery.recovery_id if recovery else ""
    response = pages.pages.answer(
        "recovery_cancel.html",
        status=200 if recovery or cancelled else 404,
        recovery=recovery,
        cancelled=cancelled,
        proof=purpose.forms.make("cancel-recovery", recovery_id),
    )
    set_browser(response, pages.settings, purpose.browser)
    return response
