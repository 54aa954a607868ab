"""Verify codes as second factors: those of an authenticator app (RFC 6238), and recovery codes."""

import base64
import hashlib
from datetime import datetime
from typing import Literal

import pyotp

from auth_server.db.engine import DbSession
from auth_server.keys import Keys
from auth_server.records.second_factors.store import (
    find_authenticator_app,
    list_authenticator_apps,
    put_recovery_codes,
    use_recovery_code,
    use_step,
)
from auth_server.records.second_factors.table import AuthenticatorApp
from auth_server.secrets import NewSecret, hash_secret, matches

STEP = 30
"""Seconds for which one code is valid."""
RECOVERY_CODES = 10


def match_step(secret: str, code: str, *, now: datetime, after: int) -> int | None:
    """Find the time step of a code: the current one, or the one before or after it.

    Args:
        secret: the app's secret, in base32.
        code: the typed code; spaces are ignored.
        now: the time.
        after: the last step whose code was used; it and earlier steps are refused (A145).
    """
    typed, present = "".join(code.split()), int(now.timestamp()) // STEP
    totp = pyotp.TOTP(secret)
    for step in (present - 1, present, present + 1):
        if step > after and matches(totp.generate_otp(step), typed):
            return step
    return None


async def match_code(
    db: DbSession, person_id: str, code: str, keys: Keys, now: datetime
) -> Literal["code", "recovery code"] | None:
    """Redeem the code that a person typed; None if it is not a valid code of either kind."""
    app = await find_authenticator_app(db, person_id)
    if app is None:
        return None
    if (secret := _unseal(app, keys)) is not None:
        step = match_step(secret, code, now=now, after=app.last_step)
        if step is not None and await use_step(db, person_id, step):
            return "code"
    if await use_recovery_code(db, person_id, _hash(person_id, code)):
        return "recovery code"
    return None


def seal_secret(secret: str, person_id: str, keys: Keys) -> bytes:
    """Encrypt an app's secret for storage."""
    return keys.seal("at_rest", secret.encode(), context=_context(person_id))


async def renew_recovery_codes(db: DbSession, person_id: str, new_secret: NewSecret) -> list[str]:
    """Replace a person's recovery codes by ten new ones, which are shown only once."""
    codes = []
    for _ in range(RECOVERY_CODES):
        digest = hashlib.sha256(new_secret().encode()).digest()
        text = base64.b32encode(digest[:10]).decode().lower()
        codes.append("-".join(text[at : at + 4] for at in range(0, 16, 4)))
    await put_recovery_codes(db, person_id, [_hash(person_id, code) for code in codes])
    return codes


async def reseal_secrets(db: DbSession, keys: Keys) -> None:
    """Encrypt secrets with the newest key that were encrypted with a former one."""
    for app in await list_authenticator_apps(db, lock=True) if keys.former else ():
        resealed = keys.reseal("at_rest", app.sealed_secret, context=_context(app.person_id))
        if resealed is not None:
            app.sealed_secret = resealed


async def list_unreadable_apps(db: DbSession, keys: Keys) -> list[str]:
    """List the people whose app's secret none of the keys opens."""
    return [
        app.person_id for app in await list_authenticator_apps(db) if _unseal(app, keys) is None
    ]


def _unseal(app: AuthenticatorApp, keys: Keys) -> str | None:
    secret = keys.unseal("at_rest", app.sealed_secret, context=_context(app.person_id))
    return None if secret is None else secret.decode()


def _context(person_id: str) -> str:
    return f"code app of {person_id}"


def _hash(person_id: str, code: str) -> str:
    # Eighty random bits need neither a salt nor a slow hash; the person's id separates people.
    plain = "".join(code.lower().replace("-", "").split())
    return hash_secret(f"recovery code of {person_id}: {plain}")
