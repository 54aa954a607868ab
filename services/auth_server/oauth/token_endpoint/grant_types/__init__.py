"""The grant types, by their `grant_type`: each verifies a grant and returns its entitlement."""

from collections.abc import Mapping

from auth_server.oauth.token_endpoint.grant_types.authorization_code import (
    redeem_authorization_code,
)
from auth_server.oauth.token_endpoint.grant_types.client_credentials import prove_client_credentials
from auth_server.oauth.token_endpoint.grant_types.device_code import redeem_device_code
from auth_server.oauth.token_endpoint.grant_types.jwt_bearer import prove_assertion
from auth_server.oauth.token_endpoint.grant_types.refresh_token import redeem_refresh_token
from auth_server.oauth.token_endpoint.grant_types.token_exchange import exchange_token
from auth_server.oauth.token_endpoint.identity_assertion.assertion import JWT_BEARER
from auth_server.oauth.token_endpoint.request import ProveGrant
from auth_server.records.device_authorizations.table import DEVICE_CODE
from gatepost.api_keys import TOKEN_EXCHANGE

GRANT_TYPES: Mapping[str, ProveGrant] = {
    "authorization_code": redeem_authorization_code,  # OAuth 2.1 §4.1.3
    "client_credentials": prove_client_credentials,  # OAuth 2.1 §4.2
    "refresh_token": redeem_refresh_token,  # OAuth 2.1 §4.3
    DEVICE_CODE: redeem_device_code,  # RFC 8628 §3.4
    JWT_BEARER: prove_assertion,  # RFC 7523 §2.1
    TOKEN_EXCHANGE: exchange_token,  # RFC 8693 §2
}
