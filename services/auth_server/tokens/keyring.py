"""Rotate the signing keys by age or command: `next → active → retiring → retired`.

A key is published before it signs and after it has stopped signing, each time for longer than
verifiers keep an old key set. So a rotation never makes a valid token unverifiable. The next key is
published as soon as its predecessor signs, so that verifiers know it even if it is needed at once.
"""

import json
from contextlib import suppress
from datetime import datetime, timedelta

from joserfc.jwk import ECKey
from sqlalchemy.exc import IntegrityError

from auth_server.db.engine import Database, DbSession
from auth_server.keys import Keys
from auth_server.records.audit.store import Audit, record
from auth_server.records.signing_keys.store import (
    add_key,
    find_active_key_id,
    list_published_keys,
)
from auth_server.records.signing_keys.table import SigningKey
from auth_server.revocations.revoke import withdraw_key
from auth_server.tokens.signer import Signer
from gatepost.claims import ALGORITHM

JWKS_MAX_AGE = timedelta(minutes=5)
"""How long verifiers may cache the published set, according to its Cache-Control."""
BEFORE_USE = 3 * JWKS_MAX_AGE
"""How long a key is published before it may sign."""
AFTER_USE = timedelta(hours=1)
"""How long a key stays published at least after it stops signing."""
MARGIN = timedelta(minutes=30)
"""How much longer than any access token lives a key stays published."""


class KeysUnreadable(Exception):
    """The signing key was sealed under another `secret_key`; the message says what to do."""


class Keyring:
    """The keys of this process; `signer` is the active one when it was last looked for."""

    def __init__(
        self,
        database: Database,
        keys: Keys,
        *,
        rotate_after: timedelta,
        longest_token: timedelta = timedelta(minutes=10),
    ) -> None:
        """Take the database; `maintain` must run before the first signature.

        Args:
            database: where the keys are.
            keys: seal the private halves.
            rotate_after: how old a key may become.
            longest_token: how long an access token may live.
        """
        self._after_use = max(AFTER_USE, longest_token + MARGIN)
        self._database = database
        self._keys = keys
        self._rotate_after = rotate_after
        self._signer: Signer | None = None

    @property
    def signer(self) -> Signer:
        """The active key."""
        if self._signer is None:
            raise LookupError("maintain must run before the first signature")
        return self._signer

    async def find_signer(self) -> Signer:
        """Return the key that is active now; another process may have replaced the last one.

        Raises:
            KeysUnreadable: no configured secret unseals it.
        """
        if await find_active_key_id(self._database.raw_sql) != self.signer.kid:
            await self._load()
        return self.signer

    async def maintain(self, now: datetime) -> None:
        """Make missing keys, promote and retire keys that are due, and load the active key.

        Of processes that run this at once, only one makes a change: the database allows one key in
        state `active` and one in state `next`.

        Raises:
            KeysUnreadable: no configured secret unseals the active key.
        """
        with suppress(IntegrityError):  # another process did it first; its keys are loaded below
            async with self._database.writing() as db, db.begin():
                await self._advance(db, now)
        await self._load()

    async def _load(self) -> None:
        async with self._database.reading() as db:
            for row in await list_published_keys(db):
                if row.state == "active" and (self._signer is None or self._signer.kid != row.kid):
                    self._signer = Signer(row.kid, self._open(row))

    async def _advance(self, db: DbSession, now: datetime) -> None:
        keys = await list_published_keys(db)
        states = {key.state: key for key in keys}
        active, coming = states.get("active"), states.get("next")
        for key in keys:
            if key.state == "retiring" and now >= key.changed_at + self._after_use:
                _retire(key, now)
        if active is None:
            active = await self._make(db, "active", now)
        due = now >= active.changed_at + self._rotate_after
        if coming is None:
            coming = await self._make(db, "next", now)
        if due and now >= coming.changed_at + BEFORE_USE:
            await promote(db, active, coming, now=now)
            await self._make(db, "next", now)
        for key in keys:
            self._reseal(key)

    async def _make(self, db: DbSession, state: str, now: datetime) -> SigningKey:
        return await make_key(db, state, self._keys, now=now)

    def _open(self, row: SigningKey) -> ECKey:
        private = self._keys.unseal("at_rest", row.private_sealed, context=row.kid)
        if private is None:
            raise _unreadable(row)
        return ECKey.import_key(json.loads(private))

    def _reseal(self, row: SigningKey) -> None:
        if not self._keys.former or not row.private_sealed:
            return
        resealed = self._keys.reseal("at_rest", row.private_sealed, context=row.kid)
        if resealed is None:
            raise _unreadable(row)
        row.private_sealed = resealed


