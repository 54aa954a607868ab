"""The only SQL on the progress of jobs."""

from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col, select

from auth_server.db.engine import DbSession
from auth_server.records.progress.table import Progress


async def find_progress(db: DbSession, job: str) -> int | None:
    """Return how far a job has come; None if it never ran."""
    query = select(col(Progress.reached)).where(col(Progress.job) == job)
    return (await db.execute(query)).scalar_one_or_none()


async def lock_progress(db: DbSession, job: str, *, start: int) -> Progress | None:
    """Lock a job's row, to be changed in the transaction that does its work.

    Args:
        db: the open transaction.
        job: the name of the job.
        start: how far the job has come if it never ran.

    Returns:
        The row; None while another process works on this job.
    """
    insert: Any = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    await db.execute(insert(Progress).values(job=job, reached=start).on_conflict_do_nothing())
    query = select(Progress).where(col(Progress.job) == job).with_for_update(skip_locked=True)
    return (await db.execute(query)).scalar_one_or_none()
