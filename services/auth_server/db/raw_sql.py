"""Raw SQL without the ORM, for what token requests run and what the server looks for repeatedly.

Each call is its own transaction. A statement is text that both databases accept, with parameters
written `:name`; a change may take several statements on SQLite, but takes one on PostgreSQL.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

Row = tuple[Any, ...]
Values = Mapping[str, Any]


class DatabaseUnavailable(Exception):
    """The database does not answer; a later attempt may succeed."""


@dataclass(frozen=True, slots=True)
class AtomicUpdate:
    """A change that happens completely or not at all.

    `sqlite`: if the first of these statements changes no row, the others do not run.
    `postgresql`: the same in one statement, which returns a row if it changed anything.
    """

    sqlite: tuple[str, ...]
    postgresql: str


class RawSql(Protocol):
    """A database that runs raw SQL."""

    async def fetch(self, query: str, values: Values) -> Row | None:
        """Return the first row of a query.

        Raises:
            DatabaseUnavailable: the database does not answer.
        """
        ...

    async def fetch_all(self, query: str, values: Values) -> list[Row]:
        """Return every row of a query.

        Raises:
            DatabaseUnavailable: the database does not answer.
        """
        ...

    async def update(self, update: AtomicUpdate, values: Values) -> bool:
        """Make a change; return whether it changed anything.

        After a broken connection, the change may be sent again. If the first attempt did take
        effect, this returns False, as to a second caller.

        Raises:
            DatabaseUnavailable: the database does not answer.
        """
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


def read_time(value: str | datetime) -> datetime:
    """Read a time as either database returns it."""
    if isinstance(value, str):
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    return value.astimezone(UTC)


def read_json(value: Any) -> Any:
    """Read a JSON document as either database returns it."""
    return json.loads(value) if isinstance(value, str) else value
