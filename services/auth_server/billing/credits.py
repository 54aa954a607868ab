"""Credit that is bought at Stripe: one payment for each, refunds and disputes take the rest back."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from auth_server.billing.account import Billing
from auth_server.billing.customers import make_reference, require_account
from auth_server.billing.errors import AlreadySubscribed, BillingError, stripe_errors
from auth_server.billing.states import TENANT_KEY
from auth_server.credits.change import give_credit, take_back
from auth_server.records.billing_accounts.store import find_account
from auth_server.records.credits.table import PrepaidCredit
from auth_server.records.plans.store import list_plans
from auth_server.records.plans.terms import SCALE, find_plan
from auth_server.records.tenants.store import list_plan_names
from gatepost.metering.money import format_amount, minor_units

if TYPE_CHECKING:
    from stripe import Charge, PaymentIntent

CREDIT_KEY = "gatepost_credit_days"
"""The metadata of a payment for credit: how many days the credit is valid; 0 without end."""


async def open_credit_checkout(
    billing: Billing, tenant_id: str, amount: Decimal, *, return_url: str, email: str | None = None
) -> str:
    """Open a Checkout session that buys credit, and return the URL of its page.

    Args:
        billing: the connection to Stripe.
        tenant_id: who pays.
        amount: one of the amounts that the tenant's plan offers.
        return_url: where the page leads afterwards, paid or not.
        email: the admin's address, for a new customer's receipts.

    Raises:
        AlreadySubscribed: a subscription bills the tenant's usage, so that credit would pay for nothing.
        BillingError: the plan does not offer this amount, or usage is exported to another system, which
            would bill it as well.
        BillingUnavailable: Stripe does not answer.
    """
    async with billing.database.reading() as db:
        plans, names = await list_plans(db), await list_plan_names(db, [tenant_id])
        account = await find_account(db, tenant_id)
    price = find_plan(plans, names.get(tenant_id, "")).price
    if amount not in price.credits or not billing.sells_credit:
        raise BillingError("This credit can't be bought.")
    if account is not None and account.bills(billing.now()):
        raise AlreadySubscribed("The usage of this organisation is billed by its subscription.")
    account = await require_account(billing, tenant_id, email)
    metadata = {TENANT_KEY: tenant_id, CREDIT_KEY: str(price.credit_days or 0)}
    params: Any = {
        "mode": "payment",
        "customer": account.customer_id,
        "client_reference_id": make_reference(tenant_id),
        "metadata": metadata,
        "payment_intent_data": {"metadata": metadata},
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": price.currency,
                    "unit_amount": int(amount * minor_units(price.currency)),
                    "product_data": {"name": f"Credit, {format_amount(amount, price.currency)}"},
                },
            }
        ],
        "success_url": return_url,
        "cancel_url": return_url,
    }
    with stripe_errors():
        session = await billing.stripe.v1.checkout.sessions.create_async(params)
    if session.url is None:
        raise BillingError("Stripe returned no page for this session.")
    return session.url


async def collect_credits(billing: Billing, tenant_id: str) -> None:
    """Add the credits that a tenant has paid for, and take back what was refunded or disputed.

    It reads all payments of the customer, so that neither the order of events matters nor a lost one.

    Raises:
        BillingError: Stripe refuses or does not answer.
    """
    async with billing.database.reading() as db:
        account = await find_account(db, tenant_id)
    if account is None:
        return
    with stripe_errors():
        page = await billing.stripe.v1.payment_intents.list_async(
            {"customer": account.customer_id, "limit": 100, "expand": ["data.latest_charge"]}
        )
        payments = [payment async for payment in page.auto_paging_iter()]
    problem: BillingError | None = None
    for payment in payments:
        if payment.status == "succeeded" and CREDIT_KEY in (payment.metadata or ()):
            try:
                await _collect(billing, tenant_id, payment)
            except BillingError as error:
                problem = error  # the other payments count
    if problem is not None:
        raise problem


async def _collect(billing: Billing, tenant_id: str, payment: "PaymentIntent") -> None:
    metadata: Any = payment.metadata
    at, days = datetime.fromtimestamp(payment.created, UTC), str(metadata[CREDIT_KEY])
    if not re.fullmatch(r"[0-9]{1,4}", days):
        raise BillingError(
            f"the payment {payment.id} has {days!r} as {CREDIT_KEY} in its metadata: enter whole days there"
        )
    per_unit = SCALE // minor_units(payment.currency)
    now = billing.now()
    credit = PrepaidCredit(
        credit_id=payment.id,
        tenant_id=tenant_id,
        currency=payment.currency,
        amount=payment.amount_received * per_unit,
        source="purchase",
        created_at=at,
        expires_at=at + timedelta(days=int(days)) if int(days) else None,
    )
    charge: Charge | Any = payment.latest_charge
    async with billing.transaction() as db:
        await give_credit(db, credit, now=now)
        if charge.amount_refunded:
            most = charge.amount_refunded * per_unit
            await take_back(db, payment.id, "refund", most=most, reason=charge.id, now=now)
        if charge.disputed:
            await take_back(db, payment.id, "dispute", most=None, reason=charge.id, now=now)
