"""Authenticate the caller by one credential in a header: an access token or an API key."""

from gatepost.clock import Now
from mcp_gateway.auth.api_keys import ExchangeFailed
from mcp_gateway.auth.authenticator import Authenticator
from mcp_gateway.auth.challenge import Challenge
from mcp_gateway.auth.jwks import KeysUnavailable
from mcp_gateway.auth.verify_token import InvalidToken
from mcp_gateway.front.exchange import Check, Exchange, Refused, refuse

SOON = 300
"""Remaining seconds below which the answer tells the client when its token expires."""
_CHALLENGE = b"www-authenticate"
_KEY_PREFIXES = (b"mcp_live_", b"mcp_test_")


def authenticate(authenticator: Authenticator, challenge: Challenge, now: Now) -> Check:
    """Verify the bearer token (RFC 6750 §2.1), or resolve the API key.

    A key may come as `X-API-Key`, under the scheme `ApiKey`, or as a bearer token. Credentials in a
    query or a body are ignored.

    Raises:
        Refused: 401 with a challenge, which has no error if no credential was sent (§3.1); 400 if
            there are two credentials; 503 while credentials can't be verified.
    """

    def invalid(description: str) -> Refused:
        header = challenge.header(error="invalid_token", description=description)
        return refuse(401, "invalid_token", description, (_CHALLENGE, header))

    async def check(exchange: Exchange) -> Exchange:
        headers = exchange.headers
        authorization, api_key = headers.get(b"authorization"), headers.get(b"x-api-key")
        if api_key and (authorization or b"x-api-key" in headers.repeated):
            raise refuse(400, "invalid_request", "send one credential, not several")
        scheme, _, token = (authorization or b"").partition(b" ")
        scheme, token = scheme.lower(), token.strip(b" ")
        if not api_key and (scheme not in (b"bearer", b"apikey") or not token):
            said = "send an access token as a Bearer token, or an API key"
            raise refuse(401, "unauthorized", said, (_CHALLENGE, challenge.header()))
        if b"authorization" in headers.repeated:
            raise invalid("there is more than one Authorization header")
        try:
            if api_key or scheme == b"apikey" or token.startswith(_KEY_PREFIXES):
                return exchange.with_caller(await authenticator.resolve_key(api_key or token))
            caller = await authenticator.verify_token(token)
        except InvalidToken as problem:
            raise invalid(str(problem)) from None
        except (KeysUnavailable, ExchangeFailed):
            raise refuse(
                503,
                "temporarily_unavailable",
                "credentials can't be verified at the moment; try again in 5 seconds",
                (b"retry-after", b"5"),
            ) from None
        exchange, left = exchange.with_caller(caller), caller.exp - int(now().timestamp())
        return exchange._replace(token_ends_in=left) if left < SOON else exchange

    return check
