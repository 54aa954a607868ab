"""Require that whoever sends an access token to this server has the key to which it is bound."""

from starlette.requests import Request

from auth_server.db.raw_sql import RawSql
from auth_server.errors import (
    DpopNonceRequired,
    InvalidDpopProof,
    InvalidToken,
    UnprovenToken,
    UseDpopNonce,
)
from auth_server.keys import Keys
from auth_server.oauth.possession.certificate import thumbprint_of_connection
from auth_server.oauth.possession.dpop_proof import read_proof, require_first_use, require_nonce
from auth_server.settings import AuthServerSettings
from gatepost.claims import Confirmation
from gatepost.clock import Now
from gatepost.proofs.dpop import HEADER


async def require_possession(
    request: Request,
    bound: Confirmation | None,
    settings: AuthServerSettings,
    *,
    path: str,
    keys: Keys,
    raw_sql: RawSql,
    now: Now,
) -> None:
    """Check the scheme of an access token and the proof or certificate that comes with it (RFC 9449 §7).

    Args:
        request: the request.
        bound: the key of its token.
        settings: the settings.
        path: the endpoint, below the issuer.
        keys: seal nonces.
        raw_sql: remembers used proofs.
        now: the clock.

    Raises:
        InvalidToken: the scheme is wrong, or the proof or the certificate is of another key.
        UnprovenToken: the proof is missing, not valid or was used before.
        DpopNonceRequired: the proof needs a nonce of this server.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    dpop = bound is not None and bound.method == "jkt"
    if (scheme.lower() == "dpop") != dpop:
        said = (
            "is bound to a key; send it with the scheme DPoP and a proof"
            if dpop
            else ("is not bound to a key; send it with the scheme Bearer")
        )
        raise InvalidToken(f"the access token {said}", scheme="DPoP" if dpop else "Bearer")
    if bound is None:
        return
    if not dpop:
        if thumbprint_of_connection(request, settings) != bound.thumbprint:
            raise InvalidToken("the access token is bound to another client certificate")
        return
    proofs = request.headers.getlist(HEADER)
    if len(proofs) != 1:
        raise UnprovenToken("send one proof in the header DPoP")
    try:
        proof = read_proof(
            proofs[0],
            method=request.method,
            url=f"{settings.issuer}{path}",
            now=now(),
            access_token=token.strip(),
        )
        if proof.thumbprint != bound.thumbprint:
            raise InvalidToken("the access token is bound to another key", scheme="DPoP")
        if settings.dpop_nonces:
            require_nonce(proof, keys, now)
        await require_first_use(proof, raw_sql)
    except InvalidDpopProof as problem:
        raise UnprovenToken(problem.description) from None
    except UseDpopNonce as problem:
        raise DpopNonceRequired(problem.nonce) from None
