"""Authenticate the caller by one credential in a header: an access token or an API key.

A token that is bound to a key counts only with a proof of that key.
"""

from gatepost.claims import AccessClaims
from gatepost.clock import Now
from mcp_gateway.auth.api_keys import ExchangeFailed
from mcp_gateway.auth.authenticator import Authenticator
from mcp_gateway.auth.challenge import DPOP_TOO, Challenge
from mcp_gateway.auth.jwks import KeysUnavailable
from mcp_gateway.auth.verify_token import InvalidToken
from mcp_gateway.front.answer_headers import DPOP_NONCE
from mcp_gateway.front.exchange import Check, Exchange, Refused, refuse
from mcp_gateway.possession.require_possession import NotProven, Possession
from mcp_gateway.possession.used_proofs import TooManyProofs

SOON = 300
"""Remaining seconds below which the answer tells the client when its token expires."""
_CHALLENGE = b"www-authenticate"
_KEY_PREFIXES = (b"mcp_live_", b"mcp_test_")
_SCHEMES = (b"bearer", b"apikey", b"dpop")


def authenticate(
    authenticator: Authenticator, challenge: Challenge, possession: Possession, now: Now
) -> Check:
    """Verify the access token (RFC 6750 §2.1, RFC 9449 §7.1), or resolve the API key.

    A key may come as `X-API-Key`, under the scheme `ApiKey`, or as a bearer token. Credentials in a
    query or a body are ignored.

    Raises:
        Refused: 401 with a challenge, which has no error if no credential was sent (§3.1); 400 if
            there are two credentials; 503 while credentials can't be verified.
    """

    def invalid(description: str, scheme: bytes, organisation: str) -> Refused:
        header = challenge.header(
            "DPoP" if scheme == b"dpop" else "Bearer",
            error="invalid_token",
            description=description,
            organisation=organisation,
        )
        return refuse(401, "invalid_token", description, (_CHALLENGE, header))

    def not_proven(problem: NotProven, organisation: str) -> Refused:
        said, scheme = str(problem), problem.scheme
        header = challenge.header(
            scheme, error=problem.error, description=said, organisation=organisation
        )
        nonce = () if problem.nonce is None else ((DPOP_NONCE, problem.nonce.encode()),)
        return refuse(401, problem.error, said, (_CHALLENGE, header), *nonce)

    async def require_possession(
        exchange: Exchange, caller: AccessClaims, scheme: bytes, token: bytes
    ) -> Exchange:
        headers = exchange.headers

        def read(name: bytes) -> bytes | None:
            return None if name in headers.repeated else headers.get(name)

        nonce = await possession.require(
            caller, token, scheme=scheme, method=exchange.method, read=read
        )
        return exchange if nonce is None else exchange._replace(dpop_nonce=nonce)

    async def check(exchange: Exchange) -> Exchange:
        headers, organisation = exchange.headers, exchange.organisation
        authorization, api_key = headers.get(b"authorization"), headers.get(b"x-api-key")
        if api_key and (authorization or b"x-api-key" in headers.repeated):
            raise refuse(400, "invalid_request", "send one credential, not several")
        scheme, _, token = (authorization or b"").partition(b" ")
        scheme, token = scheme.lower(), token.strip(b" ")
        if not api_key and (scheme not in _SCHEMES or not token):
            said = "send an access token as a Bearer token, or an API key"
            header = challenge.header(organisation=organisation)
            both = (_CHALLENGE, header), (_CHALLENGE, DPOP_TOO)
            raise refuse(401, "unauthorized", said, *both)
        if b"authorization" in headers.repeated:
            raise invalid("there is more than one Authorization header", scheme, organisation)
        is_key = api_key or scheme == b"apikey" or token.startswith(_KEY_PREFIXES)
        try:
            if is_key and scheme != b"dpop":
                caller = await authenticator.resolve_key(api_key or token, organisation)
                return exchange.with_caller(caller)
            caller = await authenticator.verify_token(token, organisation)
            if caller.confirmation is not None or scheme == b"dpop":
                exchange = await require_possession(exchange, caller, scheme, token)
        except InvalidToken as problem:
            raise invalid(str(problem), scheme, organisation) from None
        except NotProven as problem:
            raise not_proven(problem, organisation) from None
        except (KeysUnavailable, ExchangeFailed, TooManyProofs):
            raise refuse(
                503,
                "temporarily_unavailable",
                "credentials can't be verified at the moment; try again in 5 seconds",
                (b"retry-after", b"5"),
            ) from None
        exchange, left = exchange.with_caller(caller), caller.exp - int(now().timestamp())
        return exchange._replace(token_ends_in=left) if left < SOON else exchange

    return check
