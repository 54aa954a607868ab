"""Errors as problem documents (RFC 9457), `application/problem+json`, for every refusal.

Raise a `ProblemError` anywhere below an endpoint; the handlers below write the response.
"""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import ClassVar, Literal, cast

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

_log = logging.getLogger("orbit")
_TYPES = "https://docs.orbit.example/problems/"


class FieldError(BaseModel):
    """An error in one field."""

    location: Literal["path", "query", "header", "body"] = Field(
        description="The part of the request that contains the field."
    )
    field: str = Field(
        description="The field's name; a dot leads into lists and objects, as in `labels.0`.",
        examples=["due_on"],
    )
    detail: str = Field(
        description="The problem and the value to send instead.",
        examples=["Input should be a valid date in the format YYYY-MM-DD"],
    )


class Problem(BaseModel):
    """A problem document (RFC 9457): why a request was refused, and the fix."""

    type: str = Field(
        description="Identifies the kind of problem.",
        examples=["https://docs.orbit.example/problems/not-found"],
    )
    title: str = Field(
        description="The kind of problem in a few words.", examples=["There is no such thing"]
    )
    status: int = Field(description="The HTTP status code.", examples=[404])
    detail: str = Field(
        description="The reason for this refusal.", examples=["There is no task tsk_9999."]
    )
    errors: list[FieldError] | None = Field(
        default=None, description="One entry for each invalid field; only with status 422."
    )


class ProblemError(Exception):
    """A refusal that becomes a problem document."""

    status: ClassVar[int] = 400
    kind: ClassVar[str] = "bad-request"
    title: ClassVar[str] = "The request can't be read"

    def __init__(
        self,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Describe the error in words that the caller may read."""
        super().__init__(detail)
        self.problem = Problem(
            type=_TYPES + self.kind,
            title=self.title,
            status=self.status,
            detail=detail,
            errors=list(errors) or None,
        )
        self.headers = headers


class Unauthenticated(ProblemError):
    """The credential is missing or not accepted."""

    status = 401
    kind = "unauthenticated"
    title = "Sign in first"

    def __init__(self, detail: str) -> None:
        """Give the reason; the challenge names the scheme (RFC 9110 §11.6.1)."""
        super().__init__(detail, headers={"WWW-Authenticate": 'Bearer realm="orbit"'})


class Forbidden(ProblemError):
    """The caller does not have permission."""

    status = 403
    kind = "forbidden"
    title = "Not allowed"


class NotFound(ProblemError):
    """The object does not exist, or the caller may not know that it does."""

    status = 404
    kind = "not-found"
    title = "There is no such thing"


class Conflict(ProblemError):
    """The current state does not allow the request."""

    status = 409
    kind = "conflict"
    title = "Not possible in the present state"


class TooLarge(ProblemError):
    """The body is larger than Orbit accepts."""

    status = 413
    kind = "too-large"
    title = "The body is too large"


class Invalid(ProblemError):
    """A field has an invalid value."""

    status = 422
    kind = "invalid"
    title = "The request has fields that can't be used"


class Unavailable(ProblemError):
    """A service that Orbit needs does not answer."""

    status = 503
    kind = "unavailable"
    title = "Not available right now"


def invalid_field(
    location: Literal["path", "query", "header", "body"], field: str, detail: str
) -> Invalid:
    """Create the error for one field."""
    error = FieldError(location=location, field=field, detail=detail)
    return Invalid(f"{field}: {detail}", errors=[error])


def answer_problem(error: ProblemError) -> JSONResponse:
    """Write a problem document."""
    return JSONResponse(
        error.problem.model_dump(exclude_none=True),
        status_code=error.problem.status,
        headers=dict(error.headers or {}),
        media_type="application/problem+json",
    )


async def _on_problem(_: Request, error: Exception) -> JSONResponse:
    return answer_problem(cast(ProblemError, error))


async def _on_invalid(_: Request, error: Exception) -> JSONResponse:
    errors = []
    for found in cast(RequestValidationError, error).errors():
        location, *names = found["loc"]
        name = "body" if found["type"] == "json_invalid" else ".".join(map(str, names))
        # Leave `input` out, because it may contain a password.
        errors.append(FieldError(location=location, field=name or location, detail=found["msg"]))
    return answer_problem(
        Invalid("; ".join(f"{e.field}: {e.detail}" for e in errors), errors=errors)
    )


async def _on_http(_: Request, error: Exception) -> JSONResponse:
    http = cast(HTTPException, error)
    title = HTTPStatus(http.status_code).phrase
    problem = Problem(type="about:blank", title=title, status=http.status_code, detail=http.detail)
    return JSONResponse(
        problem.model_dump(exclude_none=True),
        status_code=http.status_code,
        headers=dict(http.headers or {}),
        media_type="application/problem+json",
    )


async def _on_failure(request: Request, error: Exception) -> JSONResponse:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    problem = Problem(
        type="about:blank", title="Internal Server Error", status=500, detail="Orbit has failed."
    )
    return JSONResponse(
        problem.model_dump(exclude_none=True),
        status_code=500,
        media_type="application/problem+json",
    )


def add_problem_handlers(app: FastAPI) -> None:
    """Answer every refusal and failure of an app as a problem document."""
    app.add_exception_handler(ProblemError, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(Exception, _on_failure)
