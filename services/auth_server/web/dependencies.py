"""What endpoints ask for by type: the open resources, a database session, the browser's cookies."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated, cast

from fastapi import Depends, Request

from auth_server.db.engine import DbSession
from auth_server.runtime import Runtime
from auth_server.web.browser import read_languages


def runtime_of(request: Request) -> Runtime:
    """Hand out what the lifespan opened."""
    return cast("Runtime", request.state.resources)


async def opened_runtime(request: Request) -> Runtime:
    """Hand out what the lifespan opened, its pages in the language of whoever asks.

    Async, or it would be called in a thread.
    """
    opened = runtime_of(request)
    pages = opened.pages.for_languages(read_languages(request, opened.settings))
    return opened if pages is opened.pages else replace(opened, pages=pages)


Opened = Annotated[Runtime, Depends(opened_runtime)]


async def unit_of_work(opened: Opened) -> AsyncIterator[DbSession]:
    """Open one transaction for the request: an error rolls it back, else it commits.

    It commits before the answer leaves. A refusal whose trace must stay (a reused refresh token)
    is therefore answered as a response, not raised.
    """
    async with opened.transaction() as session:
        yield session


async def reading_session(opened: Opened) -> AsyncIterator[DbSession]:
    """Open a session that only reads, for pages."""
    async with opened.database.reading() as session:
        yield session


Db = Annotated[DbSession, Depends(unit_of_work, scope="function")]
ReadingDb = Annotated[DbSession, Depends(reading_session, scope="function")]
