"""Verify a DPoP proof, and use it up."""

from datetime import UTC, datetime

from auth_server.db.raw_sql import RawSql
from auth_server.errors import InvalidDpopProof, UseDpopNonce
from auth_server.keys import Keys
from auth_server.records.client_assertions.store import use_proof
from gatepost.clock import Now
from gatepost.proofs.dpop import InvalidProof, Proof, verify_proof
from gatepost.proofs.nonces import RENEWED, Nonces

_PURPOSE = "dpop nonce"
_MARGIN = 60
"""Seconds for which a used proof is remembered longer, since the clocks of processes differ."""


def read_proof(
    text: str, *, method: str, url: str, now: datetime, access_token: str | None = None
) -> Proof:
    """Verify a proof for a request to this server (RFC 9449 §4.3).

    Raises:
        InvalidDpopProof: the proof is not valid.
    """
    try:
        return verify_proof(
            text.encode("latin-1"),
            method=method,
            url=url,
            now=now.timestamp(),
            access_token=None if access_token is None else access_token.encode("latin-1"),
        )
    except InvalidProof as problem:
        raise InvalidDpopProof(str(problem)) from None


def require_nonce(proof: Proof, keys: Keys, now: Now) -> str | None:
    """Require a nonce of this server in a proof, and return the next one if that is old (§8).

    Raises:
        UseDpopNonce: the nonce is missing, expired or not ours.
    """
    nonces = Nonces(
        lambda time: f"{time}.{keys.sign(_PURPOSE, str(time))}",
        lambda nonce: _unseal(keys, nonce),
        now,
    )
    age = None if proof.nonce is None else nonces.age(proof.nonce)
    if age is None:
        raise UseDpopNonce(nonces.make())
    return nonces.make() if age >= RENEWED else None


async def require_first_use(proof: Proof, raw_sql: RawSql) -> None:
    """Use a proof up, for all processes and whatever becomes of the request (§11.1).

    Raises:
        InvalidDpopProof: the proof was used before.
    """
    expires_at = datetime.fromtimestamp(proof.expires_at + _MARGIN, UTC)
    if not await use_proof(raw_sql, proof.thumbprint, proof.id, expires_at=expires_at):
        raise InvalidDpopProof("the DPoP proof was used before; make a new one for each request")


def _unseal(keys: Keys, nonce: str) -> int | None:
    time, _, mac = nonce.partition(".")
    if not time.isdigit() or not time.isascii() or len(time) > 12:
        return None
    return int(time) if keys.verify(mac, _PURPOSE, time) else None
