"""An attempt is counted even if the count is deleted at the same moment."""

from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from auth_server.db.engine import open_database, open_sync_engine
from auth_server.records.attempts.store import count_attempt
from support.in_process.clock import Clock

pytestmark = pytest.mark.both_databases

MINUTE = timedelta(minutes=1)


def forget_all(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM attempts"))


def done_or_waiting(deleting: Future[None], engine: Engine) -> bool:
    """Tell whether the deletion has ended or waits for the lock of another transaction."""
    if engine.dialect.name == "sqlite":
        return True  # SQLite's writers wait before they begin
    with engine.connect() as connection:
        waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return deleting.done() or connection.execute(waiting).scalar_one() > 0


async def test_an_attempt_is_counted_while_a_success_deletes_the_count(
    database_url: str, clock: Clock
) -> None:
    database, operator = open_database(database_url), open_sync_engine(database_url)
    deletions: list[Future[None]] = []
    with ThreadPoolExecutor(1) as thread:

        def delete_meanwhile(*_: Any) -> None:
            if not deletions:
                deletions.append(thread.submit(forget_all, operator))
                while not done_or_waiting(deletions[0], operator):
                    pass

        try:
            async with database.writing() as db, db.begin():
                assert await count_attempt(db, "ada", most=9, window=MINUTE, now=clock()) is None
            event.listen(database.engine.sync_engine, "after_cursor_execute", delete_meanwhile)
            async with database.writing() as db, db.begin():
                assert await count_attempt(db, "ada", most=9, window=MINUTE, now=clock()) is None
            assert deletions
        finally:
            await database.close()
    operator.dispose()
