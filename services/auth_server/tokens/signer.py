"""The key that signs access tokens."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey
from sqlalchemy.exc import IntegrityError

from auth_server.db.engine import Database
from auth_server.secrets import seal, unseal
from auth_server.signing_keys.store import add_key, list_published_keys
from auth_server.signing_keys.table import SigningKey
from gatepost.claims import ALGORITHM


@dataclass(frozen=True, slots=True)
class Signer:
    """The active signing key."""

    kid: str
    key: ECKey

    def sign(self, payload: Mapping[str, Any], *, token_type: str) -> str:
        """Sign a JWT of the given `typ` (RFC 9068 §2.1 for access tokens)."""
        # The single key, never a key set: with a set the signing key would be picked at random.
        header = {"alg": ALGORITHM, "kid": self.kid, "typ": token_type}
        return jwt.encode(header, dict(payload), self.key, algorithms=[ALGORITHM])


async def open_signer(database: Database, at_rest: bytes, *, now: datetime) -> Signer:
    """Load the active signing key, making the first one on an empty database.

    Raises:
        cryptography.exceptions.InvalidTag: the stored key was sealed under another `secret_key`.
    """
    signer = await _load(database, at_rest)
    if signer is None:
        with suppress(IntegrityError):  # another process starting beside this one was faster
            await _make(database, at_rest, now=now)
        signer = await _load(database, at_rest)
    if signer is None:
        raise RuntimeError("there is no active signing key")
    return signer


async def _load(database: Database, at_rest: bytes) -> Signer | None:
    async with database.reading() as db:
        for row in await list_published_keys(db):
            if row.state == "active":
                private = json.loads(unseal(at_rest, row.private_sealed, context=row.kid))
                return Signer(row.kid, ECKey.import_key(private))
    return None


async def _make(database: Database, at_rest: bytes, *, now: datetime) -> None:
    key = ECKey.generate_key("P-256")
    kid = key.thumbprint()
    private = json.dumps(key.as_dict(private=True)).encode()
    async with database.writing() as db, db.begin():
        await add_key(
            db,
            SigningKey(
                kid=kid,
                algorithm=ALGORITHM,
                state="active",
                public_jwk={
                    **key.as_dict(private=False),
                    "kid": kid,
                    "use": "sig",
                    "alg": ALGORITHM,
                },
                private_sealed=seal(at_rest, private, context=kid),
                created_at=now,
            ),
        )
