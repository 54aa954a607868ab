"""Send an admin to Stripe: to Checkout for a plan, or to the portal."""

from typing import TYPE_CHECKING, Any

from auth_server.billing.account import Billing
from auth_server.billing.customers import make_reference, require_account
from auth_server.billing.errors import AlreadySubscribed, BillingError, stripe_errors
from auth_server.billing.prices import flat_key, usage_key
from auth_server.billing.refresh_account import refresh_account
from auth_server.billing.states import TENANT_KEY
from auth_server.records.billing_accounts.store import find_account
from auth_server.records.plans.store import list_plans
from auth_server.records.plans.terms import PlanTerms

if TYPE_CHECKING:
    from stripe.checkout import Session, SessionService


async def open_checkout(
    billing: Billing, tenant_id: str, plan: str, *, return_url: str, email: str | None = None
) -> str:
    """Open a Checkout session, and return the URL of its page.

    Args:
        billing: the connection to Stripe.
        tenant_id: who pays.
        plan: the name of a plan that tenants can choose.
        return_url: where the page leads afterwards, paid or not.
        email: the admin's address, for a new customer's receipts.

    Raises:
        AlreadySubscribed: the tenant has a subscription; `open_portal` changes it.
        BillingError: the plan or the tenant does not exist, or the plan has no price at Stripe.
        BillingUnavailable: Stripe does not answer.
    """
    terms = await _require_plan(billing, plan)
    account = await require_account(billing, tenant_id, email)
    # A webhook may still be under way, and nobody wants to pay twice.
    known = await refresh_account(billing, tenant_id)
    if known.alive:
        raise AlreadySubscribed("This organisation has a subscription. Change it in the portal.")
    lines = await _line_items(billing, terms)
    metadata = {TENANT_KEY: tenant_id}
    trial = terms.price.trial_days if not known.subscription_id else 0
    with stripe_errors():
        sessions = billing.stripe.v1.checkout.sessions
        params: Any = {
            "mode": "subscription",
            "customer": account.customer_id,
            "client_reference_id": make_reference(tenant_id),
            "metadata": metadata,
            "subscription_data": {
                "metadata": metadata,
                **({"trial_period_days": trial} if trial else {}),
            },
            "line_items": lines,
            "success_url": return_url,
            "cancel_url": return_url,
        }
        session = await _create(sessions, params)
        # Of several open pages, only the newest can be paid. They are listed after this one was opened,
        # newest first, so that the later of two admins who click at once sees the other's page.
        page = await sessions.list_async(
            {"customer": account.customer_id, "status": "open", "limit": 100}
        )
        still_open = [one.id for one in page.data]
        if session.id in still_open:
            for older in still_open[still_open.index(session.id) + 1 :]:
                await sessions.expire_async(older)
    if session.url is None:
        raise BillingError("Stripe returned no page for this session.")
    return session.url


async def open_portal(billing: Billing, tenant_id: str, *, return_url: str) -> str:
    """Open the billing portal, where an admin changes the card or cancels; return its URL.

    Raises:
        BillingError: the tenant has never been to Checkout.
        BillingUnavailable: Stripe does not answer.
    """
    async with billing.database.reading() as db:
        account = await find_account(db, tenant_id)
    if account is None:
        raise BillingError("This organisation has not bought a plan yet.")
    with stripe_errors():
        session = await billing.stripe.v1.billing_portal.sessions.create_async(
            {"customer": account.customer_id, "return_url": return_url}
        )
    return session.url


async def _require_plan(billing: Billing, name: str) -> PlanTerms:
    async with billing.database.reading() as db:
        plans = await list_plans(db)
    plan = next((plan for plan in plans if plan.name == name and plan.listed), None)
    if plan is None or not (plan.price.monthly or plan.price.steps):
        raise BillingError("This plan can't be bought.")
    return plan


async def _create(sessions: "SessionService", params: Any) -> "Session":
    import stripe

    try:
        return await sessions.create_async(params)
    except stripe.InvalidRequestError as error:
        raise BillingError(
            f"Stripe refuses this: {error.user_message or error.code} If a product or price was "
            "archived at Stripe, `gatepost billing sync` brings it back."
        ) from error


async def _line_items(billing: Billing, plan: PlanTerms) -> list[dict[str, object]]:
    wanted: dict[str, dict[str, object]] = {}
    if plan.price.monthly:
        wanted[flat_key(plan.name)] = {"quantity": 1}
    if plan.price.steps:
        wanted[usage_key(plan.name)] = {}  # metered prices have no quantity
    with stripe_errors():
        found = await billing.stripe.v1.prices.list_async(
            {"lookup_keys": list(wanted), "active": True}
        )
    ids = {price.lookup_key: price.id for price in found.data}
    if missing := sorted(wanted.keys() - ids.keys()):
        raise BillingError(
            f"Stripe has no price {missing[0]}. The operator must run `gatepost billing sync`."
        )
    return [{"price": ids[key], **quantity} for key, quantity in wanted.items()]
