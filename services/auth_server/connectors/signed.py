"""Verify the JWTs of providers: signature, issuer, audience, nonce and times."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError

from auth_server.connectors.port import SignInRefused
from auth_server.jwks import ALGORITHMS, PublicKey

LEEWAY = timedelta(seconds=30)
_LONGEST = 64 * 1024


class UnknownKey(SignInRefused):
    """The JWT is signed with an unknown key; the provider may have rotated its keys."""


def read_signed(
    token: object, keys: Sequence[PublicKey], *, token_type: str | None
) -> dict[str, Any]:
    """Verify a JWT's signature and return its claims.

    The key decides the algorithm, not the header.

    Args:
        token: the compact JWT, as received.
        keys: the provider's keys.
        token_type: the required `typ`; None for an ID token, which may have any.

    Raises:
        UnknownKey: the header names none of the keys.
        SignInRefused: the signature is wrong, or the token is not a JWT.
    """
    if not isinstance(token, str) or len(token) > _LONGEST or not token.isascii():
        raise SignInRefused("the signed statement is missing or too long")
    try:
        header: object = jws.extract_compact(token.encode()).headers()
    except (JoseError, ValueError, TypeError, AttributeError, RecursionError):
        header = None
    # joserfc takes any JSON for the header.
    if not isinstance(header, dict):
        raise SignInRefused("the statement is not a JWT")
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS or "crit" in header:
        raise SignInRefused("the statement's algorithm is not allowed")
    if token_type is not None and header.get("typ") != token_type:
        raise SignInRefused("the statement has the wrong type")
    fitting = [key for key in keys if key.algorithm == algorithm]
    if kid is not None and not (len(fitting) == 1 and fitting[0].kid is None):
        fitting = [key for key in fitting if key.kid == kid]
    if len(fitting) != 1:
        raise UnknownKey("kid and alg do not name one of the provider's keys")
    # RFC 9864 names the algorithm by its curve; both names mean the same key.
    registry = jws.JWSRegistry(algorithms=[algorithm])
    try:
        claims = jwt.decode(token, fitting[0].key, registry=registry).claims
    except (JoseError, ValueError, TypeError, RecursionError):
        raise SignInRefused("the statement's signature is wrong") from None
    if not isinstance(claims, dict):
        raise SignInRefused("the statement does not contain claims")
    return claims


def require_claims(
    claims: Mapping[str, Any],
    *,
    issuer: str,
    audience: str,
    nonce: str,
    now: datetime,
    longest: timedelta | None = None,
) -> None:
    """Refuse claims with the wrong issuer, audience or nonce, and expired ones.

    OpenID Connect Core §3.1.3.7.

    Args:
        claims: the claims of a JWT whose signature is verified.
        issuer: the required issuer.
        audience: our id at the issuer.
        nonce: the nonce of this sign-in.
        now: the time.
        longest: the longest lifetime that the statement may have; None for any.

    Raises:
        SignInRefused: with the name of the claim.
    """
    if claims.get("iss") != issuer:
        raise SignInRefused("iss is not the configured issuer")
    named = claims.get("aud")
    audiences = named if isinstance(named, list) else [named]
    if audience not in audiences:
        raise SignInRefused("aud does not name this server")
    authorised = claims.get("azp")
    if (len(audiences) > 1 or authorised is not None) and authorised != audience:
        raise SignInRefused("azp does not name this server")
    if claims.get("nonce") != nonce:
        raise SignInRefused("nonce is not the one of this sign-in")
    moment, leeway = now.timestamp(), LEEWAY.total_seconds()
    expires, issued = read_time(claims, "exp"), read_time(claims, "iat")
    if moment >= expires + leeway:
        raise SignInRefused("exp is in the past")
    if issued > moment + leeway:
        raise SignInRefused("iat is in the future")
    if longest is not None and expires - issued > longest.total_seconds():
        raise SignInRefused("exp is too long after iat")


def read_time(claims: Mapping[str, Any], name: str) -> float:
    """Read a claim that is a time.

    Raises:
        SignInRefused: the claim is missing or not a time.
    """
    value = claims.get(name)
    # The bounds also exclude NaN, infinity, and integers too large for a float.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:
        raise SignInRefused(f"{name} is missing or not a time")
    return float(value)
