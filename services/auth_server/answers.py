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
from auth_server.resources import Resources

log = structlog.get_logger()


def answer_json_error(error: OAuthError, request: Request) -> Response:
    """Answer a refusal as RFC 6749 §5.2 writes it."""
    log.info(
        "refused",
        path=request.scope["path"],
        error=error.code,
        reason=error.description,
        detail=error.detail,
    )
    headers = {"Cache-Control": "no-store", "Pragma": "no-cache"}
    if isinstance(error, InvalidClient) and "authorization" in request.headers:
        headers["WWW-Authenticate"] = 'Basic realm="gatepost"'
    if isinstance(error, TemporarilyUnavailable):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, InvalidToken):
        headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
    body = {"error": error.code, "error_description": error.description}
    return JSONResponse(body, status_code=error.status, headers=headers)


def answer_page_error(error: PageError, request: Request, opened: Resources) -> Response:
    """Answer a refusal as a page."""
    log.info("page_refused", path=request.scope["path"], reason=error.title, detail=error.detail)
    return opened.pages.answer(
        "error.html", status=error.status, title=error.title, text=error.text, code=""
    )
