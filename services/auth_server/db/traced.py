"""Record the statements of recorded requests, never their parameters."""

from dataclasses import replace
from typing import Any

from sqlalchemy import event

from auth_server.db.engine import Database
from auth_server.db.raw_sql import AtomicUpdate, RawSql, Row, Values
from gatepost.tracing import names
from gatepost.tracing.current import Attributes, calling, current
from gatepost.tracing.tracing import fail

_LONGEST = 1_000


def trace_statements(database: Database) -> Database:
    """Return a database whose statements are parts of the current trace, if there is one."""
    engine = database.engine.sync_engine
    system = engine.dialect.name

    def begin(
        _: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        tracing = current()
        if tracing is not None and context is not None:
            name, attributes = _describe(system, statement)
            context.gatepost_span = tracing.start(name, attributes, calls=True)

    def end(_: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        span = getattr(context, "gatepost_span", None)
        if span is not None:
            span.end()

    def fail_span(failed: Any) -> None:
        span = getattr(failed.execution_context, "gatepost_span", None)
        if span is not None:
            fail(span, type(failed.original_exception).__name__)
            span.end()

    event.listen(engine, "before_cursor_execute", begin)
    event.listen(engine, "after_cursor_execute", end)
    event.listen(engine, "handle_error", fail_span)
    return replace(database, raw_sql=TracedRawSql(database.raw_sql, system))


class TracedRawSql:
    """Runs statements through another one."""

    def __init__(self, raw_sql: RawSql, system: str) -> None:
        """Take what runs the statements, and the name of the database system."""
        self._raw_sql = raw_sql
        self._system = system

    async def fetch(self, query: str, values: Values) -> Row | None:
        """Return the first row of a query."""
        with calling(*_describe(self._system, query)):
            return await self._raw_sql.fetch(query, values)

    async def fetch_all(self, query: str, values: Values) -> list[Row]:
        """Return every row of a query."""
        with calling(*_describe(self._system, query)):
            return await self._raw_sql.fetch_all(query, values)

    async def update(self, update: AtomicUpdate, values: Values) -> bool:
        """Make a change; return whether it changed anything."""
        statement = update.sqlite[0] if self._system == "sqlite" else update.postgresql
        with calling(*_describe(self._system, statement)):
            return await self._raw_sql.update(update, values)

    async def close(self) -> None:
        """Close the connections."""
        await self._raw_sql.close()


def _describe(system: str, statement: str) -> tuple[str, Attributes]:
    operation = statement.split(maxsplit=1)[0].upper()
    return operation, {
        names.DB_SYSTEM: system,
        names.DB_OPERATION: operation,
        names.DB_QUERY: statement.strip()[:_LONGEST],
    }
