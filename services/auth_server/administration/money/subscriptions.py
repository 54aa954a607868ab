"""List the subscriptions at Stripe as they were last read, and read them again."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from auth_server.administration.errors import NotFound, Refused
from auth_server.administration.operator import ActingOperator
from auth_server.administration.paging import Slice, cut
from auth_server.billing.account import Billing
from auth_server.billing.errors import BillingError
from auth_server.billing.refresh_account import refresh_account
from auth_server.db.engine import DbSession
from auth_server.records.audit.store import Audit, record
from auth_server.records.billing_accounts.store import find_account, list_accounts
from auth_server.records.billing_accounts.table import BillingAccount
from auth_server.records.tenants.store import list_tenant_names


class SubscriptionView(BaseModel):
    """A tenant's customer and subscription at Stripe, as they were last read."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    tenant_id: str
    tenant_name: str
    customer: str
    """The customer at Stripe."""
    subscription: str
    """The subscription at Stripe; empty if the tenant never had one."""
    status: str
    """In Stripe's words; empty without a subscription."""
    plan: str
    """The plan that the subscription gives now; empty for none."""
    ends_at: datetime | None
    """When it ends, if it was cancelled."""
    read_at: datetime | None
    """When it was last read."""


async def read_subscriptions(
    db: DbSession, operator: ActingOperator, *, after: str = "", limit: int
) -> Slice[SubscriptionView]:
    """List the tenants that have a customer at Stripe, by id.

    Raises:
        Forbidden: `billing:read` is missing.
    """
    operator.require("billing:read")
    rows = await list_accounts(db, after=after, most=limit + 1)
    names = await list_tenant_names(db, [row.tenant_id for row in rows])
    views = [_view(row, names.get(row.tenant_id, row.tenant_id)) for row in rows]
    return cut(views, limit, place=lambda view: view.tenant_id)


async def refresh_subscription(
    billing: Billing | None, operator: ActingOperator, tenant_id: str
) -> SubscriptionView:
    """Read a tenant's subscription and payments at Stripe again, which may change its plan and credit.

    Raises:
        Forbidden: `billing:write` is missing.
        NotFound: the tenant has no customer at Stripe.
        Refused: the settings name no Stripe account, Stripe does not answer, or the subscription can't
            be understood.
    """
    operator.require("billing:write")
    if billing is None:
        raise Refused("stripe", "the settings name no Stripe account: set auth_server.stripe")
    async with billing.database.reading() as db:
        await _require(db, tenant_id)
    try:
        await refresh_account(billing, tenant_id)
    except BillingError as error:
        raise Refused("stripe", str(error)) from error
    async with billing.transaction() as db:
        operator.act(db, "billing:write")
        row = await _require(db, tenant_id)
        names = await list_tenant_names(db, [tenant_id])
        detail: dict[str, str | int | bool | list[str]] = {"status": row.status, "plan": row.plan}
        refreshed = Audit("subscription.refreshed", tenant_id=tenant_id, detail=detail)
        await record(db, refreshed, now=billing.now())
    return _view(row, names.get(tenant_id, tenant_id))


async def _require(db: DbSession, tenant_id: str) -> BillingAccount:
    row = await find_account(db, tenant_id) if tenant_id.isprintable() else None
    if row is None:
        raise NotFound(f"the tenant {tenant_id[:255]} has no customer at Stripe")
    return row


def _view(row: BillingAccount, tenant_name: str) -> SubscriptionView:
    return SubscriptionView(
        tenant_id=row.tenant_id,
        tenant_name=tenant_name,
        customer=row.customer_id,
        subscription=row.subscription_id,
        status=row.status,
        plan=row.plan,
        ends_at=row.ends_at,
        read_at=row.read_at,
    )
