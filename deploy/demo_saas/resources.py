"""The app's shared resources, and the database connection of a request."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends
from starlette.requests import Request

from demo_saas.clock import Now, Sleep
from demo_saas.database import connect
from demo_saas.settings import Settings
from demo_saas.webhooks.post import Post


@dataclass(frozen=True, slots=True)
class Resources:
    """The resources of all endpoints, created once by `create_app`."""

    settings: Settings
    now: Now
    sleep: Sleep
    post: Post


def opened_resources(request: Request) -> Resources:
    """Return the app's resources."""
    return cast(Resources, request.app.state.resources)


Opened = Annotated[Resources, Depends(opened_resources)]


def unit_of_work(opened: Opened) -> Iterator[sqlite3.Connection]:
    """Provide a connection for one request; commit at its end, or roll back if it fails."""
    connection = connect(opened.settings.database)
    try:
        yield connection
        if connection.in_transaction:
            connection.execute("COMMIT")
    finally:
        # Closing rolls back uncommitted changes.
        connection.close()


# `function` scope: committed before the answer is sent, so a failed commit can't look like success.
Db = Annotated[sqlite3.Connection, Depends(unit_of_work, scope="function")]
