"""The errors of the admin API: problem details (RFC 9457)."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, cast

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from auth_server.administration.errors import Forbidden, NotFound, Refused
from auth_server.db.conflict import Conflict
from auth_server.errors import InvalidToken, TooManyRequests
from auth_server.web.answers import OUTAGES, count_denial

log = structlog.get_logger()


class FieldError(BaseModel):
    """A value that was refused."""

    field: str
    reason: str


class Problem(BaseModel):
    """Problem details (RFC 9457)."""

    title: str = Field(description="The status in words.")
    status: int
    detail: str = Field(description="What was wrong, and what to do.")
    errors: list[FieldError] = Field(default=[], description="The refused values.")


def _describe(status: HTTPStatus, text: str) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": Problem.model_json_schema()}}
    return {"description": text, "content": content}


PROBLEMS: dict[int | str, dict[str, Any]] = {
    401: _describe(HTTPStatus.UNAUTHORIZED, "The token is missing, unknown, expired or revoked."),
    403: _describe(HTTPStatus.FORBIDDEN, "The token lacks the scope."),
    404: _describe(HTTPStatus.NOT_FOUND, "The thing does not exist."),
    422: _describe(HTTPStatus.UNPROCESSABLE_ENTITY, "A value is refused."),
    413: _describe(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too long."),
    429: _describe(HTTPStatus.TOO_MANY_REQUESTS, "Too many requests with wrong tokens."),
    503: _describe(HTTPStatus.SERVICE_UNAVAILABLE, "The database is unavailable."),
}
"""The problems of every operation, for the OpenAPI document."""


def answer_problem(
    status: int,
    detail: str,
    *,
    errors: Sequence[FieldError] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Make the response to a refusal."""
    title = HTTPStatus(status).phrase
    problem = Problem(title=title, status=status, detail=detail, errors=list(errors))
    return JSONResponse(
        problem.model_dump(exclude_defaults=True),
        status_code=status,
        media_type="application/problem+json",
        headers={
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            **(headers or {}),
        },
    )


def add_problem_handlers(app: FastAPI, *, document: str) -> None:
    """Answer every error of the API with problem details.

    Args:
        app: the API.
        document: the path of its OpenAPI document, for requests that fit nothing.
    """

    async def answer_http_error(request: Request, error: Exception) -> Response:
        return _answer_http_error(request, cast("HTTPException", error), document)

    app.add_exception_handler(InvalidToken, _answer_invalid_token)
    app.add_exception_handler(TooManyRequests, _answer_too_many)
    app.add_exception_handler(Forbidden, _answer_forbidden)
    app.add_exception_handler(NotFound, _answer_not_found)
    app.add_exception_handler(Refused, _answer_refused)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(HTTPException, answer_http_error)
    app.add_exception_handler(Exception, _answer_fault)
    for outage in (*OUTAGES, Conflict):
        app.add_exception_handler(outage, _answer_outage)


async def _answer_invalid_token(request: Request, error: Exception) -> Response:
    count_denial(request, "invalid_token")
    challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    return answer_problem(401, cast("InvalidToken", error).description, headers=challenge)


async def _answer_too_many(request: Request, error: Exception) -> Response:
    refusal = cast("TooManyRequests", error)
    count_denial(request, refusal.code, spent=refusal.setting)
    wait = {"Retry-After": str(refusal.retry_after)}
    return answer_problem(429, refusal.description, headers=wait)


async def _answer_forbidden(request: Request, error: Exception) -> Response:
    count_denial(request, "insufficient_scope")
    scope = cast("Forbidden", error).scope
    challenge = {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'}
    return answer_problem(403, str(error), headers=challenge)


async def _answer_not_found(_: Request, error: Exception) -> Response:
    return answer_problem(404, str(error))


async def _answer_refused(_: Request, error: Exception) -> Response:
    refusal = cast("Refused", error)
    errors = [FieldError(field=refusal.field, reason=refusal.reason)]
    return answer_problem(422, str(refusal), errors=errors)


async def _answer_invalid(_: Request, error: Exception) -> Response:
    # The message names the place, never the value, which may be a secret.
    errors = [
        FieldError(
            field=".".join(map(str, one["loc"][1:])) or str(one["loc"][0]), reason=one["msg"]
        )
        for one in cast("RequestValidationError", error).errors()
    ]
    detail = "; ".join(f"{one.field}: {one.reason}" for one in errors)
    return answer_problem(422, detail, errors=errors)


def _answer_http_error(request: Request, refusal: HTTPException, document: str) -> Response:
    if refusal.status_code == HTTPStatus.FORBIDDEN:
        count_denial(request, str(refusal.detail))
    detail = {
        404: f"this path does not exist; see {document}",
        405: f"this path has no such method; see {document}",
    }.get(refusal.status_code, str(refusal.detail))
    return answer_problem(refusal.status_code, detail, headers=refusal.headers)


async def _answer_fault(_: Request, __: Exception) -> Response:
    # The exception goes on to the server's edge, which logs it.
    return answer_problem(500, "something failed on this server")


async def _answer_outage(request: Request, error: Exception) -> Response:
    log.error("database_unavailable", kind=type(error).__name__, path=request.scope["path"])
    detail = "the database is unavailable; try again"
    return answer_problem(503, detail, headers={"Retry-After": "5"})
