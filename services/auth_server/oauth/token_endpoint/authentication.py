"""Find how a person had signed in, for an ID token."""

from auth_server.oauth.token_endpoint.request import TokenRequest
from auth_server.records.authentications.store import find_authentication
from auth_server.records.authentications.table import Authentication
from gatepost.scopes import OPENID


async def find_for_id_token(
    request: TokenRequest, family_id: str, scopes: frozenset[str]
) -> Authentication | None:
    """Find the authentication of a family; None without `openid` among the scopes of its tokens.

    It is read before the code or refresh token is used up, so that a failure does not use it up.
    """
    if OPENID not in scopes:
        return None
    async with request.database.reading() as db:
        return await find_authentication(db, family_id)
