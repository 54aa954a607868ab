"""Know the caller by the access token in the `Authorization` header, and by nothing else."""

from mcp_gateway.auth.jwks import KeysUnavailable
from mcp_gateway.auth.verify_token import InvalidToken
from mcp_gateway.front.exchange import Door, Exchange, Refused, refuse

_CHALLENGE = b"www-authenticate"


async def authenticate(exchange: Exchange, door: Door) -> Exchange:
    """Verify the bearer token (RFC 6750 §2.1); a token in a query or a body is not looked at.

    Raises:
        Refused: 401 with a challenge, which names no error where no token was sent (§3.1); 503
            while no token can be verified.
    """
    headers = exchange.headers
    scheme, _, token = (headers.get(b"authorization") or b"").partition(b" ")
    token = token.strip(b" ")
    if scheme.lower() != b"bearer" or not token:
        challenge = (_CHALLENGE, door.challenge.header())
        raise refuse(401, "unauthorized", "send an access token as a Bearer token", challenge)
    if b"authorization" in headers.repeated:
        raise _invalid(door, "there is more than one Authorization header")
    try:
        caller = await door.verifier.verify(token)
    except InvalidToken as problem:
        raise _invalid(door, str(problem)) from None
    except KeysUnavailable:
        raise refuse(
            503,
            "temporarily_unavailable",
            "tokens can't be verified at the moment",
            (b"retry-after", b"5"),
        ) from None
    server = door.serving.server
    if server.outdates(caller, server.parts.now().timestamp()):
        raise _invalid(door, "the tool list has changed since; refresh the token")
    return exchange.with_caller(caller)


def _invalid(door: Door, description: str) -> Refused:
    challenge = door.challenge.header(error="invalid_token", description=description)
    return refuse(401, "invalid_token", description, (_CHALLENGE, challenge))
