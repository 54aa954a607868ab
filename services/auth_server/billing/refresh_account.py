"""Read a tenant's subscription at Stripe and give the tenant the plan that follows from it."""

import structlog

from auth_server.billing.account import Billing
from auth_server.billing.credits import collect_credits
from auth_server.billing.errors import BillingError, BillingUnavailable, stripe_errors
from auth_server.billing.states import NEVER_BEGAN, Subscribed, choose_subscription
from auth_server.db.engine import DbSession
from auth_server.records.audit.store import Audit, record
from auth_server.records.billing_accounts.store import find_account, lock_account
from auth_server.records.billing_accounts.table import BillingAccount
from auth_server.records.plans.store import list_plans
from auth_server.records.tenants.store import change_plan, lock_tenant

_MOST_READINGS = 5

log = structlog.get_logger()


async def refresh_account(billing: Billing, tenant_id: str) -> Subscribed:
    """Bring a tenant's plan and credit in line with its subscription and payments at Stripe.

    Events call this, so their order does not matter. If the account changed while Stripe answered, it
    reads again, so that an old answer never overwrites a newer one.

    Raises:
        BillingError: the tenant has no billing account, or its subscription can't be understood.
        BillingUnavailable: Stripe does not answer.
    """
    subscribed = await _refresh_subscription(billing, tenant_id)
    # Last, so that a payment that can't be understood does not keep the plan from the tenant.
    await collect_credits(billing, tenant_id)
    return subscribed


async def _refresh_subscription(billing: Billing, tenant_id: str) -> Subscribed:
    for _ in range(_MOST_READINGS):
        async with billing.database.reading() as db:
            account = await find_account(db, tenant_id)
        if account is None:
            raise BillingError(f"the tenant {tenant_id} has no billing account")
        with stripe_errors():
            page = await billing.stripe.v1.subscriptions.list_async(
                {"customer": account.customer_id, "status": "all", "limit": 100}
            )
        subscribed = choose_subscription(page.data)
        async with billing.transaction() as db:
            if await _store(db, billing, account, subscribed):
                return subscribed
    raise BillingUnavailable(f"the billing account of {tenant_id} keeps changing")


async def _store(
    db: DbSession, billing: Billing, known: BillingAccount, subscribed: Subscribed
) -> bool:
    now = billing.now()
    tenant = await lock_tenant(db, known.tenant_id)
    account = await lock_account(db, known.tenant_id)
    if account is None or account.version != known.version:
        return False
    before, known_as, billed = account.plan, _state(account), account.bills(now)
    account.version += 1
    account.read_at = now
    account.subscription_id, account.status = subscribed.subscription_id, subscribed.status
    # Usage since the first subscription is exported, also late usage of a former one.
    if subscribed.status not in NEVER_BEGAN:
        account.subscribed_at = account.subscribed_at or subscribed.started_at
    elif account.subscribed_at == subscribed.started_at:
        account.subscribed_at = None
    account.period_start, account.period_end = subscribed.period_start, subscribed.period_end
    account.plan, account.ends_at = subscribed.plan, subscribed.ends_at
    if _state(account) != known_as:
        detail = {**_state(account), "former_status": known_as["status"], "former_plan": before}
        subscription = Audit("subscription.changed", tenant_id=account.tenant_id, detail=detail)
        await record(db, subscription, now=now)
    plans = [plan.name for plan in await list_plans(db)]
    if subscribed.plan and subscribed.plan not in plans:
        raise BillingError(
            f"the subscription gives the plan {subscribed.plan}, which does not exist"
        )
    # Without a subscription, only a plan that came from one is taken away: an operator may have given
    # the tenant another.
    default = plans[0] if before and tenant and tenant.rate_limit_tier == before else ""
    plan = subscribed.plan or default
    if tenant is not None and account.bills(now) != billed:
        # Gateways hear whether credit pays for units, also if the plan stays the same.
        tenant.plan_changed_at = now
    if tenant is not None and plan and tenant.rate_limit_tier != plan:
        change_plan(tenant, plan, now=now)
        detail = {"rate_limit_tier": plan, "subscription": subscribed.status}
        changed = Audit("tenant.changed", tenant_id=tenant.tenant_id, detail=detail)
        await record(db, changed, now=now)
        log.info("plan_changed", tenant_id=tenant.tenant_id, plan=plan, status=subscribed.status)
    await db.flush()
    return True


def _state(account: BillingAccount) -> dict[str, str]:
    """Return the changes of a subscription that its tenant hears of."""
    ends_at = account.ends_at.isoformat(timespec="seconds") if account.ends_at else ""
    return {"status": account.status or "", "plan": account.plan or "", "ends_at": ends_at}
