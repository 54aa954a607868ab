"""PostgreSQL past the ORM: a few connections in autocommit."""

import asyncio
import re
from functools import cache

import psycopg
from sqlalchemy.engine import make_url

from auth_server.db.raw_sql import AtomicUpdate, DatabaseUnavailable, Row, Values

MOST_CONNECTIONS = 5


class PostgresRawSql:
    """Connections that lie ready, each with its cursor, the last one used on top.

    Not the driver's own pool: that one looks for a lost server in the background, at growing
    intervals, while requests wait; here a request tries for itself, and hears at once.
    """

    def __init__(self, url: str) -> None:
        """Take an SQLAlchemy URL; connects on first use."""
        conninfo = make_url(url).set(drivername="postgresql")
        self._conninfo = conninfo.render_as_string(hide_password=False)
        self._idle: list[psycopg.AsyncCursor] = []
        self._free = asyncio.Semaphore(MOST_CONNECTIONS)

    async def fetch(self, query: str, values: Values) -> Row | None:
        """Answer the first row of a query."""
        return await self._execute(query, values)

    async def update(self, update: AtomicUpdate, values: Values) -> bool:
        """Make a change in one statement."""
        return await self._execute(update.postgresql, values) is not None

    async def close(self) -> None:
        """Let go of the connections."""
        while self._idle:
            await self._idle.pop().connection.close()

    async def _execute(self, statement: str, values: Values) -> Row | None:
        try:
            async with self._free:
                while self._idle:
                    cursor = self._idle.pop()
                    try:
                        return await self._run(cursor, statement, values)
                    except psycopg.OperationalError:
                        # Cut while it lay there? Then the next one is tried, at last a new one.
                        if not cursor.connection.broken:
                            raise
                connection = await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True)
                return await self._run(connection.cursor(), statement, values)
        except psycopg.OperationalError as error:
            raise DatabaseUnavailable(type(error).__name__) from error

    async def _run(self, cursor: psycopg.AsyncCursor, statement: str, values: Values) -> Row | None:
        try:
            await cursor.execute(_in_its_style(statement), values)
            row = await cursor.fetchone()
        except BaseException:
            # In what state it is, nobody knows: a cancelled request leaves it in the middle.
            await cursor.connection.close()
            raise
        self._idle.append(cursor)
        return row


@cache
def _in_its_style(statement: str) -> bytes:
    return re.sub(r":(\w+)", r"%(\1)s", statement).encode()
