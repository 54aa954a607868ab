"""Build and drop indexes while others write."""

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import op
from sqlalchemy import text


@contextmanager
def without_locks() -> Iterator[None]:
    """Leave the migration's transaction on PostgreSQL, where indexes are built concurrently.

    Such a build blocks nobody but waits for every transaction that began before, for as long as they
    take. An interrupted one leaves an invalid index, so drop the index (`if_exists`) before creating
    it.
    """
    if op.get_bind().dialect.name != "postgresql":
        yield
        return
    with op.get_context().autocommit_block():
        timeout = op.get_bind().scalar(text("SHOW lock_timeout"))
        op.execute("SET lock_timeout = 0")
        try:
            yield
        finally:
            op.execute(f"SET lock_timeout = '{timeout}'")
