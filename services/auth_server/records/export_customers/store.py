"""The only SQL on export customers."""

from collections.abc import Collection, Sequence

from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from auth_server.db.engine import DbSession
from auth_server.records.export_customers.table import ExportCustomer


def select_linked_tenants() -> SelectOfScalar[str]:
    """Select the tenants that have a customer."""
    return select(ExportCustomer.tenant_id)


async def find_customers(db: DbSession, tenant_ids: Collection[str]) -> Sequence[ExportCustomer]:
    """Look up the customers of tenants."""
    query = select(ExportCustomer).where(col(ExportCustomer.tenant_id).in_(tenant_ids))
    return (await db.execute(query)).scalars().all()


async def put_customer(db: DbSession, customer: ExportCustomer) -> None:
    """Add or replace the customer of a tenant."""
    await db.merge(customer)
    await db.flush()
