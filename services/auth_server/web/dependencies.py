"""What endpoints ask for by type: the open resources, a database session, the browser's cookies."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated, cast

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession

from auth_server.runtime import Resources
from auth_server.web.browser import read_languages


def resources_of(request: Request) -> Resources:
    """Hand out what the lifespan opened."""
    return cast("Resources", request.state.resources)


async def opened_resources(request: Request) -> Resources:
    """Hand out what the lifespan opened, its pages in the language of whoever asks.

    Async, or it would be called in a thread.
    """
    opened = resources_of(request)
    pages = opened.pages.for_languages(read_languages(request, opened.settings))
    return opened if pages is opened.pages else replace(opened, pages=pages)


Opened = Annotated[Resources, Depends(opened_resources)]


async def unit_of_work(opened: Opened) -> AsyncIterator[AsyncSession]:
    """Open one transaction for the request: an error rolls it back, else it commits.

    It commits before the answer leaves. A refusal whose trace must stay (a reused refresh token)
    is therefore answered as a response, not raised.
    """
    async with opened.transaction() as session:
        yield session


async def reading_session(opened: Opened) -> AsyncIterator[AsyncSession]:
    """Open a session that only reads, for pages."""
    async with opened.database.reading() as session:
        yield session


Db = Annotated[AsyncSession, Depends(unit_of_work, scope="function")]
ReadingDb = Annotated[AsyncSession, Depends(reading_session, scope="function")]
