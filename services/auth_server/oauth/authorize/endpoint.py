"""GET /authorize and GET /authorize/continue."""

from datetime import datetime
from math import ceil
from typing import Annotated

import structlog
from fastapi import Depends, Request
from starlette.responses import RedirectResponse, Response

from auth_server.client_documents.reader import ClientDocuments
from auth_server.errors import AccessDenied, OAuthError, PageError
from auth_server.flow.next_step import (
    AskConsent,
    ChooseAccount,
    ChooseTenant,
    LinkAccount,
    NoTenant,
    NotMember,
    SignIn,
    StepUp,
    UseOwnProvider,
)
from auth_server.flow.openid.silent import refuse_to_ask, turn_back_pending
from auth_server.flow.pending import (
    CONTINUE,
    PendingAuthorization,
    ShownAuthorization,
    record_progress,
)
from auth_server.flow.respond import error_url, turn_back
from auth_server.flow.signed_in import resolve_signed_in
from auth_server.oauth.authorize.checks import CHECKS
from auth_server.oauth.authorize.request import CheckContext, CheckedRequest
from auth_server.rate_limits.buckets import Buckets
from auth_server.records.authorization_requests.store import add_authorization_request
from auth_server.records.authorization_requests.table import AuthorizationRequest
from auth_server.records.clients import redirect_uris
from auth_server.records.people.table import Person
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
    pending: ShownAuthorization,
    pages: LocalizedPages,
    transaction: Transaction,
    settings: Settings,
) -> Response:
    """Redirect the browser to the next page of its authorization request, or back if it wants no page."""
    transaction_id = pending.authorization_request.transaction_id
    if (refusal := refuse_to_ask(pending)) is not None:
        return turn_back_pending(pending, refusal, settings.issuer, pages)
    match pending.step:
        case SignIn():
            page = "/sign-in"
        case ChooseAccount():
            page = "/sign-in/account"
        case ChooseTenant():
            await record_progress(pending, "choose_tenant", transaction)
            page = "/tenant"
        case UseOwnProvider():
            await record_progress(pending, "own_provider", transaction)
            page = "/sign-in/own-provider"
        case StepUp():
            await record_progress(pending, "step_up", transaction)
            page = "/sign-in/more"
        case LinkAccount():
            await record_progress(pending, "link_account", transaction)
            page = "/link"
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
        case NotMember(person):
            await record_progress(pending, "not_member", transaction)
            return _refuse_stranger(pending, person, pages, settings.issuer)
    response = RedirectResponse(
        f"{pending.base}{page}?transaction={transaction_id}", status_code=303
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def _refuse_stranger(
    pending: PendingAuthorization, person: Person, pages: Pages, issuer: str
) -> Response:
    """Say that the person is not a member of the organisation, or that it does not exist.

    Both get the same page, so that nobody learns which tenants exist. The person can go on with another
    account, or take the refusal to the app with a click: anybody can send people here. A device has no
    address to return to, and its code belongs to who typed it.
    """
    asked = pending.authorization_request
    refusal = AccessDenied(
        "the person is not a member of the organisation of this MCP server; check the address of the "
        "server, use another account, or ask an admin of the organisation for an invitation"
    )
    return pages.answer(
        "not_member.html",
        status=403,
        client_name=pending.client.name,
        email=person.known_as,
        resource=asked.resource,
        on_device=pending.device is not None,
        redirect_host=redirect_uris.redirect_host(asked.redirect_uri),
        url=error_url(asked.redirect_uri, refusal, state=asked.state, issuer=issuer),
        transaction=asked.transaction_id,
        sign_out_proof=pending.forms.make("sign-in"),
    )


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
        dpop_jkt=asked.dpop_jkt,
        resource=asked.resource,
        scope=format_scope(asked.scopes),
        login_hint=(asked.parameters.get("login_hint") or "")[:320],
        nonce=asked.nonce,
        signed_in_after=asked.signed_in_after,
        may_be_silent=_may_be_silent(asked, request),
        silent="none" in asked.prompts,
        choose_account="select_account" in asked.prompts,
        wanted_class=asked.wanted_class,
        expected_person=asked.expected_person,
        created_at=now,
        expires_at=now + settings.transaction_lifetime,
    )


def _may_be_silent(asked: CheckedRequest, request: Request) -> bool:
    """Return whether a remembered consent may skip the page: not if another site led here.

    A browser that does not say where it comes from counts as led by another site (A37). Another site
    has to lead it here for `prompt=none`, which is possible for clients that an operator registered:
    nobody else knows their secret, so that nobody else could use the code.
    """
    led_here = request.headers.get("sec-fetch-site") not in {"none", "same-origin"}
    if "none" in asked.prompts and asked.known_client().source == "managed":
        return True
    return not led_here and "consent" not in asked.prompts


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
            console=False,
            status=400,
            title=translatable("This app sent an invalid request"),
            text=translatable(
                "Go back to the app and connect again. If that doesn't help, contact its developer."
            ),
            refusal=error,
        )
    return turn_back(
        asked.known_client(),
        asked.redirect_uri,
        error,
        state=asked.state,
        issuer=issuer,
        pages=pages,
    )
