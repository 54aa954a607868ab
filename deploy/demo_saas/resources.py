"""What the app is wired with, and the request's connection to the database."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends
from starlette.requests import Request

from demo_saas.access.assertion import AssertionVerifier
from demo_saas.clock import Now, Sleep
from demo_saas.database import connect
from demo_saas.settings import Settings


@dataclass(frozen=True, slots=True)
class Resources:
    """Everything an endpoint may need, made once by `create_app`."""

    settings: Settings
    assertions: AssertionVerifier
    now: Now
    sleep: Sleep


def opened_resources(request: Request) -> Resources:
    """Give the app's resources."""
    return cast(Resources, request.app.state.resources)


Opened = Annotated[Resources, Depends(opened_resources)]


def unit_of_work(opened: Opened) -> Iterator[sqlite3.Connection]:
    """Lend a connection for one request; commit what it began, or roll back where it failed."""
    connection = connect(opened.settings.database)
    try:
        yield connection
        if connection.in_transaction:
            connection.execute("COMMIT")
    finally:
        # Closing rolls back whatever was not committed.
        connection.close()


# `function` scope: committed before the answer is sent, so a failed commit can't look like success.
Db = Annotated[sqlite3.Connection, Depends(unit_of_work, scope="function")]