async def list_unreadable_keys(db: DbSession, keys: Keys) -> list[str]:
    """List the published keys whose private half none of the keys opens."""
    return [
        row.kid
        for row in await list_published_keys(db)
        if row.private_sealed
        and keys.unseal("at_rest", row.private_sealed, context=row.kid) is None
    ]


async def make_key(db: DbSession, state: str, keys: Keys, *, now: datetime) -> SigningKey:
    """Make a key pair, seal it and store it.

    Raises:
        sqlalchemy.exc.IntegrityError: a key is already in that state.
    """
    key = ECKey.generate_key("P-256")
    kid = key.thumbprint()
    row = SigningKey(
        kid=kid,
        algorithm=ALGORITHM,
        state=state,
        public_jwk={**key.as_dict(private=False), "kid": kid, "use": "sig", "alg": ALGORITHM},
        private_sealed=keys.seal(
            "at_rest", json.dumps(key.as_dict(private=True)).encode(), context=kid
        ),
        created_at=now,
        changed_at=now,
    )
    await add_key(db, row)
    await record(db, Audit("key.created", detail={"kid": kid, "state": state}), now=now)
    return row


async def promote(db: DbSession, active: SigningKey, coming: SigningKey, *, now: datetime) -> None:
    """Make the next key the active one; the old one stays published for its last tokens."""
    active.state, active.changed_at = "retiring", now
    await db.flush()
    coming.state, coming.changed_at = "active", now
    await db.flush()
    detail: dict[str, str | int | bool | list[str]] = {"from": active.kid, "to": coming.kid}
    await record(db, Audit("key.rotated", detail=detail), now=now)


async def rotate(db: DbSession, keys: Keys, *, now: datetime) -> str:
    """Rotate by command: make the next key, or promote it if it was published long enough.

    Returns:
        A message for the operator.
    """
    states = {key.state: key for key in await list_published_keys(db)}
    active, coming = states.get("active"), states.get("next")
    if active is None:
        made = await make_key(db, "active", keys, now=now)
        return f"{made.kid} is the first key and signs now."
    if coming is None:
        coming = await make_key(db, "next", keys, now=now)
    ready_at = coming.changed_at + BEFORE_USE
    if now < ready_at:
        return (
            f"{coming.kid} is published as the next key. Run this again after "
            f"{ready_at.isoformat(timespec='minutes')}, when every gateway knows it."
        )
    await promote(db, active, coming, now=now)
    await make_key(db, "next", keys, now=now)
    return f"{coming.kid} signs now; {active.kid} stays published for its last tokens."


async def withdraw(db: DbSession, keys: Keys, *, now: datetime) -> str:
    """Replace a compromised key at once; gateways then refuse every token that it signed.

    Returns:
        A message for the operator.
    """
    for key in await list_published_keys(db):
        if key.state in {"active", "retiring"}:
            _retire(key, now)
            await withdraw_key(db, key.kid, now=now)
            await record(db, Audit("key.withdrawn", detail={"kid": key.kid}), now=now)
    await db.flush()
    coming = next((key for key in await list_published_keys(db) if key.state == "next"), None)
    if coming is None:
        coming = await make_key(db, "active", keys, now=now)
    else:
        coming.state, coming.changed_at = "active", now
        await db.flush()
    await make_key(db, "next", keys, now=now)
    return (
        f"{coming.kid} signs now. Gateways that follow revocations refuse the withdrawn keys' "
        "tokens within two seconds, other verifiers once they read the keys again. Apps refresh "
        "automatically."
    )


def _retire(key: SigningKey, now: datetime) -> None:
    key.state, key.changed_at = "retired", now
    # The private half is not needed again, and a deleted key can't leak.
    key.private_sealed = b""


def _unreadable(row: SigningKey) -> KeysUnreadable:
    return KeysUnreadable(
        f"signing key {row.kid} was sealed under another secret_key; "
        "list that one in previous_secret_keys"
    )
