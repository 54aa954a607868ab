"""Run maintenance every minute: rotate keys, read catalogues, delete expired records."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

import structlog

from auth_server.accounts.recover_factors import tell_ready_recoveries
from auth_server.archive.write import archive_calls, archive_month
from auth_server.billing.account import Billing
from auth_server.billing.inbox import maintain_billing
from auth_server.catalogues.reader import CatalogueUnavailable
from auth_server.credits.change import announce_due_credits
from auth_server.db.engine import DbSession
from auth_server.db.months import (
    claim_detached_month,
    detach_month,
    drop_detached_month,
    find_strays,
    list_months,
    make_months,
)
from auth_server.db.purge import AT_ONCE
from auth_server.flow.one_time_codes import reseal_secrets
from auth_server.linking.look_after import look_after_accounts
from auth_server.linking.sealed import reseal_accounts
from auth_server.metering.notice_quotas import notice_quotas
from auth_server.notices.check_domains import check_domains
from auth_server.notices.compare_books import compare_books
from auth_server.notices.expiring_keys import notice_expiring_keys
from auth_server.notices.mails import queue_key_notice, queue_quota_notice
from auth_server.records.app_requests.store import KEPT as KEPT_APP_REQUESTS
from auth_server.records.app_requests.store import purge_app_requests
from auth_server.records.attempts.store import purge_attempts
from auth_server.records.audit.store import Audit, record
from auth_server.records.audit.verify import purge_entries, renew_seal_key
from auth_server.records.authentications.store import purge_authentications
from auth_server.records.authorization_codes.store import purge_codes
from auth_server.records.authorization_requests.store import (
    is_under_way,
    take_expired_requests,
)
from auth_server.records.call_approvals.store import purge_call_approvals
from auth_server.records.call_log.store import purge_calls
from auth_server.records.call_log.table import CALL_LOG
from auth_server.records.client_assertions.store import purge_assertions
from auth_server.records.clients.store import note_refresh, purge_unused_clients
from auth_server.records.component_tokens.store import purge_component_tokens
from auth_server.records.connect_steps.store import add_steps, purge_steps
from auth_server.records.delegations.store import purge_delegations
from auth_server.records.device_authorizations.store import purge_device_authorizations
from auth_server.records.email_changes.store import purge_email_changes
from auth_server.records.factor_recoveries.store import purge_recoveries
from auth_server.records.flow_states.store import purge_flow_states
from auth_server.records.gateways.store import purge_reports
from auth_server.records.grants.store import list_grants_over, was_granted
from auth_server.records.invitations.store import KEPT as KEPT_INVITATIONS
from auth_server.records.invitations.store import purge_invitations
from auth_server.records.ledger.table import LEDGER
from auth_server.records.mails.store import purge_mails
from auth_server.records.password_links.store import purge_links
from auth_server.records.plan_requests.store import KEPT, purge_requests
from auth_server.records.pushed_requests.store import purge_pushed_requests
from auth_server.records.quota_notices.store import purge_notices
from auth_server.records.refresh_tokens.store import purge_refresh_tokens
from auth_server.records.refused_events.store import purge_refused
from auth_server.records.sessions.store import purge_sessions
from auth_server.records.unmet_calls.store import purge_unmet
from auth_server.records.webhooks.deliveries import purge_deliveries
from auth_server.revocations.revoke import revoke_grant
from auth_server.runtime import Runtime
from auth_server.webhooks.secrets import maintain_signing_secrets
from gatepost.background import Job, Sleep, repeating
from gatepost.metering.plans import end_of_month, start_of_day
from gatepost.tracing.jobs import record_jobs

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
_KEEP_NOTICES = timedelta(days=400)
_DAY = 24 * 60
_MOST_ROUNDS = 500
_TOLD_AS_STEPS = {"/authorize", "/register", "/sign-in", "/token"}


class Purge(Protocol):
    """Deletes some old rows."""

    async def __call__(self, db: DbSession, *, before: datetime) -> bool:
        """Return whether there may be more."""
        ...


PURGES: tuple[tuple[Purge, timedelta], ...] = (
    (purge_assertions, _AT_ONCE),
    (purge_flow_states, _AT_ONCE),
    (purge_pushed_requests, _AT_ONCE),
    (purge_attempts, _KEEP),
    (purge_sessions, _KEEP),
    (purge_codes, _KEEP),
    (purge_authentications, _AT_ONCE),
    (purge_delegations, _KEEP),
    (purge_device_authorizations, _KEEP),
    (purge_mails, _KEEP),
    (purge_links, _AT_ONCE),
    (purge_component_tokens, _KEEP_TOKENS),
    (purge_email_changes, _AT_ONCE),
    (purge_recoveries, _AT_ONCE),
    (purge_invitations, KEPT_INVITATIONS),
    (purge_app_requests, KEPT_APP_REQUESTS),
    (purge_call_approvals, _AT_ONCE),
    (purge_refresh_tokens, _KEEP_TOKENS),
    (purge_requests, KEPT),
    (purge_reports, timedelta(days=1)),
    (purge_deliveries, timedelta(days=30)),
    (purge_steps, timedelta(days=400)),
    (purge_unmet, timedelta(days=90)),
)
"""Each purge, and how long it keeps what is over."""


async def maintain(opened: Runtime) -> None:
    """Run all maintenance once."""
    for _, run, _ in JOBS:
        await run(opened)


async def _keep_keys(opened: Runtime) -> None:
    await opened.keyring.maintain(opened.now())


async def _read_catalogues(opened: Runtime) -> None:
    for resource in opened.settings.resources:
        try:
            await opened.catalogues.read(resource)
        except CatalogueUnavailable as error:
            log.info("catalogue_unavailable", resource=resource.resource, reason=str(error))


async def _tell_denials(opened: Runtime) -> None:
    denials, now = opened.denials.take(), opened.now()
    day, steps = start_of_day(now), Counter[tuple[datetime, str, str]]()
    for step, times in opened.steps.take().items():
        steps[day, step, ""] += times
    for denial in denials:
        if (path := str(denial["path"])) in _TOLD_AS_STEPS:
            steps[day, f"refused_{path[1:]}", str(denial["error"])] += int(denial["times"])
    if not denials and not steps:
        return
    async with opened.database.writing() as db, db.begin():
        await add_steps(db, steps)
        for denial in denials:
            await record(db, Audit("denied", detail=denial), now=now)


async def _note_refreshes(opened: Runtime) -> None:
    clients, now = opened.refreshes.take(), opened.now()
    for client_id in clients:
        async with opened.database.writing() as db, db.begin():
            await note_refresh(db, client_id, now=now)


async def _count_requests(opened: Runtime) -> None:
    for _ in range(_MOST_ROUNDS):
        async with opened.database.writing() as db, db.begin():
            gone = await take_expired_requests(db, before=opened.now())
            await add_steps(
                db, Counter((start_of_day(at), "authorization", came) for at, came in gone)
            )
        if len(gone) < AT_ONCE:
            break


async def _end_grants(opened: Runtime) -> None:
    now, lifetime = opened.now(), opened.settings.longest_token_lifetime
    async with opened.database.reading() as db:
        over = await list_grants_over(db, now=now)
    for grant_id in over:
        async with opened.transaction() as db:
            await revoke_grant(db, grant_id, "its time was over", lifetime=lifetime, now=now)


async def _purge(opened: Runtime) -> None:
    for purge, keep in PURGES:
        await _in_steps(opened, purge, before=opened.now() - keep)


async def _purge_notices(opened: Runtime) -> None:
    await _in_steps(opened, purge_notices, before=opened.now() - _KEEP_NOTICES)


async def _forget_clients(opened: Runtime) -> None:
    now = opened.now()
    async with opened.database.writing() as db, db.begin():
        in_use = (is_under_way, partial(was_granted, since=now - _UNUSED))
        gone = await purge_unused_clients(db, before=now - _NEVER_USED, in_use=in_use)
        for client_id in gone:
            unused = Audit("client.deleted", client_id=client_id, detail={"reason": "unused"})
            await record(db, unused, now=now)


async def _renew_seals(opened: Runtime) -> None:
    async with opened.database.writing() as db, db.begin():
        await reseal_secrets(db, opened.keys)
    await reseal_accounts(opened.database, opened.keys)
    async with opened.database.writing() as db, db.begin():
        await renew_seal_key(db)
        await maintain_signing_secrets(db, opened.keys, now=opened.now())


async def _look_after_accounts(opened: Runtime) -> None:
    await look_after_accounts(opened.database, opened.keys, opened.link_providers, opened.now)


async def _keep_calls(opened: Runtime) -> None:
    old = opened.now() - opened.settings.call_log_retention
    folder = opened.settings.call_log_archive
    async with opened.database.reading() as db:
        months = await list_months(db, CALL_LOG)
    for month in months:
        if end_of_month(month) <= old:
            async with opened.database.writing() as db, db.begin():
                await detach_month(db, CALL_LOG, month)
    async with opened.database.reading() as db:
        detached = await list_months(db, CALL_LOG, attached=False)
    # A restored backup may have detached months that are not over.
    for month in (month for month in detached if end_of_month(month) <= old):
        async with opened.database.writing() as db, db.begin():
            if await claim_detached_month(db, CALL_LOG, month):
                if folder is not None:
                    await archive_month(db, folder, month)
                await drop_detached_month(db, CALL_LOG, month)
    # Where months are dropped, only what is older than all of them is left to be deleted.
    old = min([old, *(month for month in months if end_of_month(month) > old)])
    if folder is None:
        await _in_steps(opened, purge_calls, before=old)
        return
    for _ in range(_MOST_ROUNDS):
        if not await archive_calls(opened.database, folder, before=old):
            break


async def _make_months(opened: Runtime) -> None:
    for table in (CALL_LOG, LEDGER):
        async with opened.database.writing() as db, db.begin():
            await make_months(db, table, now=opened.now())
            strays = await find_strays(db, table)
        if strays is not None:
            log.warning(
                "rows_without_month",
                table=table,
                rows=strays.rows,
                first=strays.first.isoformat(),
                last=strays.last.isoformat(),
            )


async def _purge_refused(opened: Runtime) -> None:
    old = opened.now() - opened.settings.call_log_retention
    await _in_steps(opened, purge_refused, before=old)


async def _keep_audit_log(opened: Runtime) -> None:
    now = opened.now()
    if (retention := opened.settings.audit_retention) is not None:
        await _in_steps(opened, purge_entries, before=now - retention)
    async with opened.database.reading() as db:
        await opened.heads.write(db, now=now)


async def _tell_recoveries(opened: Runtime) -> None:
    async with opened.transaction() as db:
        await tell_ready_recoveries(db, now=opened.now())


async def _notice_quotas(opened: Runtime) -> None:
    await notice_quotas(opened.database, opened.now(), take=(queue_quota_notice,))


async def _notice_expiring_keys(opened: Runtime) -> None:
    await notice_expiring_keys(opened.database, (queue_key_notice,), now=opened.now())


async def _compare_books(opened: Runtime) -> None:
    await compare_books(opened.database, now=opened.now())


async def _announce_credits(opened: Runtime) -> None:
    async with opened.transaction() as db:
        await announce_due_credits(db, now=opened.now())


JOBS: tuple[tuple[str, Callable[[Runtime], Awaitable[None]], int], ...] = (
    ("signing_keys", _keep_keys, 1),
    ("catalogues", _read_catalogues, 1),
    ("denials", _tell_denials, 1),
    ("refreshes", _note_refreshes, 1),
    ("grants", _end_grants, 1),
    ("authorization_requests", _count_requests, 1),
    ("expired", _purge, 1),
    ("clients", _forget_clients, 1),
    ("linked_accounts", _look_after_accounts, 1),
    ("seals", _renew_seals, 1),
    ("months", _make_months, _DAY),
    ("call_log", _keep_calls, 1),
    ("refused_events", _purge_refused, 1),
    ("audit_log", _keep_audit_log, 1),
    ("recoveries", _tell_recoveries, 1),
    ("quotas", _notice_quotas, 1),
    ("credits", _announce_credits, 1),
    ("quota_notices", _purge_notices, _DAY),
    ("expiring_keys", _notice_expiring_keys, 1),
    ("books", _compare_books, 1),
    ("domains", check_domains, 10),
)
"""Each job with its name in the log, and the minutes between two runs."""


async def _in_steps(opened: Runtime, purge: Purge, *, before: datetime) -> None:
    # In small transactions, because requests would wait for a long one.
    for _ in range(_MOST_ROUNDS):
        async with opened.database.writing() as db, db.begin():
            if not await purge(db, before=before):
                return


@asynccontextmanager
async def maintained(
    opened: Runtime, billing: Billing | None = None, *, sleep: Sleep = asyncio.sleep
) -> AsyncIterator[None]:
    """Run maintenance every minute while the service runs."""
    jobs = [Job(name, partial(run, opened), rounds) for name, run, rounds in JOBS]
    if billing is not None:
        jobs.append(Job("billing", partial(maintain_billing, billing)))
    async with repeating(record_jobs(jobs, opened.tracing), every=EVERY, tell=_tell, sleep=sleep):
        yield
    try:
        await _tell_denials(opened)
        await _note_refreshes(opened)
    except Exception as error:  # noqa: BLE001 - the shutdown must continue
        log.warning("denials_lost", kind=type(error).__name__)


def _tell(job: Job, problem: Exception, _: int) -> None:
    log.warning("maintenance_failed", job=job.name, kind=type(problem).__name__)
