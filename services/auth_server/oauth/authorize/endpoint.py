"""GET /authorize and GET /authorize/continue."""

from datetime import datetime
from math import ceil
from typing import Annotated

import structlog
from fastapi import Depends, Request
from starlette.responses import RedirectResponse, Response

from auth_server.client_documents.reader import ClientDocuments
from auth_server.errors import OAuthError, PageError
from auth_server.flow.next_step import (
    AskConsent,
    ChooseTenant,
    NoTenant,
    SignIn,
    StepUp,
    UseOwnProvider,
)
from auth_server.flow.pending import CONTINUE, ShownAuthorization, record_progress
from auth_server.flow.respond import error_url
from auth_server.flow.signed_in import resolve_signed_in
from auth_server.oauth.authorize.checks import CHECKS
from auth_server.oauth.authorize.request import CheckContext, CheckedRequest
from auth_server.rate_limits.buckets import Buckets
from auth_server.records.authorization_requests.store import add_authorization_request
from auth_server.records.authorization_requests.table import AuthorizationRequest
from auth_server.records.clients import redirect_uris
from auth_server.records.clients.table import Client
from auth_server.records.sessions.store import touch_session
from auth_server.rendering.render import Pages
from auth_server.rendering.translation import translatable
from auth_server.secrets import hash_secret
from auth_server.settings import AuthServerSettings
from auth_server.web.address import address_of
from auth_server.web.answers import count_denial
from auth_server.web.browser import read_browser, set_browser, set_language
from auth_server.web.dependencies import (
    Clock,
    Db,
    LocalizedPages,
    OpenDatabase,
    SecretMaker,
    Settings,
    Transaction,
    part,
)
from auth_server.web.forms import read_query
from auth_server.web.routing import PageRouter
from gatepost.scopes import format_scope

router = PageRouter()
log = structlog.get_logger()


Begun = Annotated[Buckets, Depends(part(lambda runtime: runtime.begun))]
Documents = Annotated[ClientDocuments, Depends(part(lambda runtime: runtime.documents))]


async def _limit(request: Request, settings: Settings, clock: Clock, begun: Begun) -> None:
    address, now = address_of(request, settings), clock()
    wait = begun.wait(address, now)
    if wait > 0:
        raise PageError(
            "Too many connection attempts",
            "Your network started too many connections. Try again in a minute.",
            status=429,
            detail="the limit is the setting authorizations_per_minute",
            retry_after=ceil(wait),
        )
    begun.take(address, now)


@router.get("/authorize", dependencies=[Depends(_limit)])
async def authorize(
    request: Request,
    db: Db,
    database: OpenDatabase,
    settings: Settings,
    documents: Documents,
    pages: LocalizedPages,
    now: Clock,
    new_secret: SecretMaker,
) -> Response:
    """Check an authorization request, store it, and redirect the browser (OAuth 2.1 §4.1.1).

    It is safe to repeat: each call stores a separate authorization request.
    """
    address = address_of(request, settings)
    context = CheckContext(db, database, settings, documents, address, now)
    try:
        asked = CheckedRequest(read_query(request))
    except OAuthError as error:
        return _refuse(error, None, request, pages, settings.issuer)
    try:
        for check in CHECKS:
            asked = await check(asked, context)
    except OAuthError as error:
        return _refuse(error, asked, request, pages, settings.issuer)
    if signed_in := await resolve_signed_in(request, db, settings, now()):
        await touch_session(db, signed_in.session.session_hash, now=now())
    browser = read_browser(request, settings) or new_secret()
    transaction_id = new_secret()
    stored = _authorization_request(asked, request, browser, transaction_id, settings, now())
    await add_authorization_request(db, stored)
    response = RedirectResponse(
        f"{settings.path}{CONTINUE}?transaction={transaction_id}", status_code=303
    )
    response.headers["Cache-Control"] = "no-store"
    set_browser(response, settings, browser)
    if "ui_locales" in asked.parameters.values:
        set_language(response, settings, pages.language)
    return response


