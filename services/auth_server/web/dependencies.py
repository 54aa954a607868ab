"""The dependencies that endpoints declare by type, each one part of the `Runtime`."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Annotated, TypeVar, cast

from fastapi import Depends, Request
from sqlalchemy.exc import DBAPIError

from auth_server.db.conflict import Conflict, is_conflict
from auth_server.db.engine import Database, DbSession, OpenTransaction
from auth_server.keys import Keys
from auth_server.records.people.passwords import Passwords
from auth_server.rendering.render import Pages
from auth_server.revocations.feed import RevocationFeed
from auth_server.runtime import Runtime
from auth_server.secrets import NewSecret
from auth_server.settings import AuthServerSettings
from auth_server.web.browser import language_cookie, read_languages
from gatepost.clock import Now

T = TypeVar("T")


def runtime_of(request: Request) -> Runtime:
    """Return the runtime that the lifespan opened."""
    return cast("Runtime", request.state.resources)


def part(read: Callable[[Runtime], T]) -> Callable[[Request], Awaitable[T]]:
    """Make a dependency that returns one part of the runtime.

    It is async, because FastAPI calls other functions in a thread.
    """

    async def hand_out(request: Request) -> T:
        return read(runtime_of(request))

    return hand_out


def localized_pages(request: Request) -> Pages:
    """Return the pages in the language of the request; they keep the one that a link chose."""
    runtime = runtime_of(request)
    pages = runtime.pages.for_languages(read_languages(request, runtime.settings))
    if "ui_locales" not in request.query_params:
        return pages
    cookie = language_cookie(runtime.settings, pages.language)
    return replace(pages, headers={**pages.headers, "Set-Cookie": cookie})


async def _localized_pages(request: Request) -> Pages:
    return localized_pages(request)


Settings = Annotated[AuthServerSettings, Depends(part(lambda runtime: runtime.settings))]
KeysInUse = Annotated[Keys, Depends(part(lambda runtime: runtime.keys))]
Clock = Annotated[Now, Depends(part(lambda runtime: runtime.now))]
"""The clock; endpoints call it when they need the time, since they may wait for the database."""
SecretMaker = Annotated[NewSecret, Depends(part(lambda runtime: runtime.new_secret))]
LocalizedPages = Annotated[Pages, Depends(_localized_pages)]
FeedInUse = Annotated[RevocationFeed, Depends(part(lambda runtime: runtime.feed))]
PasswordsInUse = Annotated[Passwords, Depends(part(lambda runtime: runtime.passwords))]
OpenDatabase = Annotated[Database, Depends(part(lambda runtime: runtime.database))]
Transaction = Annotated[OpenTransaction, Depends(part(lambda runtime: runtime.transaction))]
"""Opens a separate database transaction."""


async def unit_of_work(transaction: Transaction) -> AsyncIterator[DbSession]:
    """Open one database transaction for the request: an error rolls it back, otherwise it commits.

    It commits before the response is sent. So a refusal that must leave a record (a reused refresh
    token) is returned as a response, not raised.

    Raises:
        Conflict: the transaction is rolled back and can be repeated.
    """
    try:
        async with transaction() as session:
            yield session
    except DBAPIError as error:
        if is_conflict(error):
            raise Conflict from error
        raise


async def reading_session(database: OpenDatabase) -> AsyncIterator[DbSession]:
    """Open a database session that only reads, for pages."""
    async with database.reading() as session:
        yield session


Db = Annotated[DbSession, Depends(unit_of_work, scope="function")]
ReadingDb = Annotated[DbSession, Depends(reading_session, scope="function")]
