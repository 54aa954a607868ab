"""Look the TXT records of verified domains up again every day."""

import asyncio
from datetime import timedelta

import structlog

from auth_server.outbound.txt_records import NoAnswer
from auth_server.records.tenant_domains.store import defer_check, list_due_domains
from auth_server.records.tenant_domains.table import record_name
from auth_server.runtime import Runtime
from auth_server.tenancy.domains import settle_check

_AT_ONCE = 20
"""How many records are looked up in one run, all at the same time."""
_TRIED_AGAIN = timedelta(hours=1)

log = structlog.get_logger()


async def check_domains(opened: Runtime) -> None:
    """Check the domains that are due; one without an answer is tried again in an hour.

    A name server that does not answer ends nothing, however long it lasts.
    """
    async with opened.database.reading() as db:
        due = await list_due_domains(db, now=opened.now(), most=_AT_ONCE)
    mine = [one for one in due if await _take(opened, *one)]
    await asyncio.gather(*(_check(opened, *one) for one in mine))


async def _take(opened: Runtime, tenant_id: str, domain: str) -> bool:
    # Deferred first, so that of several processes one looks it up.
    async with opened.transaction() as db:
        return await defer_check(db, tenant_id, domain, by=_TRIED_AGAIN, now=opened.now())


async def _check(opened: Runtime, tenant_id: str, domain: str) -> None:
    try:
        texts = await opened.look_up_txt(record_name(domain))
    except NoAnswer as error:
        log.info("domain_unanswered", tenant_id=tenant_id, domain=domain, reason=str(error))
        return
    async with opened.transaction() as db:
        lifetime = opened.settings.longest_token_lifetime
        found = await settle_check(
            db, tenant_id, domain, texts, lifetime=lifetime, now=opened.now()
        )
    if found == "lost":
        log.warning("domain_lost", tenant_id=tenant_id, domain=domain)
