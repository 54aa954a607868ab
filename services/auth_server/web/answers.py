"""Errors to responses, once for each audience: JSON for clients, a page for people."""

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from auth_server.errors import (
    InvalidClient,
    InvalidToken,
    OAuthError,
    PageError,
    TemporarilyUnavailable,
)
from auth_server.runtime import Runtime
from auth_server.web.address import address_of
from auth_server.web.dependencies import runtime_of

log = structlog.get_logger()


def count_denial(request: Request, error: str) -> None:
    """Have the audit log tell of a refusal, with others of its kind."""
    opened = runtime_of(request)
    address = address_of(request, opened.settings)
    opened.denials.count(request.scope["path"], error, address)


def answer_json_error(error: OAuthError, request: Request) -> Response:
    """Answer a refusal as RFC 6749 §5.2 writes it."""
    log.info(
        "refused",
        path=request.scope["path"],
        error=error.code,
        reason=error.description,
        detail=error.detail,
    )
    count_denial(request, error.code)
    headers = {"Cache-Control": "no-store", "Pragma": "no-cache"}
    if isinstance(error, InvalidClient) and "authorization" in request.headers:
        headers["WWW-Authenticate"] = 'Basic realm="gatepost"'
    if isinstance(error, TemporarilyUnavailable):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, InvalidToken):
        headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
    body = {"error": error.code, "error_description": error.description}
    return JSONResponse(body, status_code=error.status, headers=headers)


def answer_page_error(error: PageError, request: Request, opened: Runtime) -> Response:
    """Answer a refusal as a page."""
    log.info("page_refused", path=request.scope["path"], reason=error.title, detail=error.detail)
    if error.status not in {404, 405} and error.status < 500:
        count_denial(request, error.title)
    page = opened.pages.answer(
        "error.html", status=error.status, title=error.title, text=error.text, refusal=None
    )
    if error.retry_after is not None:
        page.headers["Retry-After"] = str(error.retry_after)
    return page
