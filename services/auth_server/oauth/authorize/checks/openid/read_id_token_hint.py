"""Read for whom the app asks."""

from dataclasses import replace

from auth_server.errors import InvalidRequest
from auth_server.oauth.authorize.request import CheckContext, CheckedRequest
from auth_server.tokens.read_id_token import read_id_token


async def read_id_token_hint(request: CheckedRequest, context: CheckContext) -> CheckedRequest:
    """Read the only person who may answer from `id_token_hint` (OpenID Connect Core §3.1.2.2)."""
    token = request.parameters.get("id_token_hint")
    if token is None:
        return request
    hint = await read_id_token(context.db, token, issuer=context.settings.issuer)
    if hint is None or hint.client_id != request.known_client().client_id:
        raise InvalidRequest(
            "id_token_hint is not an ID token of this server for this client; leave it out"
        )
    return replace(request, expected_person=hint.person_id)
