"""Raw SQL on PostgreSQL, over a few connections in autocommit mode."""

import asyncio
import re
from functools import cache

import psycopg
from sqlalchemy.engine import URL

from auth_server.db.pooler import prepare_nothing
from auth_server.db.raw_sql import AtomicUpdate, DatabaseUnavailable, Row, Values

MOST_CONNECTIONS = 5


class PostgresRawSql:
    """A stack of idle connections, each with its cursor, the last one used on top.

    The driver's own pool reconnects to a lost server in the background, at growing intervals, while
    requests wait. Here each request connects itself and fails at once.
    """

    def __init__(self, url: URL, *, pooled: bool = False) -> None:
        """Take the URL, and whether a pooler gives a connection for each transaction.

        The first statement connects.
        """
        self._conninfo = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._options = prepare_nothing(pooled)
        self._idle: list[psycopg.AsyncCursor] = []
        self._free = asyncio.Semaphore(MOST_CONNECTIONS)

    async def fetch(self, query: str, values: Values) -> Row | None:
        """Return the first row of a query."""
        rows = await self.fetch_all(query, values)
        return rows[0] if rows else None

    async def fetch_all(self, query: str, values: Values) -> list[Row]:
        """Return every row of a query."""
        return await self._execute(query, values)

    async def update(self, update: AtomicUpdate, values: Values) -> bool:
        """Make a change in one statement; return whether it changed anything."""
        return bool(await self._execute(update.postgresql, values))

    async def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            await self._idle.pop().connection.close()

    async def _execute(self, statement: str, values: Values) -> list[Row]:
        try:
            async with self._free:
                while self._idle:
                    cursor = self._idle.pop()
                    try:
                        return await self._run(cursor, statement, values)
                    except psycopg.OperationalError:
                        # If it broke while idle, try the next one, and finally a new one.
                        if not cursor.connection.broken:
                            raise
                connection = await psycopg.AsyncConnection.connect(
                    self._conninfo, autocommit=True, **self._options
                )
                return await self._run(connection.cursor(), statement, values)
        except psycopg.OperationalError as error:
            raise DatabaseUnavailable(type(error).__name__) from error

    async def _run(self, cursor: psycopg.AsyncCursor, statement: str, values: Values) -> list[Row]:
        try:
            await cursor.execute(_in_its_style(statement), values)
            rows = await cursor.fetchall()
        except BaseException:
            # Its state is unknown: a cancelled request may have left a statement unfinished.
            await cursor.connection.close()
            raise
        self._idle.append(cursor)
        return rows


@cache
def _in_its_style(statement: str) -> bytes:
    return re.sub(r":(\w+)", r"%(\1)s", statement).encode()
