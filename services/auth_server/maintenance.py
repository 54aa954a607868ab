"""Run maintenance every minute: rotate keys, read catalogues, delete expired records."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

import structlog

from auth_server.archive.write import archive_calls
from auth_server.billing.account import Billing
from auth_server.billing.inbox import maintain_billing
from auth_server.catalogues.reader import CatalogueUnavailable
from auth_server.db.engine import DbSession
from auth_server.flow.one_time_codes import reseal_secrets
from auth_server.metering.notice_quotas import notice_quotas
from auth_server.records.attempts.store import purge_attempts
from auth_server.records.audit.store import Audit, record
from auth_server.records.audit.verify import purge_entries, renew_seal_key
from auth_server.records.authorization_codes.store import purge_codes
from auth_server.records.authorization_requests.store import (
    is_under_way,
    purge_authorization_requests,
)
from auth_server.records.call_log.store import purge_calls
from auth_server.records.client_assertions.store import purge_assertions
from auth_server.records.clients.store import purge_unused_clients
from auth_server.records.flow_states.store import purge_flow_states
from auth_server.records.grants.store import list_grants_over, was_granted
from auth_server.records.plan_requests.store import KEPT, purge_requests
from auth_server.records.refresh_tokens.store import purge_refresh_tokens
from auth_server.records.refused_events.store import purge_refused
from auth_server.records.sessions.store import purge_sessions
from auth_server.revocations.revoke import revoke_grant
from auth_server.runtime import Runtime

log = structlog.get_logger()

EVERY = 60.0
# Longer than any grace window. A refresh token names its family, so it is recognised without its row.
_KEEP_TOKENS = timedelta(hours=1)
# Long enough to recognise a code that is presented again.
_KEEP = timedelta(days=7)
_AT_ONCE = timedelta(0)
# A client that registered itself, or that a document describes, is kept for an hour without a grant,
# so that a person can approve it, and for ninety days after its last grant has ended.
_NEVER_USED = timedelta(hours=1)
_UNUSED = timedelta(days=90)
_MOST_ROUNDS = 500


class Purge(Protocol):
    """Deletes some old rows."""

    async def __call__(self, db: DbSession, *, before: datetime) -> bool:
        """Return whether there may be more."""
        ...


PURGES: tuple[tuple[Purge, timedelta], ...] = (
    (purge_authorization_requests, _AT_ONCE),
    (purge_assertions, _AT_ONCE),
    (purge_flow_states, _AT_ONCE),
    (purge_attempts, _KEEP),
    (purge_sessions, _KEEP),
    (purge_codes, _KEEP),
    (purge_refresh_tokens, _KEEP_TOKENS),
    (purge_requests, KEPT),
)
"""Each purge, and how long it keeps what is over."""

Sleep = Callable[[float], Awaitable[None]]


async def maintain(opened: Runtime) -> None:
    """Run all maintenance once."""
    now, lifetime = opened.now(), opened.settings.longest_token_lifetime
    await opened.keyring.maintain(now)
    await _read_catalogues(opened)
    await _tell_denials(opened)
    async with opened.database.reading() as db:
        over = await list_grants_over(db, now=now)
    for grant_id in over:
        async with opened.transaction() as db:
            await revoke_grant(db, grant_id, "its time was over", lifetime=lifetime, now=now)
    for purge, keep in PURGES:
        await _in_steps(opened, purge, before=now - keep)
    async with opened.database.writing() as db, db.begin():
        await _forget_clients(db, now)
        await reseal_secrets(db, opened.keys)
    async with opened.database.writing() as db, db.begin():
        await renew_seal_key(db)
    old = now - opened.settings.call_log_retention
    if (folder := opened.settings.call_log_archive) is not None:
        for _ in range(_MOST_ROUNDS):
            if not await archive_calls(opened.database, folder, before=old):
                break
    else:
        await _in_steps(opened, purge_calls, before=old)
    await _in_steps(opened, purge_refused, before=old)
    if (retention := opened.settings.audit_retention) is not None:
        await _in_steps(opened, purge_entries, before=now - retention)
    async with opened.database.reading() as db:
        await opened.heads.write(db, now=now)


async def _read_catalogues(opened: Runtime) -> None:
    for resource in opened.settings.resources:
        try:
            await opened.catalogues.read(resource)
        except CatalogueUnavailable as error:
            log.info("catalogue_unavailable", resource=resource.resource, reason=str(error))


async def _tell_denials(opened: Runtime) -> None:
    if not (denials := opened.denials.take()):
        return
    async with opened.database.writing() as db, db.begin():
        for denial in denials:
            await record(db, Audit("denied", detail=denial), now=opened.now())


async def _in_steps(opened: Runtime, purge: Purge, *, before: datetime) -> None:
    # In small transactions, because requests would wait for a long one.
    for _ in range(_MOST_ROUNDS):
        async with opened.database.writing() as db, db.begin():
            if not await purge(db, before=before):
                return


async def _forget_clients(db: DbSession, now: datetime) -> None:
    in_use = (is_under_way, partial(was_granted, since=now - _UNUSED))
    gone = await purge_unused_clients(db, before=now - _NEVER_USED, in_use=in_use)
    for client_id in gone:
        unused = Audit("client.deleted", client_id=client_id, detail={"reason": "unused"})
        await record(db, unused, now=now)


@asynccontextmanager
async def maintained(
    opened: Runtime, billing: Billing | None = None, *, sleep: Sleep = asyncio.sleep
) -> AsyncIterator[None]:
    """Run maintenance every minute while the service runs."""

    async def repeat() -> None:
        while True:
            await sleep(EVERY)
            try:
                await maintain(opened)
                await notice_quotas(opened.database, opened.now())
            except Exception as error:  # noqa: BLE001 - the database may recover
                log.warning("maintenance_failed", kind=type(error).__name__)
            if billing is not None:
                try:
                    await maintain_billing(billing)
                except Exception as error:  # noqa: BLE001 - the database may recover
                    log.warning("maintenance_failed", kind=type(error).__name__)

    task = asyncio.create_task(repeat())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        try:
            await _tell_denials(opened)
        except Exception as error:  # noqa: BLE001 - the shutdown must continue
            log.warning("denials_lost", kind=type(error).__name__)
