"""The only SQL on workloads."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlmodel import col, delete, select

from auth_server.db.engine import DbSession
from auth_server.records.workloads.table import Workload


async def add_workload(db: DbSession, workload: Workload) -> None:
    """Let a workload act as a client."""
    db.add(workload)
    await db.flush()


async def list_workloads(db: DbSession, client_id: str) -> Sequence[Workload]:
    """List the workloads that act as a client, the oldest first."""
    query = select(Workload).where(col(Workload.client_id) == client_id)
    order = (col(Workload.created_at), col(Workload.workload_id))
    return (await db.execute(query.order_by(*order))).scalars().all()


class TrustedWorkload(NamedTuple):
    """What decides whether a JWT acts as a client, besides its issuer, audience and subject."""

    workload_id: str
    client_id: str
    claims: Mapping[str, str]
    jwks_uri: str


async def list_trusted_workloads(
    db: DbSession, issuer: str, audience: str, subject: str
) -> Sequence[TrustedWorkload]:
    """List the workloads of all clients that accept an issuer, audience and subject.

    Whole rows would take the process several times as long: some issuers have thousands of workloads.
    """
    row = Workload
    query = select(row.workload_id, row.client_id, row.claims, row.jwks_uri).where(
        col(row.issuer) == issuer,
        col(row.audience) == audience,
        col(row.subject).in_(("", subject)),
    )
    return [TrustedWorkload(*values) for values in (await db.execute(query)).all()]


async def has_workload(db: DbSession, workload_id: str) -> bool:
    """Return whether a workload still acts as its client."""
    return await db.get(Workload, workload_id) is not None


async def drop_workloads(db: DbSession, client_id: str) -> None:
    """Delete all workloads of a client."""
    await db.execute(delete(Workload).where(col(Workload.client_id) == client_id))


async def drop_workload(db: DbSession, client_id: str, workload_id: str) -> Workload | None:
    """Delete a workload of a client, and return it; None if the client does not have it."""
    dropped = await db.execute(
        delete(Workload)
        .where(col(Workload.client_id) == client_id, col(Workload.workload_id) == workload_id)
        .returning(Workload)
    )
    return dropped.scalar_one_or_none()
