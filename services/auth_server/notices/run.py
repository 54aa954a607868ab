"""Follow the audit log and send webhooks while the service runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial

import structlog

from auth_server.db.engine import DbSession
from auth_server.notices.follow_log import TakeEntry, follow_log
from auth_server.notices.mails import queue_notice
from auth_server.records.audit.table import AuditEntry
from auth_server.runtime import Runtime
from auth_server.webhooks.messages import message_of, queue_message
from gatepost.background import Job, repeating
from gatepost.tracing.jobs import record_jobs

EVERY = 2.0
"""Seconds between two looks at the log and at the deliveries that are due."""

log = structlog.get_logger()


async def queue_webhooks(db: DbSession, entry: AuditEntry, now: datetime) -> None:
    """Queue the message that an entry causes, if it causes one."""
    if (message := message_of(entry)) is not None:
        await queue_message(db, message, now=now)


FOLLOWERS: tuple[TakeEntry, ...] = (queue_webhooks, queue_notice)
"""Everything that follows from an entry of the audit log."""


async def follow(runtime: Runtime) -> None:
    """Take every entry that was not taken yet."""
    while await follow_log(runtime.database, FOLLOWERS, now=runtime.now()):
        pass


@asynccontextmanager
async def sending_notices(runtime: Runtime, *, every: float = EVERY) -> AsyncIterator[None]:
    """Do both in the background. Any number of processes may do this."""
    jobs = [
        Job("follow", partial(follow, runtime)),
        Job("send", runtime.webhooks.start_due),
    ]
    try:
        async with repeating(record_jobs(jobs, runtime.tracing), every=every, tell=_tell):
            yield
    finally:
        await runtime.webhooks.close()


def _tell(job: Job, problem: Exception, _: int) -> None:
    log.warning("notices_failed", job=job.name, kind=type(problem).__name__)
