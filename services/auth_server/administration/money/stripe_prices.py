"""Compare the plans with the products and prices at Stripe, and make what is missing there."""

from collections.abc import Sequence
from hashlib import sha256

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


async def make_price_changes(
    billing: Billing | None, operator: ActingOperator, *, confirmed: str | None = None
) -> list[str]:
    """Make at Stripe what the plans need: products, prices and the meter; return the changes in words.

    Args:
        billing: the account at Stripe.
        operator: who asks for it.
        confirmed: the digest of the changes that a person saw and confirmed; others are not made.

    Raises:
        Forbidden: `billing:write` is missing.
        Refused: the settings name no Stripe account, or Stripe refuses or does not answer; the changes
            that were made before stay. Or the needed changes are not the confirmed ones.
    """
    operator.require("billing:write")
    opened = _require_billing(billing)
    changes = await _plan(opened)
    made = [change.said for change in changes]
    if confirmed is not None and confirmed != digest_changes(made):
        raise Refused("changes", "the needed changes are others by now; look at them again")
    if not changes:
        return []
    try:
        await make_changes(changes)
    except BillingError as error:
        raise Refused("stripe", str(error)) from error
    async with opened.transaction() as db:
        operator.act(db, "billing:write")
        await record(db, Audit("billing.synced", detail={"changes": made}), now=opened.now())
    return made


def digest_changes(changes: Sequence[str]) -> str:
    """Return a short text that is equal only for equal changes in words."""
    return sha256("\n".join(changes).encode()).hexdigest()[:32]


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
