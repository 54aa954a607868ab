"""Claim the e-mail domains of a tenant, and prove them by a TXT record in the DNS.

A claim gives nothing, and many tenants may claim one domain. A domain is verified for the tenant whose
record is there, for one tenant at a time. A record that is missing for seven days ends that.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import urlencode

from auth_server.db.engine import DbSession
from auth_server.outbox.queue import queue_mail
from auth_server.records.attempts.store import count_attempt
from auth_server.records.audit.store import Audit, Event, record
from auth_server.records.people.store import find_people
from auth_server.records.tenant_domains.store import (
    add_domain,
    drop_domain,
    find_domain,
    list_domains,
    verify_domain,
)
from auth_server.records.tenant_domains.table import TenantDomain
from auth_server.records.tenants.store import list_admins, lock_tenant
from auth_server.secrets import hash_secret
from auth_server.tenancy.change_policy import ChangeRefused, require_admin
from auth_server.tenancy.domain_names import PUBLIC_MAIL_DOMAINS, UnusableDomain, normalize_domain
from auth_server.tenancy.own_provider import end_other_sign_ins

PAGE = "/account/organisation/domains"
MOST_DOMAINS = 50
MOST_CHECKS = 30
"""How often the admins of a tenant may have records looked up in an hour."""
CHECKED_EVERY = timedelta(days=1)
ENDS_AFTER = timedelta(days=7)
"""How long a record may be missing before the domain is no longer verified."""
_MOST_ADMINS = 20

Found = Literal["verified", "missing", "taken", "lost"]
"""`taken`: the record is there, but another tenant has the domain verified."""


class RuleNeedsDomain(ChangeRefused):
    """Members must sign in with the tenant's provider, which needs the domain."""


def page_of(tenant_id: str) -> str:
    """Return the page of a tenant's domains, as a path of this server."""
    return f"{PAGE}?{urlencode({'tenant': tenant_id})}"


async def claim_domain(
    db: DbSession, text: str, tenant_id: str, *, by: str | None, token: str, now: datetime
) -> TenantDomain:
    """Claim a domain, which still has to be proved.

    Args:
        db: the open transaction.
        text: the domain, as somebody typed it.
        tenant_id: the tenant.
        by: the admin of the tenant; None for an operator.
        token: a new random value for the TXT record.
        now: the time.

    Raises:
        ChangeRefused: the admin may not do this, the domain can't be claimed, or there are too many.
    """
    await require_admin(db, by, tenant_id)
    try:
        name = normalize_domain(text.strip().removeprefix("@").removesuffix("."))
    except UnusableDomain:
        raise ChangeRefused("Enter a domain such as example.com.") from None
    if name in PUBLIC_MAIL_DOMAINS:
        raise ChangeRefused("Anybody can get an address at this domain, so nobody can claim it.")
    if await lock_tenant(db, tenant_id) is None:
        raise ChangeRefused(f"the tenant {tenant_id} does not exist")
    known = await list_domains(db, tenant_id)
    if any(domain.domain == name for domain in known):
        raise ChangeRefused("This domain is in the list already.")
    if len(known) >= MOST_DOMAINS:
        raise ChangeRefused("There are 50 domains. Remove some of them first.")
    domain = TenantDomain(tenant_id=tenant_id, domain=name, token=token, claimed_at=now)
    await add_domain(db, domain)
    await _record(db, "domain.claimed", domain, by=by, now=now)
    return domain


async def begin_check(
    db: DbSession, tenant_id: str, name: str, *, by: str | None, now: datetime
) -> TenantDomain:
    """Find a claimed domain, whose record the caller looks up outside of the transaction.

    Raises:
        ChangeRefused: the admin may not do this, the tenant does not claim the domain, or there were
            too many checks.
    """
    domain = await _require_domain(db, tenant_id, name, by=by)
    counted_as, hour = hash_secret(f"domain checks of {tenant_id}"), timedelta(hours=1)
    if await count_attempt(db, counted_as, most=MOST_CHECKS, window=hour, now=now) is not None:
        raise ChangeRefused("The domains were checked 30 times within an hour. Try again later.")
    return domain


