"""The only SQL on operators."""

from collections.abc import Sequence

from sqlmodel import col, select

from auth_server.db.engine import DbSession
from auth_server.records.operators.table import Operator


async def find_operator(db: DbSession, person_id: str) -> Operator | None:
    """Look up a person as an operator."""
    return await db.get(Operator, person_id)


async def list_operators(db: DbSession) -> Sequence[Operator]:
    """List the operators by person."""
    return (await db.execute(select(Operator).order_by(col(Operator.person_id)))).scalars().all()


async def put_operator(db: DbSession, operator: Operator) -> None:
    """Add an operator, or replace the one of the same person."""
    await db.merge(operator)
    await db.flush()


async def drop_operator(db: DbSession, operator: Operator) -> None:
    """Delete an operator; the person stays."""
    await db.delete(operator)
    await db.flush()
