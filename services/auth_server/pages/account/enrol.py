"""GET /account/security/enrol: set up a second factor because a tenant requires it, and go on."""

from fastapi import Request
from starlette.responses import Response

from auth_server.errors import PageError
from auth_server.flow.flow_state import Sealer
from auth_server.flow.next_step import StepUp
from auth_server.flow.sign_in_purpose import Purposes
from auth_server.pages.account.frame import Accounts
from auth_server.pages.account.onward import ENROL, read_onward
from auth_server.pages.account.security import offer_new_passkey, require_recent_sign_in
from auth_server.records.second_factors.store import has_second_factor
from auth_server.records.sessions.table import ONE_FACTOR, TWO_FACTORS
from auth_server.web.browser import read_browser, set_browser
from auth_server.web.dependencies import ReadingDb, SecretMaker
from auth_server.web.forms import read_query
from auth_server.web.routing import PageRouter

router = PageRouter()


@router.get(ENROL)
async def show_enrolment(
    request: Request,
    db: ReadingDb,
    accounts: Accounts,
    purposes: Purposes,
    sealer: Sealer,
    new_secret: SecretMaker,
) -> Response:
    """Offer an authenticator app and a passkey; whoever has a second factor goes on at once."""
    query = read_query(request)
    onward = read_onward(query)
    account = await require_recent_sign_in(accounts, db, onward.on(ENROL))
    signed_in, settings = account.signed_in, accounts.settings
    if signed_in.session.level >= TWO_FACTORS or await has_second_factor(db, account.person_id):
        return account.lead_back(onward.page)
    if signed_in.person.password_hash is None:
        raise PageError(
            "Two-step verification required",
            "Set it up at the service that you sign in with, then sign out and sign in again.",
            status=403,
        )
    purpose = await purposes.resolve(query, db) if onward.field == "transaction" else None
    step = purpose.pending.step if purpose and purpose.pending else None
    if purpose is not None and not isinstance(step, StepUp):
        return account.lead_back(onward.page)
    browser = read_browser(request, settings) or new_secret()
    response = account.answer(
        "account/enrol.html",
        section="security",
        onward=onward,
        membership=step.membership if isinstance(step, StepUp) else None,
        lost=signed_in.session.level < ONE_FACTOR,
        several_tenants=isinstance(step, StepUp) and len(step.memberships) > 1,
        client_name=purpose.pending.client.name if purpose and purpose.pending else None,
        transaction=onward.value,
        sign_out_proof=purpose.forms.make("sign-in") if purpose else None,
        passkey=offer_new_passkey(signed_in.person, [], settings, sealer, browser, new_secret()),
        proof=account.forms.make("security"),
    )
    set_browser(response, settings, browser)
    return response
