"""Compare the plans with the products and prices at Stripe, and make what is missing there."""

from auth_server.administration.errors import Refused
from auth_server.administration.operator import ActingOperator
from auth_server.billing.account import Billing
from auth_server.billing.errors import BillingError
from auth_server.billing.prices import Change, make_changes, plan_changes
from auth_server.records.audit.store import Audit, record
from auth_server.records.plans.store import list_plans


async def read_price_changes(billing: Billing | None, operator: ActingOperator) -> list[str]:
    """Say in words what Stripe lacks for the plans; it asks Stripe and changes nothing.

    Raises:
        Forbidden: `billing:read` is missing.
        Refused: the settings name no Stripe account, or Stripe refuses or does not answer.
    """
    operator.require("billing:read")
    return [change.said for change in await _plan(_require_billing(billing))]


async def make_price_changes(billing: Billing | None, operator: ActingOperator) -> list[str]:
    """Make at Stripe what the plans need: products, prices and the meter; return the changes in words.

    Raises:
        Forbidden: `billing:write` is missing.
        Refused: the settings name no Stripe account, or Stripe refuses or does not answer; the changes
            that were made before stay.
    """
    operator.require("billing:write")
    opened = _require_billing(billing)
    changes = await _plan(opened)
    if not changes:
        return []
    made = [change.said for change in changes]
    try:
        await make_changes(changes)
    except BillingError as error:
        raise Refused("stripe", str(error)) from error
    async with opened.transaction() as db:
        operator.act(db, "billing:write")
        await record(db, Audit("billing.synced", detail={"changes": made}), now=opened.now())
    return made


def _require_billing(billing: Billing | None) -> Billing:
    if billing is None:
        raise Refused("stripe", "the settings name no Stripe account: set auth_server.stripe")
    return billing


async def _plan(billing: Billing) -> list[Change]:
    async with billing.database.reading() as db:
        plans = await list_plans(db)
    try:
        return await plan_changes(billing.stripe, plans)
    except BillingError as error:
        raise Refused("stripe", str(error)) from error
