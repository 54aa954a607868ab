"""The errors of SCIM, and their JSON form (RFC 7644 §3.12)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, cast

import structlog
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from auth_server.db.conflict import Conflict
from auth_server.directory.acting import DirectoryRefused
from auth_server.errors import InvalidToken, TooManyRequests
from auth_server.records.directory.conditions import UnusableCondition
from auth_server.web.answers import OUTAGES, count_denial

ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
MEDIA_TYPE = "application/scim+json"
log = structlog.get_logger()


class ScimError(Exception):
    """A request is refused.

    Attributes:
        status: the HTTP status.
        scim_type: the kind of a 400 or 409 (RFC 7644 §3.12, table 9); empty for others.
    """

    def __init__(self, status: int, detail: str, scim_type: str = "") -> None:
        """Take the status, a text for people, and the kind."""
        super().__init__(detail)
        self.status = status
        self.scim_type = scim_type


def invalid(detail: str, scim_type: str = "invalidValue") -> ScimError:
    """Make the refusal of a value."""
    return ScimError(400, detail, scim_type)


def answer(
    body: Mapping[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Make a JSON response."""
    return JSONResponse(
        body,
        status_code=status,
        media_type=MEDIA_TYPE,
        headers={
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            **(headers or {}),
        },
    )


def answer_error(
    status: int, detail: str, *, scim_type: str = "", headers: Mapping[str, str] | None = None
) -> Response:
    """Make the response to a refusal."""
    body = {"schemas": [ERROR], "status": str(status), "detail": detail}
    if scim_type:
        body["scimType"] = scim_type
    return answer(body, status=status, headers=headers)


def add_scim_handlers(app: FastAPI) -> None:
    """Answer every error in SCIM's form."""
    app.add_exception_handler(ScimError, _answer_refusal)
    app.add_exception_handler(DirectoryRefused, _answer_directory)
    app.add_exception_handler(UnusableCondition, _answer_condition)
    app.add_exception_handler(InvalidToken, _answer_invalid_token)
    app.add_exception_handler(TooManyRequests, _answer_too_many)
    app.add_exception_handler(HTTPException, _answer_http_error)
    app.add_exception_handler(Exception, _answer_fault)
    for outage in (*OUTAGES, Conflict):
        app.add_exception_handler(outage, _answer_outage)


async def _answer_refusal(request: Request, error: Exception) -> Response:
    refusal = cast("ScimError", error)
    log.info("scim_refused", path=request.scope["path"], reason=str(refusal))
    return answer_error(refusal.status, str(refusal), scim_type=refusal.scim_type)


async def _answer_directory(request: Request, error: Exception) -> Response:
    kind = cast("DirectoryRefused", error).kind
    status = 409 if kind == "uniqueness" else 400
    return await _answer_refusal(request, ScimError(status, str(error), kind))


async def _answer_condition(request: Request, error: Exception) -> Response:
    return await _answer_refusal(request, invalid(f"filter: {error}", "invalidFilter"))


async def _answer_invalid_token(request: Request, error: Exception) -> Response:
    count_denial(request, "invalid_token")
    challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    return answer_error(401, cast("InvalidToken", error).description, headers=challenge)


async def _answer_too_many(request: Request, error: Exception) -> Response:
    refusal = cast("TooManyRequests", error)
    count_denial(request, refusal.code, spent=refusal.setting)
    wait = {"Retry-After": str(refusal.retry_after)}
    return answer_error(429, refusal.description, headers=wait)


async def _answer_http_error(_: Request, error: Exception) -> Response:
    refusal = cast("HTTPException", error)
    detail = {
        404: "this path does not exist; it must be /Users, /Groups, /ServiceProviderConfig, "
        "/ResourceTypes or /Schemas",
        405: "this path has no such method",
    }.get(refusal.status_code, str(refusal.detail))
    return answer_error(refusal.status_code, detail, headers=refusal.headers)


async def _answer_fault(_: Request, __: Exception) -> Response:
    # The exception goes on to the server's edge, which logs it.
    return answer_error(HTTPStatus.INTERNAL_SERVER_ERROR, "something failed on this server")


async def _answer_outage(request: Request, error: Exception) -> Response:
    log.error("database_unavailable", kind=type(error).__name__, path=request.scope["path"])
    wait = {"Retry-After": "5"}
    return answer_error(503, "the database is unavailable; try again", headers=wait)
