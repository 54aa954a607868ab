"""The only SQL on second factors."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import delete, func, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from auth_server.db.engine import DbSession
from auth_server.records.second_factors.table import AuthenticatorApp, Passkey, RecoveryCode


async def list_passkeys(db: DbSession, person_id: str) -> Sequence[Passkey]:
    """List a person's passkeys, oldest first."""
    query = (
        select(Passkey)
        .where(col(Passkey.person_id) == person_id)
        .order_by(col(Passkey.created_at), col(Passkey.credential_id))
    )
    return (await db.execute(query)).scalars().all()


async def find_passkey(db: DbSession, credential_id: str) -> Passkey | None:
    """Look up a passkey."""
    return await db.get(Passkey, credential_id)


async def add_passkey(db: DbSession, passkey: Passkey) -> bool:
    """Store a passkey; return False if anybody has it already."""
    try:
        async with db.begin_nested():
            db.add(passkey)
    except IntegrityError:
        return False
    return True


async def use_passkey(db: DbSession, credential_id: str, *, sign_count: int, now: datetime) -> None:
    """Record that a passkey was used."""
    await db.execute(
        update(Passkey)
        .where(col(Passkey.credential_id) == credential_id)
        .values(sign_count=sign_count, last_used_at=now)
    )


async def drop_passkey(db: DbSession, person_id: str, credential_id: str) -> bool:
    """Delete one of a person's passkeys; return whether it existed."""
    dropped = await db.execute(
        delete(Passkey)
        .where(col(Passkey.person_id) == person_id, col(Passkey.credential_id) == credential_id)
        .returning(col(Passkey.credential_id))
    )
    return dropped.scalar_one_or_none() is not None


async def find_authenticator_app(db: DbSession, person_id: str) -> AuthenticatorApp | None:
    """Look up a person's authenticator app."""
    return await db.get(AuthenticatorApp, person_id)


async def list_authenticator_apps(
    db: DbSession, *, lock: bool = False
) -> Sequence[AuthenticatorApp]:
    """List the authenticator apps of all people; with `lock`, lock those that nobody has locked."""
    query = select(AuthenticatorApp)
    if lock:
        query = query.with_for_update(skip_locked=True)
    return (await db.execute(query)).scalars().all()


async def put_authenticator_app(db: DbSession, app: AuthenticatorApp) -> None:
    """Store an authenticator app, replacing the person's previous one."""
    await db.merge(app)
    await db.flush()


async def use_step(db: DbSession, person_id: str, step: int) -> bool:
    """Mark a time step's code as used; of parallel calls, exactly one returns True."""
    used = await db.execute(
        update(AuthenticatorApp)
        .where(col(AuthenticatorApp.person_id) == person_id, col(AuthenticatorApp.last_step) < step)
        .values(last_step=step)
        .returning(col(AuthenticatorApp.person_id))
    )
    return used.scalar_one_or_none() is not None


async def drop_authenticator_app(db: DbSession, person_id: str) -> None:
    """Delete a person's authenticator app and its recovery codes."""
    await db.execute(delete(AuthenticatorApp).where(col(AuthenticatorApp.person_id) == person_id))
    await put_recovery_codes(db, person_id, ())


async def put_recovery_codes(db: DbSession, person_id: str, code_hashes: Collection[str]) -> None:
    """Replace a person's recovery codes."""
    await db.execute(delete(RecoveryCode).where(col(RecoveryCode.person_id) == person_id))
    db.add_all(RecoveryCode(code_hash=each, person_id=person_id) for each in code_hashes)
    await db.flush()


async def count_recovery_codes(db: DbSession, person_id: str) -> int:
    """Count a person's unused recovery codes."""
    query = select(func.count()).where(col(RecoveryCode.person_id) == person_id)
    return (await db.execute(query)).scalar_one()


async def use_recovery_code(db: DbSession, person_id: str, code_hash: str) -> bool:
    """Redeem a recovery code; of parallel calls, exactly one returns True."""
    used = await db.execute(
        delete(RecoveryCode)
        .where(col(RecoveryCode.code_hash) == code_hash, col(RecoveryCode.person_id) == person_id)
        .returning(col(RecoveryCode.code_hash))
    )
    return used.scalar_one_or_none() is not None


async def drop_second_factors(db: DbSession, person_id: str) -> None:
    """Delete all second factors of a person."""
    await db.execute(delete(Passkey).where(col(Passkey.person_id) == person_id))
    await drop_authenticator_app(db, person_id)


async def list_factor_times(db: DbSession, person_id: str) -> list[datetime]:
    """List when a person's authenticator app and passkeys were added, in no order."""
    app = await find_authenticator_app(db, person_id)
    times = [passkey.created_at for passkey in await list_passkeys(db, person_id)]
    return times if app is None else [app.created_at, *times]


async def has_second_factor(db: DbSession, person_id: str) -> bool:
    """Return whether a person has an authenticator app or a passkey."""
    app = await find_authenticator_app(db, person_id)
    return app is not None or bool(await list_passkeys(db, person_id))
