"""GET /sign-in/with/NAME and GET /sign-in/return/NAME: sign in with a provider."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

import structlog
from fastapi import Depends, Request
from starlette.responses import RedirectResponse, Response

from auth_server.connectors.port import Connector, ProviderRequest, SignInRefused
from auth_server.db.conflict import repeat
from auth_server.errors import PageError
from auth_server.flow.flow_state import FlowState, over
from auth_server.flow.known_browser import Known
from auth_server.flow.sign_in_purpose import Purposes, SignInPurpose
from auth_server.flow.start_session import NewSession
from auth_server.pages.sign_in.page import SignIn, SignInPages
from auth_server.pages.sign_in.resolve_customers_person import resolve_customers_person
from auth_server.pages.sign_in.resolve_person import resolve_person
from auth_server.pages.sign_in.throttle import throttle_of_callback, wait
from auth_server.records.sessions.table import ONE_FACTOR, TWO_FACTORS, from_provider
from auth_server.web.browser import read_browser, set_browser
from auth_server.web.dependencies import ReadingDb, Transaction, part
from auth_server.web.forms import Parameters, read_query, reject_repeats
from auth_server.web.routing import PageRouter

router = PageRouter()
log = structlog.get_logger()
Connectors = Annotated[Mapping[str, Connector], Depends(part(lambda runtime: runtime.connectors))]
_STATUS = {"unavailable": 503, "cancelled": 403, "refused": 403, "unusable tenant": 403}


async def _find(name: str, connectors: Connectors) -> Connector:
    connector = connectors.get(name)
    if connector is None:
        raise PageError(
            "Page not found",
            "To connect an app, add the service there and follow its link.",
            status=404,
        )
    return connector


NamedConnector = Annotated[Connector, Depends(_find)]


@router.get("/sign-in/with/{name}")
async def redirect_to_provider(
    request: Request,
    connector: NamedConnector,
    db: ReadingDb,
    purposes: Purposes,
    pages: SignIn,
) -> Response:
    """Redirect the browser to a provider, with a sealed flow state.

    The page has a link and not a form, because `form-action` would block the redirect of a form.
    """
    name, given = connector.settings.name, read_query(request)
    reject_repeats(given)
    purpose = await purposes.resolve(given, db)
    await db.close()
    pending = purpose.pending
    fresh = pending is not None and pending.authorization_request.signed_in_after is not None
    flow_state = pages.begin_flow(
        purpose, name, nonce=pages.new_secret(), secret=pages.new_secret(), fresh=fresh
    )
    state = pages.sealer.seal(flow_state, purpose.browser)
    other = given.get("other") is not None
    hint = "" if other else (given.get("login_hint") or "")[:320]
    if pending and not other:
        hint = hint or pending.authorization_request.login_hint
    request_there = replace(
        _departure(flow_state, state, pages.settings.issuer), other=other, login_hint=hint
    )
    try:
        url = await connector.authorization_url(request_there)
    except SignInRefused as refusal:
        return _refuse(refusal, name, purpose, pages)
    response = RedirectResponse("/", status_code=303)
    response.headers["Location"] = url
    response.headers["Cache-Control"] = "no-store"
    set_browser(response, pages.settings, purpose.browser)
    return response


@router.get("/sign-in/return/{name}")
async def handle_callback(
    request: Request,
    connector: NamedConnector,
    db: ReadingDb,
    purposes: Purposes,
    pages: SignIn,
    transaction: Transaction,
    new_session: NewSession,
    known: Known,
) -> Response:
    """Read a provider's response, and start a session for the person.

    A response is valid once, for ten minutes, and only in the browser that was sent (A35, A141).
    """
    name, given = connector.settings.name, read_query(request)
    reject_repeats(given)
    # 1. Open the state, and use it up.
    state, browser = given.get("state"), read_browser(request, pages.settings)
    flow_state = await pages.sealer.redeem(state, browser, transaction, way=name)
    if flow_state is None or state is None:
        raise over()
    named = Parameters({flow_state.field: (flow_state.value,)})
    purpose = await purposes.resolve(named, db)
    await db.close()
    # 2. Limit the refusals of one address, since each costs the provider a request.
    throttle = throttle_of_callback(request, pages.settings)
    async with transaction() as counting:
        until = await throttle.admit(counting, now=pages.sealer.now())
    if until is not None:
        log.info("sign_in_throttled", client_id=purpose.client_id)
        return wait(
            until,
            pages.sealer.now(),
            lambda minutes: pages.show(purpose, refusal="too often", minutes=minutes, status=429),
        )
    # 3. Ask the provider who signed in.
    parameters = {key: values[0] for key, values in given.values.items()}
    try:
        asserted = await connector.read_callback(
            parameters, _departure(flow_state, state, pages.settings.issuer)
        )

        async def start() -> Response:
            async with transaction() as writing:
                await throttle.give_back(writing)
                if name in pages.settings.customers_providers:
                    person = await resolve_customers_person(
                        writing, asserted, name, now=pages.sealer.now()
                    )
                else:
                    person = await resolve_person(
                        writing,
                        asserted,
                        connector.settings,
                        lifetime=pages.settings.longest_token_lifetime,
                        now=pages.sealer.now(),
                    )
                response = await new_session.start(
                    writing,
                    person,
                    purpose,
                    level=TWO_FACTORS if asserted.two_factors else ONE_FACTOR,
                    method=from_provider(name),
                )
                known.remember(response, person.person_id)
                return response

        # Two people of a new tenant may sign in at the same moment.
        return await repeat(start)
    except SignInRefused as refusal:
        if refusal.told != "refused":
            async with transaction() as counting:
                await throttle.give_back(counting)
        return _refuse(refusal, name, purpose, pages)


def _departure(flow_state: FlowState, state: str, issuer: str) -> ProviderRequest:
    return ProviderRequest(
        state=state,
        nonce=flow_state.nonce,
        verifier=flow_state.secret,
        callback=f"{issuer}/sign-in/return/{flow_state.way}",
        left_at=flow_state.left,
        fresh=flow_state.fresh,
    )


def _refuse(
    refusal: SignInRefused, name: str, purpose: SignInPurpose, pages: SignInPages
) -> Response:
    log.warning("sign_in_refused", connector=name, reason=str(refusal), client_id=purpose.client_id)
    return pages.show(purpose, refusal=refusal.told, status=_STATUS[refusal.told])
