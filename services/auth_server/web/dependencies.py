"""What endpoints ask for by type; what the process opened stays behind these names."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, TypeVar, cast

from fastapi import Depends, Request

from auth_server.db.engine import Database, DbSession, OpenTransaction
from auth_server.keys import Keys
from auth_server.records.people.passwords import Passwords
from auth_server.rendering.render import Pages
from auth_server.revocations.feed import RevocationFeed
from auth_server.runtime import Runtime
from auth_server.secrets import NewSecret
from auth_server.settings import AuthServerSettings
from auth_server.web.browser import read_languages
from gatepost.clock import Now

T = TypeVar("T")


def runtime_of(request: Request) -> Runtime:
    """Hand out what the lifespan opened."""
    return cast("Runtime", request.state.resources)


def part(read: Callable[[Runtime], T]) -> Callable[[Request], Awaitable[T]]:
    """Make a dependency of one part of what the lifespan opened.

    Async, or it would be called in a thread.
    """

    async def hand_out(request: Request) -> T:
        return read(runtime_of(request))

    return hand_out


def localized_pages(request: Request) -> Pages:
    """Hand out the pages in the language of whoever asks."""
    runtime = runtime_of(request)
    return runtime.pages.for_languages(read_languages(request, runtime.settings))


async def _localized_pages(request: Request) -> Pages:
    return localized_pages(request)


Settings = Annotated[AuthServerSettings, Depends(part(lambda runtime: runtime.settings))]
KeysInUse = Annotated[Keys, Depends(part(lambda runtime: runtime.keys))]
Clock = Annotated[Now, Depends(part(lambda runtime: runtime.now))]
"""Tells the time; called when the time is needed, since a request may wait for the database."""
SecretMaker = Annotated[NewSecret, Depends(part(lambda runtime: runtime.new_secret))]
LocalizedPages = Annotated[Pages, Depends(_localized_pages)]
FeedInUse = Annotated[RevocationFeed, Depends(part(lambda runtime: runtime.feed))]
PasswordsInUse = Annotated[Passwords, Depends(part(lambda runtime: runtime.passwords))]
OpenDatabase = Annotated[Database, Depends(part(lambda runtime: runtime.database))]
Transaction = Annotated[OpenTransaction, Depends(part(lambda runtime: runtime.transaction))]
"""Opens a transaction of its own."""


async def unit_of_work(transaction: Transaction) -> AsyncIterator[DbSession]:
    """Open one transaction for the request: an error rolls it back, else it commits.

    It commits before the answer leaves. A refusal whose trace must stay (a reused refresh token)
    is therefore answered as a response, not raised.
    """
    async with transaction() as session:
        yield session


async def reading_session(database: OpenDatabase) -> AsyncIterator[DbSession]:
    """Open a session that only reads, for pages."""
    async with database.reading() as session:
        yield session


Db = Annotated[DbSession, Depends(unit_of_work, scope="function")]
ReadingDb = Annotated[DbSession, Depends(reading_session, scope="function")]
