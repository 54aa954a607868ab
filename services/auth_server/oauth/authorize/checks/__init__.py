"""The checks of an authorization request, in the order they run, with one file for each rule.

Up to and including `match_redirect_uri`, a refusal is a page and never a redirect. After it, the
client gets the refusal in a redirect with `state` and `iss`.
"""

from auth_server.oauth.authorize.checks.match_redirect_uri import match_redirect_uri
from auth_server.oauth.authorize.checks.narrow_scopes import narrow_scopes
from auth_server.oauth.authorize.checks.read_prompt import read_prompt
from auth_server.oauth.authorize.checks.read_state import read_state
from auth_server.oauth.authorize.checks.reject_repeated_parameters import reject_repeated_parameters
from auth_server.oauth.authorize.checks.reject_request_objects import reject_request_objects
from auth_server.oauth.authorize.checks.require_code_response import require_code_response
from auth_server.oauth.authorize.checks.require_pkce import require_pkce
from auth_server.oauth.authorize.checks.resolve_client import resolve_client
from auth_server.oauth.authorize.checks.resolve_resource import resolve_resource
from auth_server.oauth.authorize.request import Check

CHECKS: tuple[Check, ...] = (
    reject_repeated_parameters,  # RFC 6749 §3.1
    resolve_client,
    match_redirect_uri,  # exact; later refusals are redirects
    read_state,
    reject_request_objects,  # OpenID Connect Core §6
    require_code_response,  # OAuth 2.1 §4.1.1
    require_pkce,  # S256 for every client, OAuth 2.1 §4.1.1
    resolve_resource,  # RFC 8707
    narrow_scopes,  # RFC 6749 §3.3
    read_prompt,  # OpenID Connect Core §3.1.2.1
)
