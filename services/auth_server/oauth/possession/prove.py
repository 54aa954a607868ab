"""Find the key to which the tokens of a request are bound."""

from dataclasses import dataclass

from starlette.requests import Request

from auth_server.db.raw_sql import RawSql
from auth_server.errors import InvalidDpopProof
from auth_server.keys import Keys
from auth_server.oauth.possession.certificate import read_certificate
from auth_server.oauth.possession.dpop_proof import (
    read_proof,
    require_first_use,
    require_nonce,
)
from auth_server.records.clients.facts import ClientFacts
from auth_server.settings import AuthServerSettings
from gatepost.claims import Confirmation
from gatepost.clock import Now
from gatepost.proofs.dpop import HEADER


@dataclass(frozen=True, slots=True)
class Possession:
    """The key that the client has, if it proved one; `next_nonce` is for its next proof."""

    confirmation: Confirmation | None = None
    next_nonce: str | None = None

    @property
    def is_stored(self) -> bool:
        """Whether a proof was stored as used."""
        return self.confirmation is not None and self.confirmation.method == "jkt"


async def prove_possession(
    request: Request,
    client: ClientFacts,
    settings: AuthServerSettings,
    *,
    keys: Keys,
    raw_sql: RawSql,
    now: Now,
) -> Possession:
    """Read the certificate of a request's connection, and verify its DPoP proof, which binds the tokens.

    Without both, the tokens are bearer tokens, unless the client registered for bound ones. A client
    that registered for its certificate must have it even if it sends a proof.

    Raises:
        InvalidDpopProof: the proof is not valid or was used before, or the client registered for DPoP
            and sent none (RFC 9449 §5.2).
        UseDpopNonce: the proof needs a nonce of this server.
        InvalidRequest: the certificate is missing or unreadable.
    """
    certificate = read_certificate(request, client, settings)
    proven = await prove_key(request, settings, path="/token", keys=keys, raw_sql=raw_sql, now=now)
    if proven is not None:
        return proven
    if client.dpop_bound_access_tokens:
        raise InvalidDpopProof("this client registered for DPoP; send a proof in the header DPoP")
    return Possession(certificate)


async def prove_key(
    request: Request,
    settings: AuthServerSettings,
    *,
    path: str,
    keys: Keys,
    raw_sql: RawSql,
    now: Now,
) -> Possession | None:
    """Verify the DPoP proof of a request to an endpoint, and use it up; None if there is none.

    Raises:
        InvalidDpopProof: the proof is not valid or was used before, or there are several.
        UseDpopNonce: the proof needs a nonce of this server.
    """
    proofs = request.headers.getlist(HEADER)
    if not proofs:
        return None
    if len(proofs) > 1:
        raise InvalidDpopProof("there is more than one DPoP header; send one proof")
    url = f"{settings.issuer}{path}"
    proof = read_proof(proofs[0], method=request.method, url=url, now=now())
    next_nonce = require_nonce(proof, keys, now) if settings.dpop_nonces else None
    await require_first_use(proof, raw_sql)
    return Possession(Confirmation("jkt", proof.thumbprint), next_nonce)
