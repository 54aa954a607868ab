"""Turn errors into responses: JSON for programs, a page for people."""

from typing import cast
from urllib.parse import urlencode

import structlog
from fastapi import FastAPI
from sqlalchemy.exc import InterfaceError, OperationalError, TimeoutError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from auth_server.db.conflict import MOST_ATTEMPTS, Conflict
from auth_server.db.raw_sql import DatabaseUnavailable
from auth_server.errors import (
    DpopNonceRequired,
    EnrolmentRequired,
    InsufficientScope,
    InvalidClient,
    InvalidToken,
    OAuthError,
    OwnProviderRequired,
    PageError,
    SignInRequired,
    TemporarilyUnavailable,
    TooManyRequests,
    UseDpopNonce,
)
from auth_server.rendering.translation import translatable
from auth_server.web.address import address_of
from auth_server.web.dependencies import localized_pages, runtime_of
from auth_server.web.routing import Paths
from gatepost.proofs.dpop import ALGORITHMS

log = structlog.get_logger()
_ATTEMPT = "gatepost.attempt"
_ALGS = f'algs="{" ".join(ALGORITHMS)}"'
OUTAGES = (DatabaseUnavailable, OperationalError, InterfaceError, TimeoutError)
"""The errors of a database that is down or can't be reached."""


def count_denial(request: Request, error: str, *, spent: str = "") -> None:
    """Count a refusal for the audit log and the metrics; `spent` is the setting of a spent limit."""
    runtime = runtime_of(request)
    if spent:
        runtime.denials.spent[spent] += 1
    address = address_of(request, runtime.settings)
    runtime.denials.count(request.scope["path"], error, address)


def answer_json_error(error: OAuthError, request: Request) -> Response:
    """Make the JSON response to a refusal (RFC 6749 §5.2)."""
    log.info(
        "refused",
        path=request.scope["path"],
        error=error.code,
        reason=error.description,
        detail=error.detail,
    )
    spent = error.setting if isinstance(error, TooManyRequests) else ""
    count_denial(request, error.code, spent=spent)
    headers = {"Cache-Control": "no-store", "Pragma": "no-cache"}
    if isinstance(error, InvalidClient) and "authorization" in request.headers:
        headers["WWW-Authenticate"] = 'Basic realm="gatepost"'
    if isinstance(error, TemporarilyUnavailable):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, UseDpopNonce):
        headers["DPoP-Nonce"] = error.nonce
    if isinstance(error, DpopNonceRequired):
        headers["WWW-Authenticate"] = f'DPoP error="{error.code}", {_ALGS}'
    if isinstance(error, InvalidToken | InsufficientScope):
        scope = f', scope="{error.scope}"' if isinstance(error, InsufficientScope) else ""
        algs = f", {_ALGS}" if error.scheme == "DPoP" else ""
        headers["WWW-Authenticate"] = f'{error.scheme} error="{error.code}"{scope}{algs}'
    body = {"error": error.code, "error_description": error.description}
    return JSONResponse(body, status_code=error.status, headers=headers)


def answer_page_error(error: PageError, request: Request) -> Response:
    """Make the page for a refusal."""
    log.info("page_refused", path=request.scope["path"], reason=error.title, detail=error.detail)
    if error.status not in {404, 405} and error.status < 500:
        count_denial(request, error.title)
    page = localized_pages(request).answer(
        "error.html",
        status=error.status,
        title=error.title,
        text=error.text,
        refusal=None,
        console=error.status in {404, 405} and _is_of_console(request),
    )
    if error.retry_after is not None:
        page.headers["Retry-After"] = str(error.retry_after)
    return page


def add_error_handlers(app: FastAPI, machine_paths: Paths) -> None:
    """Handle every error: with JSON on the paths that programs call, with a page elsewhere."""
    app.state.machine_paths = machine_paths
    app.add_exception_handler(OAuthError, _answer_oauth_error)
    app.add_exception_handler(PageError, _answer_page)
    app.add_exception_handler(SignInRequired, _lead_to_sign_in)
    app.add_exception_handler(EnrolmentRequired, _lead_to_page)
    app.add_exception_handler(OwnProviderRequired, _lead_to_page)
    app.add_exception_handler(HTTPException, _answer_http_error)
    for outage in OUTAGES:
        app.add_exception_handler(outage, _answer_outage)
    app.add_exception_handler(Conflict, _answer_conflict)


