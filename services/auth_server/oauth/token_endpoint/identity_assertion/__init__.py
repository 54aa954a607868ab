"""Identity assertions of tenants' own providers (ID-JAG), with one file for each rule.

MCP Enterprise-Managed Authorization (ext-auth, stable) §5.1 and §7, and
draft-ietf-oauth-identity-assertion-authz-grant §4.4.1.
"""

from auth_server.oauth.token_endpoint.identity_assertion.assertion import Check
from auth_server.oauth.token_endpoint.identity_assertion.find_issuer import find_issuer
from auth_server.oauth.token_endpoint.identity_assertion.match_client import match_client
from auth_server.oauth.token_endpoint.identity_assertion.narrow_scope import narrow_scope
from auth_server.oauth.token_endpoint.identity_assertion.read_identity import read_identity
from auth_server.oauth.token_endpoint.identity_assertion.refuse_unsupported import (
    refuse_unsupported,
)
from auth_server.oauth.token_endpoint.identity_assertion.require_audience import require_audience
from auth_server.oauth.token_endpoint.identity_assertion.require_id import require_id
from auth_server.oauth.token_endpoint.identity_assertion.require_known_client import (
    require_known_client,
)
from auth_server.oauth.token_endpoint.identity_assertion.require_times import require_times
from auth_server.oauth.token_endpoint.identity_assertion.resolve_resource import resolve_resource
from auth_server.oauth.token_endpoint.identity_assertion.verify_signature import verify_signature

CHECKS: tuple[Check, ...] = (
    require_known_client,  # not one that registered itself
    find_issuer,  # `iss` selects one provider, which an operator assigned to one tenant
    verify_signature,  # `typ`, `alg` and `kid`; from here on the claims are the provider's
    require_audience,  # exactly this issuer
    match_client,  # `client_id` is the client that sends the request
    require_times,  # `exp`, `iat`, `nbf`: five minutes
    require_id,  # `jti`; used once, in the transaction that follows
    refuse_unsupported,  # a `cnf` without its proof, `authorization_details`, and providers with several tenants
    resolve_resource,  # `resource` is a gateway of this server
    narrow_scope,  # of the assertion and of the request
    read_identity,  # `sub`, `email`, `amr` and the groups
)
