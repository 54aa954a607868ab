"""The only SQL on used client assertions and DPoP proofs."""

from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from auth_server.db.engine import DbSession
from auth_server.db.purge import delete_some
from auth_server.db.raw_sql import AtomicUpdate, RawSql
from auth_server.records.client_assertions.table import UsedAssertion

_USE = """
INSERT INTO client_assertions (client_id, jti, expires_at) VALUES (:client_id, :jti, :expires_at)
ON CONFLICT DO NOTHING
"""
_USE_PROOF = AtomicUpdate(sqlite=(_USE,), postgresql=f"{_USE} RETURNING jti")


async def use_assertion(db: DbSession, client_id: str, *, jti: str, expires_at: datetime) -> bool:
    """Record that an assertion of a client or a provider was used; return whether this was the first time.

    `client_id` is its issuer. If a provider and a client have the same URL, one server speaks for both.

    Of any number of parallel calls, exactly one returns True: the table allows one row.
    """
    try:
        async with db.begin_nested():
            db.add(UsedAssertion(client_id=client_id, jti=jti, expires_at=expires_at))
    except IntegrityError:
        return False
    return True


async def use_proof(
    raw_sql: RawSql, thumbprint: str, proof_id: str, *, expires_at: datetime
) -> bool:
    """Record that a DPoP proof of a key was used; return whether this was the first time.

    Of any number of parallel calls, exactly one returns True.
    """
    values = {
        "client_id": f"urn:ietf:params:oauth:jwk-thumbprint:sha-256:{thumbprint}",  # RFC 9278 §3
        "jti": proof_id,
        "expires_at": expires_at,
    }
    return await raw_sql.update(_USE_PROOF, values)


async def purge_assertions(db: DbSession, *, before: datetime) -> bool:
    """Delete some of the assertions that expired before a time and so can no longer be used; return whether there may be more."""
    return await delete_some(db, UsedAssertion, col(UsedAssertion.expires_at) < before)
