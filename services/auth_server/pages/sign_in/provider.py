"""GET /sign-in/with/NAME and GET /sign-in/return/NAME: signing in with a connector."""

import structlog
from fastapi import Request
from starlette.responses import RedirectResponse, Response

from auth_server.connectors.port import Connector, ProviderRequest, SignInRefused
from auth_server.errors import PageError
from auth_server.flow.flow_state import FlowState, over, redeem_flow_state, seal_flow_state
from auth_server.flow.sign_in_purpose import SignInPurpose, resolve_purpose
from auth_server.flow.start_session import start_session
from auth_server.pages.sign_in.page import show
from auth_server.pages.sign_in.resolve_person import resolve_person
from auth_server.records.sessions.table import ONE_FACTOR, TWO_FACTORS, from_provider
from auth_server.runtime import Runtime
from auth_server.web.browser import read_browser, set_browser
from auth_server.web.dependencies import Opened, ReadingDb
from auth_server.web.forms import Parameters, read_query, reject_repeats
from auth_server.web.routing import PageRouter

router = PageRouter()
log = structlog.get_logger()
_STATUS = {"unavailable": 503, "cancelled": 403, "refused": 403}


@router.get("/sign-in/with/{name}")
async def redirect_to_provider(
    name: str, request: Request, db: ReadingDb, opened: Opened
) -> Response:
    """Send the browser to a provider, with a ticket for the way back.

    A link, not a form: `form-action` would hold a form back from where it is redirected.
    """
    connector = _find(name, opened)
    given = read_query(request)
    reject_repeats(given)
    purpose = await resolve_purpose(request, given, db, opened)
    await db.close()
    pending = purpose.pending
    flow_state = FlowState(
        way=name,
        field=purpose.field,
        value=purpose.value,
        nonce=opened.new_secret(),
        secret=opened.new_secret(),
        left_at=int(opened.now().timestamp()),
        fresh=given.get("other") is not None
        or (pending is not None and pending.authorization_request.signed_in_after is not None),
    )
    state = seal_flow_state(flow_state, purpose.browser, opened)
    hint = pending.authorization_request.login_hint if pending else ""
    try:
        url = await connector.authorization_url(
            _departure(flow_state, state, opened, login_hint=hint)
        )
    except SignInRefused as refusal:
        return _refuse(refusal, name, purpose, opened)
    response = RedirectResponse("/", status_code=303)
    response.headers["Location"] = url
    response.headers["Cache-Control"] = "no-store"
    set_browser(response, opened.settings, purpose.browser)
    return response


@router.get("/sign-in/return/{name}")
async def handle_callback(name: str, request: Request, db: ReadingDb, opened: Opened) -> Response:
    """Read whom a provider signed in, and start a session for them.

    What a browser brings back counts once, for ten minutes, and only in the browser that left
    (A35, A141).
    """
    connector = _find(name, opened)
    given = read_query(request)
    reject_repeats(given)
    state, browser = given.get("state"), read_browser(request, opened.settings)
    flow_state = await redeem_flow_state(state, browser, opened, way=name)
    if flow_state is None or state is None:
        raise over()
    purpose_of_authorization = Parameters({flow_state.field: (flow_state.value,)})
    purpose = await resolve_purpose(request, purpose_of_authorization, db, opened)
    await db.close()
    parameters = {key: values[0] for key, values in given.values.items()}
    try:
        asserted = await connector.read_callback(parameters, _departure(flow_state, state, opened))
        async with opened.transaction() as writing:
            person = await resolve_person(writing, asserted, connector.settings, opened)
            return await start_session(
                request,
                purpose,
                person,
                writing,
                opened,
                level=TWO_FACTORS if asserted.two_factors else ONE_FACTOR,
                method=from_provider(name),
            )
    except SignInRefused as refusal:
        return _refuse(refusal, name, purpose, opened)


def _find(name: str, opened: Runtime) -> Connector:
    connector = opened.connectors.get(name)
    if connector is None:
        raise PageError(
            "Page not found",
            "To connect an app, add the service there and follow its link.",
            status=404,
        )
    return connector


def _departure(
    flow_state: FlowState, state: str, opened: Runtime, *, login_hint: str = ""
) -> ProviderRequest:
    return ProviderRequest(
        state=state,
        nonce=flow_state.nonce,
        verifier=flow_state.secret,
        callback=f"{opened.settings.issuer}/sign-in/return/{flow_state.way}",
        left_at=flow_state.left,
        fresh=flow_state.fresh,
        login_hint=login_hint,
    )


def _refuse(refusal: SignInRefused, name: str, purpose: SignInPurpose, opened: Runtime) -> Response:
    log.warning("sign_in_refused", connector=name, reason=str(refusal), client_id=purpose.client_id)
    return show(purpose, opened, refusal=refusal.told, status=_STATUS[refusal.told])
