"""JWTs of providers: whose key signed them, and that they are for us and for now."""

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
    """It is signed with a key that is not among these; the provider may have rotated its keys."""


def read_signed(
    token: object, keys: Sequence[PublicKey], *, token_type: str | None
) -> dict[str, Any]:
    """Verify a JWT's signature and answer its claims.

    The algorithm is the key's, never the header's choice.

    Args:
        token: compact, as it came.
        keys: the provider's.
        token_type: the `typ` it must have; None for an ID token, which has any or none.

    Raises:
        UnknownKey: none of the keys is meant.
        SignInRefused: the signature is wrong, or it is no JWT.
    """
    if not isinstance(token, str) or len(token) > _LONGEST or not token.isascii():
        raise SignInRefused("no signed statement")
    try:
        header = jws.extract_compact(token.encode()).headers()
    except (JoseError, ValueError, TypeError, RecursionError):
        raise SignInRefused("the statement is no JWT") from None
    algorithm, kid = header.get("alg"), header.get("kid")
    if algorithm not in ALGORITHMS or "crit" in header:
        raise SignInRefused("the statement's algorithm is not allowed")
    if token_type is not None and header.get("typ") != token_type:
        raise SignInRefused("the statement is of another type")
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
        raise SignInRefused("the statement holds no claims")
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
    """Refuse claims that are not from this issuer, for us, for this very sign-in, and for now.

    OpenID Connect Core §3.1.3.7.

    Args:
        claims: verified.
        issuer: whom the statement must be from.
        audience: us, as the issuer calls us.
        nonce: what the browser left with.
        now: the time.
        longest: how long the statement may hold at most; None for as long as it says.

    Raises:
        SignInRefused: naming the claim.
    """
    if claims.get("iss") != issuer:
        raise SignInRefused("iss is not the configured issuer")
    named = claims.get("aud")
    audiences = named if isinstance(named, list) else [named]
    if audience not in audiences:
        raise SignInRefused("aud is not us")
    authorised = claims.get("azp")
    if (len(audiences) > 1 or authorised is not None) and authorised != audience:
        raise SignInRefused("azp is not us")
    if claims.get("nonce") != nonce:
        raise SignInRefused("nonce is not the one of this sign-in")
    moment, leeway = now.timestamp(), LEEWAY.total_seconds()
    expires, issued = read_time(claims, "exp"), read_time(claims, "iat")
    if moment >= expires + leeway:
        raise SignInRefused("exp is past")
    if issued > moment + leeway:
        raise SignInRefused("iat is in the future")
    if longest is not None and expires - issued > longest.total_seconds():
        raise SignInRefused("exp is too long after iat")


def read_time(claims: Mapping[str, Any], name: str) -> float:
    """Read a claim that is a time.

    Raises:
        SignInRefused: it is missing or none.
    """
    value = claims.get(name)
    # The bounds also keep out NaN, infinity, and integers that no float holds.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:
        raise SignInRefused(f"{name} is missing or no time")
    return float(value)