@router.get(CONTINUE)
async def continue_authorization(
    pending: ShownAuthorization, pages: LocalizedPages, transaction: Transaction
) -> Response:
    """Redirect the browser to the next page of its authorization request."""
    transaction_id = pending.authorization_request.transaction_id
    match pending.step:
        case SignIn():
            page = "/sign-in"
        case ChooseTenant():
            await record_progress(pending, "choose_tenant", transaction)
            page = "/tenant"
        case UseOwnProvider():
            await record_progress(pending, "own_provider", transaction)
            page = "/sign-in/own-provider"
        case StepUp():
            await record_progress(pending, "step_up", transaction)
            page = "/sign-in/more"
        case AskConsent():
            await record_progress(pending, "consent", transaction)
            page = "/consent"
        case NoTenant(person):
            await record_progress(pending, "no_tenant", transaction)
            return pages.answer(
                "no_tenant.html",
                status=403,
                email=person.known_as,
                transaction=transaction_id,
                sign_out_proof=pending.forms.make("sign-in"),
            )
    response = RedirectResponse(
        f"{pending.base}{page}?transaction={transaction_id}", status_code=303
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def _authorization_request(
    asked: CheckedRequest,
    request: Request,
    browser: str,
    transaction_id: str,
    settings: AuthServerSettings,
    now: datetime,
) -> AuthorizationRequest:
    return AuthorizationRequest(
        transaction_id=transaction_id,
        browser_hash=hash_secret(browser),
        client_id=asked.known_client().client_id,
        redirect_uri=asked.redirect_uri or "",
        state=asked.state,
        code_challenge=asked.code_challenge,
        resource=asked.resource,
        scope=format_scope(asked.scopes),
        login_hint=(asked.parameters.get("login_hint") or "")[:320],
        signed_in_after=asked.signed_in_after,
        may_be_silent=_may_be_silent(asked, request),
        created_at=now,
        expires_at=now + settings.transaction_lifetime,
    )


def _may_be_silent(asked: CheckedRequest, request: Request) -> bool:
    """Return whether a remembered consent may skip the page: not if another site led here.

    A browser that does not say where it comes from counts as led by another site (A37).
    """
    led_here = request.headers.get("sec-fetch-site") not in {"none", "same-origin"}
    prompts = (asked.parameters.get("prompt") or "").split()
    return not led_here and "consent" not in prompts


def _refuse(
    error: OAuthError, asked: CheckedRequest | None, request: Request, pages: Pages, issuer: str
) -> Response:
    client_id = asked.parameters.get("client_id") if asked else None
    log.info(
        "authorize_refused",
        error=error.code,
        reason=error.description,
        detail=error.detail,
        client_id=(client_id or "")[:200],
    )
    count_denial(request, error.code)
    if asked is None or asked.redirect_uri is None:
        return pages.answer(
            "error.html",
            status=400,
            title=translatable("This app sent an invalid request"),
            text=translatable(
                "Go back to the app and connect again. If that doesn't help, contact its developer."
            ),
            refusal=error,
        )
    url = error_url(asked.redirect_uri, error, state=asked.state, issuer=issuer)
    if not _may_redirect(asked.known_client(), asked.redirect_uri):
        return pages.answer(
            "turned_back.html",
            status=400,
            refusal=error,
            redirect_host=redirect_uris.redirect_host(asked.redirect_uri),
            url=url,
        )
    response = RedirectResponse("/", status_code=303)
    # Set by hand, because the registered URI must be sent byte for byte, without re-quoting.
    response.headers["Location"] = url
    response.headers["Cache-Control"] = "no-store"
    return response


def _may_redirect(client: Client, redirect_uri: str) -> bool:
    """Return whether a refusal may redirect a browser without a click (RFC 9700 §4.11.2).

    Anybody can register a client and send people a link to this server, which would redirect them
    to an address of the sender's choice.
    """
    return client.source == "managed" or redirect_uris.is_loopback(redirect_uri)
