"""The customer at Stripe that pays for a tenant."""

import hashlib
import re
from typing import Any

from auth_server.billing.account import Billing
from auth_server.billing.errors import BillingError, stripe_errors
from auth_server.billing.states import TENANT_KEY
from auth_server.records.billing_accounts.store import add_account, drop_account, find_account
from auth_server.records.billing_accounts.table import BillingAccount
from auth_server.records.tenants.store import find_tenant


async def require_account(billing: Billing, tenant_id: str, email: str | None) -> BillingAccount:
    """Return the tenant's billing account, whose customer is at Stripe.

    Raises:
        BillingError: the tenant does not exist, or Stripe refuses.
    """
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


def make_reference(tenant_id: str) -> str:
    """Write a tenant's id in the characters that Stripe allows in `client_reference_id`."""
    fits = re.fullmatch(r"[A-Za-z0-9_-]{1,200}", tenant_id)
    return tenant_id if fits else hashlib.sha256(tenant_id.encode()).hexdigest()
