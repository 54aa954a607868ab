"""The only SQL on the reports of gateways."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col, delete, func, select

from auth_server.db.engine import DbSession
from auth_server.db.purge import delete_some
from auth_server.records.gateways.table import ReportedGateway


async def put_report(db: DbSession, reported: ReportedGateway) -> None:
    """Store the report of a process in place of its former one.

    A gateway can't replace the report of another one.
    """
    insert: Any = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    added = insert(ReportedGateway).values(reported.model_dump())
    await db.execute(
        added.on_conflict_do_update(
            index_elements=["instance"],
            set_={"report": added.excluded.report, "reported_at": added.excluded.reported_at},
            where=col(ReportedGateway.resource) == added.excluded.resource,
        )
    )


async def drop_report(db: DbSession, instance: str, resource: str) -> None:
    """Delete the report of a process that stopped."""
    await db.execute(
        delete(ReportedGateway).where(
            col(ReportedGateway.instance) == instance, col(ReportedGateway.resource) == resource
        )
    )


async def count_reports(db: DbSession, resource: str, *, since: datetime) -> int:
    """Count the processes of a gateway that have reported since a time."""
    query = select(func.count()).where(
        col(ReportedGateway.resource) == resource, col(ReportedGateway.reported_at) >= since
    )
    return int((await db.execute(query)).scalar_one())


async def find_report(db: DbSession, instance: str) -> ReportedGateway | None:
    """Look up the last report of a process."""
    return await db.get(ReportedGateway, instance)


async def list_reports(db: DbSession, *, after: str, most: int) -> Sequence[ReportedGateway]:
    """List the last reports after an instance, by instance."""
    instance = col(ReportedGateway.instance)
    query = select(ReportedGateway).where(instance > after).order_by(instance).limit(most)
    return (await db.execute(query)).scalars().all()


async def purge_reports(db: DbSession, *, before: datetime) -> bool:
    """Delete some reports that are older; return whether there may be more."""
    return await delete_some(db, ReportedGateway, col(ReportedGateway.reported_at) < before)
