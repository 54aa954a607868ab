"""Who pays for each tenant."""

from collections.abc import Collection, Mapping
from typing import Protocol

from sqlmodel.sql.expression import SelectOfScalar

from auth_server.db.engine import DbSession
from auth_server.export_settings import AwsMarketplaceExport, StripeExport, UsageExportSettings
from auth_server.exports.port import Customer
from auth_server.records.billing_accounts.store import find_accounts, select_subscribed_tenants
from auth_server.records.export_customers.store import find_customers, select_linked_tenants


class Customers(Protocol):
    """Finds the customers of tenants."""

    def select_tenants(self) -> SelectOfScalar[str] | None:
        """Select the tenants that have a customer; None means all."""
        ...

    async def find(self, db: DbSession, tenant_ids: Collection[str]) -> Mapping[str, Customer]:
        """Find the customers of tenants; one without a customer is left out."""
        ...


class TenantsThemselves:
    """The system knows tenants by their ids, unless an operator named another customer."""

    def select_tenants(self) -> SelectOfScalar[str] | None:
        """Return None, because every tenant has one."""

    async def find(self, db: DbSession, tenant_ids: Collection[str]) -> Mapping[str, Customer]:
        """Name each tenant, or its customer."""
        linked = {row.tenant_id: row.customer for row in await find_customers(db, tenant_ids)}
        return {one: Customer(linked.get(one, one)) for one in tenant_ids}


class Linked:
    """Only tenants count whose customer an operator named, from then on."""

    def select_tenants(self) -> SelectOfScalar[str] | None:
        """Select those tenants."""
        return select_linked_tenants()

    async def find(self, db: DbSession, tenant_ids: Collection[str]) -> Mapping[str, Customer]:
        """Find their customers."""
        return {
            row.tenant_id: Customer(row.customer, row.licence, subscribed_at=row.since)
            for row in await find_customers(db, tenant_ids)
        }


class Subscribers:
    """Customers of Stripe; usage counts from their first subscription on."""

    def select_tenants(self) -> SelectOfScalar[str] | None:
        """Select the tenants that have, or once had, a subscription."""
        return select_subscribed_tenants()

    async def find(self, db: DbSession, tenant_ids: Collection[str]) -> Mapping[str, Customer]:
        """Find their billing accounts."""
        return {
            account.tenant_id: Customer(
                account.customer_id,
                period_start=account.period_start,
                period_end=account.period_end,
                subscribed_at=account.subscribed_at,
            )
            for account in await find_accounts(db, tenant_ids)
        }


def choose_customers(wanted: UsageExportSettings) -> Customers:
    """Return who the customers are at the system that the settings name."""
    match wanted:
        case StripeExport():
            return Subscribers()
        case AwsMarketplaceExport():
            return Linked()
        case _:
            return TenantsThemselves()
