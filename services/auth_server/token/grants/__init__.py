"""The grant types, by the name a client sends: each proves its own and answers what it is worth."""

from collections.abc import Mapping

from auth_server.token.grants.authorization_code import redeem_authorization_code
from auth_server.token.grants.refresh_token import redeem_refresh_token
from auth_server.token.request import ProveGrant

GRANTS: Mapping[str, ProveGrant] = {
    "authorization_code": redeem_authorization_code,  # OAuth 2.1 §4.1.3
    "refresh_token": redeem_refresh_token,  # OAuth 2.1 §4.3
}
