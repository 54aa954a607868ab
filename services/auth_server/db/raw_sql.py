"""Hand-written SQL past the ORM, for what every token request runs.

Each call is one transaction of its own. A statement is text that both databases know, with its
parameters written `:name`; where SQLite needs two of them for one change, PostgreSQL needs one.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

Row = tuple[Any, ...]
Values = Mapping[str, Any]


class DatabaseUnavailable(Exception):
    """The database does not answer; trying again later may help."""


@dataclass(frozen=True, slots=True)
class AtomicUpdate:
    """A change that happens whole or not at all.

    `sqlite`: where the first of these statements changes no row, the others do not run.
    `postgresql`: the same in one statement, which answers a row where there was a change.
    """

    sqlite: tuple[str, ...]
    postgresql: str


class RawSql(Protocol):
    """An open database."""

    async def fetch(self, query: str, values: Values) -> Row | None:
        """Answer the first row of a query.

        Raises:
            DatabaseUnavailable: it does not answer.
        """
        ...

    async def update(self, update: AtomicUpdate, values: Values) -> bool:
        """Make a change; answers whether there was one to make.

        It may be sent again where a connection broke: having been made after all, it is then
        answered as to somebody who came second.

        Raises:
            DatabaseUnavailable: it does not answer.
        """
        ...

    async def close(self) -> None:
        """Let go of the connections."""
        ...


def read_time(value: str | datetime) -> datetime:
    """Read a moment as either database answers it."""
    if isinstance(value, str):
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    return value.astimezone(UTC)


def read_json(value: Any) -> Any:
    """Read a JSON document as either database answers it."""
    return json.loads(value) if isinstance(value, str) else value