async def settle_check(
    db: DbSession,
    tenant_id: str,
    name: str,
    texts: Collection[str],
    *,
    lifetime: timedelta,
    now: datetime,
) -> Found | None:
    """Take what the DNS has at a domain: verify it, or note that its record is missing.

    Args:
        db: the open transaction.
        tenant_id: the tenant.
        name: the domain.
        texts: the TXT records; none if the DNS says that there are none.
        lifetime: how long access tokens live; a lost domain ends what its people's provider allowed.
        now: the time.

    Returns:
        The result; None if the tenant has removed the domain.
    """
    await lock_tenant(db, tenant_id)
    domain = await find_domain(db, tenant_id, name)
    if domain is None:
        return None
    present = domain.record_value in {text.strip() for text in texts}
    domain.checked_at = now
    if domain.verified_domain is None:
        await db.flush()
        if not present:
            return "missing"
        if not await verify_domain(db, tenant_id, name, check_at=now + CHECKED_EVERY, now=now):
            return "taken"
        await _record(db, "domain.verified", domain, by=None, now=now)
        return "verified"
    domain.check_at = now + CHECKED_EVERY
    if present:
        domain.missing_since = None
        await db.flush()
        return "verified"
    if domain.missing_since is None:
        domain.missing_since = now
        await db.flush()
        await _tell_admins(db, domain, ENDS_AFTER.days, now=now)
        return "missing"
    if now - domain.missing_since < ENDS_AFTER:
        await db.flush()
        return "missing"
    domain.verified_domain = domain.verified_at = domain.check_at = domain.missing_since = None
    await db.flush()
    await _record(db, "domain.lost", domain, by=None, now=now)
    await end_other_sign_ins(db, tenant_id, lifetime=lifetime, now=now)
    await _tell_admins(db, domain, 0, now=now)
    return "lost"


async def remove_domain(
    db: DbSession,
    tenant_id: str,
    name: str,
    *,
    by: str | None,
    lifetime: timedelta,
    now: datetime,
) -> None:
    """End the claim on a domain at once, whether or not it is verified.

    Connections and API keys that sessions of the tenant's provider allowed to its people end too.

    Raises:
        ChangeRefused: the admin may not do this, the tenant does not claim the domain, or its members
            must sign in with its provider, which needs the domain.
    """
    domain = await _require_domain(db, tenant_id, name, by=by)
    tenant, verified = await lock_tenant(db, tenant_id), domain.verified_domain is not None
    if verified and tenant is not None and tenant.provider_only_since is not None:
        raise RuleNeedsDomain(
            "Members must sign in with your organisation's provider, which needs the domain. Switch that "
            "rule off first."
        )
    await drop_domain(db, domain)
    await _record(db, "domain.removed", domain, by=by, now=now)
    if verified:
        await end_other_sign_ins(db, tenant_id, lifetime=lifetime, now=now)


async def _require_domain(
    db: DbSession, tenant_id: str, name: str, *, by: str | None
) -> TenantDomain:
    await require_admin(db, by, tenant_id)
    await lock_tenant(db, tenant_id)
    domain = await find_domain(db, tenant_id, name)
    if domain is None:
        raise ChangeRefused("This domain is no longer in the list.")
    return domain


async def _tell_admins(db: DbSession, domain: TenantDomain, days: int, *, now: datetime) -> None:
    tenant = await lock_tenant(db, domain.tenant_id)
    admins = await list_admins(db, domain.tenant_id, most=_MOST_ADMINS)
    for admin in (await find_people(db, admins)).values():
        values: dict[str, str | int] = {
            "name": admin.name,
            "domain": domain.domain,
            "tenant": tenant.name if tenant else domain.tenant_id,
            "days": days,
            "path": page_of(domain.tenant_id),
        }
        language = admin.language
        await queue_mail(
            db, "domain_record_missing", to=admin.email, language=language, values=values, now=now
        )


async def _record(
    db: DbSession, event: Event, domain: TenantDomain, *, by: str | None, now: datetime
) -> None:
    entry = Audit(
        event,
        person_id=by or "",
        tenant_id=domain.tenant_id,
        detail={"domain": domain.domain},
    )
    await record(db, entry, now=now)