def _is_for_machines(request: Request) -> bool:
    return request.scope["path"] in request.app.state.machine_paths


def _is_of_console(request: Request) -> bool:
    return f"{request.scope['path']}/".startswith("/console/")


async def _answer_oauth_error(request: Request, error: Exception) -> Response:
    refusal = cast("OAuthError", error)
    if _is_for_machines(request):
        return answer_json_error(refusal, request)
    reason = f"{refusal.description[:1].upper()}{refusal.description[1:]}."
    page = PageError("Invalid request", reason, detail=refusal.detail)
    return answer_page_error(page, request)


async def _answer_page(request: Request, error: Exception) -> Response:
    return answer_page_error(cast("PageError", error), request)


async def _lead_to_sign_in(request: Request, error: Exception) -> Response:
    required = cast("SignInRequired", error)
    query = urlencode({"return_to": required.return_to})
    if required.second_factor:
        query += "&second_factor=yes"
    url = f"{runtime_of(request).settings.path}/sign-in?{query}"
    return RedirectResponse(url, status_code=303, headers={"Cache-Control": "no-store"})


async def _lead_to_page(request: Request, error: Exception) -> Response:
    required = cast("EnrolmentRequired | OwnProviderRequired", error)
    url = f"{runtime_of(request).settings.path}{required.page}"
    return RedirectResponse(url, status_code=303, headers={"Cache-Control": "no-store"})


async def _answer_http_error(request: Request, error: Exception) -> Response:
    status = cast("HTTPException", error).status_code
    headers = cast("HTTPException", error).headers
    if _is_for_machines(request):
        body = {"error": "invalid_request", "error_description": f"HTTP {status} for this path"}
        return JSONResponse(body, status_code=status, headers=headers)
    page = PageError(
        translatable("Page not found")
        if status == 404
        else translatable("This action isn't available"),
        translatable("The console has no page at this address.")
        if _is_of_console(request)
        else translatable("To connect an app, add the service there and follow its link."),
        status=status,
    )
    return answer_page_error(page, request)


async def _answer_outage(request: Request, error: Exception) -> Response:
    # 503, never invalid_grant, because clients discard their tokens after invalid_grant.
    log.error("database_unavailable", kind=type(error).__name__, path=request.scope["path"])
    if _is_for_machines(request):
        refusal = TemporarilyUnavailable("a part of this server is unavailable; try again")
        return answer_json_error(refusal, request)
    page = PageError(
        "Sign-in is temporarily unavailable",
        "Part of this service is down. Connected apps keep working. Reload this page in a minute.",
        status=503,
    )
    return answer_page_error(page, request)


class _Repeated(Response):
    """Answers a request by handling it again from the start."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        again = {**scope, _ATTEMPT: scope.get(_ATTEMPT, 1) + 1}
        await scope["app"].router(again, receive, send)


async def _answer_conflict(request: Request, error: Exception) -> Response:
    # Programs repeat by themselves, and their assertions are valid once.
    if _is_for_machines(request) or request.scope.get(_ATTEMPT, 1) >= MOST_ATTEMPTS:
        return await _answer_outage(request, error)
    log.info("conflict_repeated", path=request.scope["path"])
    return _Repeated()


async def answer_fault(request: Request, _: Exception) -> Response:
    """Make the response to a fault of this server, which only the log describes."""
    if _is_for_machines(request):
        body = {"error": "server_error", "error_description": "something failed on this server"}
        return JSONResponse(body, status_code=500, headers={"Cache-Control": "no-store"})
    page = PageError(
        "Something went wrong on our end", "Go back to your app and try again.", status=500
    )
    return answer_page_error(page, request)
