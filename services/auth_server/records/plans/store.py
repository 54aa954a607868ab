"""The only SQL on plans."""

from collections.abc import Sequence

from sqlmodel import col, delete, select

from auth_server.db.engine import DbSession
from auth_server.db.raw_sql import RawSql, Row
from auth_server.records.plans.table import StoredPlan
from auth_server.records.plans.terms import SHIPPED, PlanTerms

_READ = "SELECT name, position, CAST(terms AS TEXT) FROM plans ORDER BY name"


async def list_plans(db: DbSession) -> tuple[PlanTerms, ...]:
    """List the plans, from the smallest to the largest; those shipped if none was stored yet."""
    rows = (await db.execute(select(StoredPlan).order_by(col(StoredPlan.position)))).scalars().all()
    return tuple(PlanTerms.model_validate(row.terms) for row in rows) or SHIPPED


async def read_stored_plans(raw_sql: RawSql) -> list[Row]:
    """Return the rows of the table, to compare them with those of another time."""
    return await raw_sql.fetch_all(_READ, {})


async def replace_plans(db: DbSession, plans: Sequence[PlanTerms]) -> None:
    """Replace all plans."""
    await db.execute(delete(StoredPlan))
    for position, plan in enumerate(plans):
        terms = plan.model_dump(mode="json")
        db.add(StoredPlan(name=plan.name, position=position, terms=terms))
    await db.flush()
