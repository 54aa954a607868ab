"""SQL on device authorizations; `redemptions.statements` polls and redeems them."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import or_, update
from sqlmodel import col

from auth_server.db.engine import DbSession
from auth_server.db.purge import delete_some
from auth_server.records.device_authorizations.table import DeviceAuthorization


async def add_device_authorization(db: DbSession, device: DeviceAuthorization) -> None:
    """Store what a device asked for."""
    db.add(device)
    await db.flush()


async def claim_device_authorization(
    db: DbSession, user_code_macs: Sequence[str], person_id: str, *, now: datetime
) -> DeviceAuthorization | None:
    """Find a pending request by its user code, for the person who typed it first.

    Of any number of people who type a code at once, exactly one gets the request.
    """
    claimed = await db.execute(
        update(DeviceAuthorization)
        .where(
            col(DeviceAuthorization.user_code_mac).in_(user_code_macs),
            col(DeviceAuthorization.answered_at).is_(None),
            col(DeviceAuthorization.expires_at) > now,
            or_(
                col(DeviceAuthorization.person_id).is_(None),
                col(DeviceAuthorization.person_id) == person_id,
            ),
        )
        .values(person_id=person_id)
        .returning(DeviceAuthorization)
    )
    return claimed.scalar_one_or_none()


async def find_device_authorization(
    db: DbSession, device_code_hash: str, *, now: datetime
) -> DeviceAuthorization | None:
    """Look up a request that nobody has answered yet."""
    device = await db.get(DeviceAuthorization, device_code_hash)
    if device is None or device.answered_at is not None or now >= device.expires_at:
        return None
    return device


async def answer_device_authorization(
    db: DbSession,
    device_code_hash: str,
    person_id: str,
    *,
    grant_id: str | None,
    scope: str,
    now: datetime,
) -> bool:
    """Approve a request with a grant, or deny it with None; return whether this call answered it.

    Only the person who typed the code answers, and once. `scope` is that of the tokens to come.
    """
    answered = await db.execute(
        update(DeviceAuthorization)
        .where(
            col(DeviceAuthorization.device_code_hash) == device_code_hash,
            col(DeviceAuthorization.person_id) == person_id,
            col(DeviceAuthorization.answered_at).is_(None),
            col(DeviceAuthorization.expires_at) > now,
        )
        .values(answered_at=now, grant_id=grant_id, scope=scope)
        .returning(col(DeviceAuthorization.device_code_hash))
    )
    return answered.scalar_one_or_none() is not None


async def purge_device_authorizations(db: DbSession, *, before: datetime) -> bool:
    """Delete some of the requests that expired before a time; return whether there may be more."""
    return await delete_some(db, DeviceAuthorization, col(DeviceAuthorization.expires_at) < before)
