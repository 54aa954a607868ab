"""Turn refusals of `administration` into pages."""

from typing import cast

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from auth_server.administration.errors import Forbidden, NotFound, Refused
from auth_server.errors import PageError
from auth_server.web.answers import answer_page_error


def add_console_handlers(app: FastAPI) -> None:
    """Answer what the console's pages refuse with pages."""
    app.add_exception_handler(Forbidden, _answer_forbidden)
    app.add_exception_handler(NotFound, _answer_not_found)
    app.add_exception_handler(Refused, _answer_refused)


async def _answer_forbidden(request: Request, error: Exception) -> Response:
    page = PageError(
        "Your role doesn't allow this",
        "Ask an operator who may change it.",
        status=403,
        detail=f"missing {cast('Forbidden', error).scope}",
    )
    return answer_page_error(page, request)


async def _answer_not_found(request: Request, error: Exception) -> Response:
    page = PageError(
        "Not found",
        "It doesn't exist, or no longer exists. Go back and reload the list.",
        status=404,
        detail=str(error),
    )
    return answer_page_error(page, request)


async def _answer_refused(request: Request, error: Exception) -> Response:
    page = PageError("Nothing was changed", f"{error}.", detail=str(error))
    return answer_page_error(page, request)
