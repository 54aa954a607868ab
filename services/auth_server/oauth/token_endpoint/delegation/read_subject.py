"""Read the token that the asking client holds."""

from dataclasses import replace

from auth_server.errors import InvalidRequest
from auth_server.oauth.token_endpoint.delegation.delegated import CheckedDelegation
from auth_server.oauth.token_endpoint.delegation.live_token import read_live_token
from auth_server.oauth.token_endpoint.request import TokenRequest
from gatepost.claims import MOST_ACTORS


async def read_subject(checked: CheckedDelegation, request: TokenRequest) -> CheckedDelegation:
    """Read `subject_token`: a live access token of this server, with room for one more actor.

    Raises:
        InvalidRequest: it is not such a token (RFC 8693 §2.2.2).
    """
    token, issuer = request.form.require("subject_token"), request.settings.issuer
    async with request.database.reading() as db:
        subject = await read_live_token(db, token, issuer=issuer, now=request.now)
    if subject is None:
        raise InvalidRequest(
            "subject_token is not a live access token of this server; refresh it and ask again"
        )
    if len(subject.claims.actors) >= MOST_ACTORS:
        raise InvalidRequest(
            f"subject_token already names {MOST_ACTORS} sub-agents, one below the other"
        )
    return replace(checked, subject=subject)
