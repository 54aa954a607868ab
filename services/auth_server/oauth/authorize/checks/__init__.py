"""The checks of an authorization request, in the order they run, with one file for each rule.

Up to and including `match_redirect_uri`, a refusal is a page and never a redirect. After it, the
client gets the refusal in a redirect with `state` and `iss`.
"""

from auth_server.oauth.authorize.checks.match_redirect_uri import match_redirect_uri
from auth_server.oauth.authorize.checks.narrow_scopes import narrow_scopes
from auth_server.oauth.authorize.checks.openid.read_acr_values import read_acr_values
from auth_server.oauth.authorize.checks.openid.read_id_token_hint import read_id_token_hint
from auth_server.oauth.authorize.checks.openid.read_max_age import read_max_age
from auth_server.oauth.authorize.checks.openid.read_nonce import read_nonce
from auth_server.oauth.authorize.checks.openid.read_prompt import read_prompt
from auth_server.oauth.authorize.checks.read_dpop_key import read_dpop_key
from auth_server.oauth.authorize.checks.read_pushed_request import read_pushed_request
from auth_server.oauth.authorize.checks.read_state import read_state
from auth_server.oauth.authorize.checks.reject_repeated_parameters import reject_repeated_parameters
from auth_server.oauth.authorize.checks.reject_request_objects import reject_request_objects
from auth_server.oauth.authorize.checks.require_code_response import require_code_response
from auth_server.oauth.authorize.checks.require_pkce import require_pkce
from auth_server.oauth.authorize.checks.require_pushed_request import require_pushed_request
from auth_server.oauth.authorize.checks.resolve_client import resolve_client
from auth_server.oauth.authorize.checks.resolve_resource import resolve_resource
from auth_server.oauth.authorize.request import Check

CHECKS: tuple[Check, ...] = (
    reject_repeated_parameters,  # RFC 6749 §3.1
    read_pushed_request,  # RFC 9126 §4; from here on the parameters are the pushed ones
    resolve_client,
    match_redirect_uri,  # exact; later refusals are redirects
    read_state,
    require_pushed_request,  # RFC 9126 §6
    reject_request_objects,  # OpenID Connect Core §6
    require_code_response,  # OAuth 2.1 §4.1.1
    require_pkce,  # S256 for every client, OAuth 2.1 §4.1.1
    read_dpop_key,  # RFC 9449 §10
    resolve_resource,  # RFC 8707
    narrow_scopes,  # RFC 6749 §3.3
    read_nonce,  # OpenID Connect Core §3.1.2.1
    read_prompt,  # OpenID Connect Core §3.1.2.1
    read_max_age,  # OpenID Connect Core §3.1.2.1
    read_acr_values,  # OpenID Connect Core §3.1.2.1
    read_id_token_hint,  # OpenID Connect Core §3.1.2.2
)
