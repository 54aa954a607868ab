"""POST /account/security/passkeys: store a passkey that the browser has made."""

from fastapi import Request
from starlette.responses import Response

from auth_server.errors import PageError
from auth_server.flow.flow_state import Sealer, over
from auth_server.flow.passkeys import read_passkey
from auth_server.flow.start_session import NewSession
from auth_server.flow.user_agent import describe_user_agent
from auth_server.pages.account.onward import read_onward
from auth_server.pages.account.security import PAGE, PostedChange
from auth_server.records.audit.store import Audit, record
from auth_server.records.factor_recoveries.store import drop_recovery
from auth_server.records.flow_states.store import use_flow_state
from auth_server.records.second_factors.store import add_passkey
from auth_server.records.sessions.table import TWO_FACTORS
from auth_server.secrets import hash_secret
from auth_server.tenancy.own_provider import forget_break_glass
from auth_server.web.browser import read_browser
from auth_server.web.dependencies import Db, Settings
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

router = PageRouter()


@router.post(f"{PAGE}/passkeys")
async def keep_passkey(
    request: Request,
    form: Form,
    account: PostedChange,
    db: Db,
    settings: Settings,
    sealer: Sealer,
    new_session: NewSession,
) -> Response:
    """Store a passkey, and begin a session with two factors, which making the passkey has proved."""
    person, text, now = account.signed_in.person, form.get("ticket") or "", sealer.now()
    flow_state = sealer.unseal(text, read_browser(request, settings))
    if flow_state is None or (flow_state.way, flow_state.value) != (
        "new passkey",
        person.person_id,
    ):
        raise over()
    if not await use_flow_state(db, hash_secret(text), expires_at=flow_state.until):
        raise over()
    described = describe_user_agent(request.headers.get("user-agent", ""))
    name = " · ".join(filter(None, (described.browser, described.system))) or "Passkey"
    passkey = read_passkey(
        form.get("credential") or "", flow_state, person, name[:100], settings, now
    )
    if passkey is None or not await add_passkey(db, passkey):
        raise PageError(
            "This passkey can't be used",
            "Nothing was changed. Go back, reload the page and try again.",
        )
    added = Audit("second_factor.added", person_id=person.person_id, detail={"factor": "passkey"})
    await record(db, added, now=now)
    await drop_recovery(db, person.person_id)
    await forget_break_glass(db, person.person_id, now=now)
    secret, _ = await new_session.begin(
        db, person, level=TWO_FACTORS, method="passkey", factor_added_at=now
    )
    response = account.lead_back(read_onward(form).page)
    new_session.set_cookie(response, secret)
    return response
