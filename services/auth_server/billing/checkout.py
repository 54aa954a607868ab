"""Send an admin to Stripe: to Checkout for a plan, or to the portal."""

import hashlib
import re
from typing import Any

from auth_server.billing.account import Billing
from auth_server.billing.errors import AlreadySubscribed, BillingError, stripe_errors
from auth_server.billing.prices import flat_key, usage_key
from auth_server.billing.refresh_account import refresh_account
from auth_server.billing.states import TENANT_KEY
from auth_server.records.billing_accounts.store import add_account, drop_account, find_account
from auth_server.records.billing_accounts.table import BillingAccount
from auth_server.records.plans.store import list_plans
from auth_server.records.plans.terms import PlanTerms
from auth_server.records.tenants.store import find_tenant


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
        BillingError: there is no such plan or tenant, or the plan has no price at Stripe.
        BillingUnavailable: Stripe does not answer.
    """
    terms = await _require_plan(billing, plan)
    account = await _require_account(billing, tenant_id, email)
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
            "client_reference_id": _reference(tenant_id),
            "metadata": metadata,
            "subscription_data": {
                "metadata": metadata,
                **({"trial_period_days": trial} if trial else {}),
            },
            "line_items": lines,
            "success_url": return_url,
            "cancel_url": return_url,
        }
        session = await sessions.create_async(params)
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


def _reference(tenant_id: str) -> str:
    """Write a tenant's id in the characters that Stripe allows there."""
    fits = re.fullmatch(r"[A-Za-z0-9_-]{1,200}", tenant_id)
    return tenant_id if fits else hashlib.sha256(tenant_id.encode()).hexdigest()


async def _require_plan(billing: Billing, name: str) -> PlanTerms:
    async with billing.database.reading() as db:
        plans = await list_plans(db)
    plan = next((plan for plan in plans if plan.name == name and plan.listed), None)
    if plan is None or not (plan.price.monthly or plan.price.steps):
        raise BillingError("This plan can't be bought.")
    return plan


async def _require_account(billing: Billing, tenant_id: str, email: str | None) -> BillingAccount:
    async with billing.database.reading() as db:
        tenant, account = await find_tenant(db, tenant_id), await find_account(db, tenant_id)
    if tenant is None:
        raise BillingError("This organisation does not exist.")
    if account is not None and await _exists(billing, account.customer_id):
        return account
    params: Any = {"name": tenant.name, "metadata": {TENANT_KEY: tenant_id}}
    if email:
        params["email"] = email
    with stripe_errors():
        customer = await billing.stripe.v1.customers.create_async(params)
    async with billing.transaction() as db:
        if account is not None:
            await drop_account(db, tenant_id, account.customer_id)
        # Somebody else may have been faster: their customer counts.
        await add_account(db, tenant_id, customer.id, now=billing.now())
        account = await find_account(db, tenant_id)
    if account is None:
        raise BillingError("This customer belongs to another organisation.")
    return account


async def _exists(billing: Billing, customer_id: str) -> bool:
    """Return whether a customer is at Stripe: it is not once the account changed from test to live."""
    import stripe

    with stripe_errors():
        try:
            customer = await billing.stripe.v1.customers.retrieve_async(customer_id)
        except stripe.InvalidRequestError as error:
            if error.code != "resource_missing":
                raise
            return False
    return not getattr(customer, "deleted", False)


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
