"""Write the metadata document."""

from collections.abc import Mapping
from typing import Any

from auth_server.client_authentication.authenticate import METHODS
from auth_server.jwks import ALGORITHMS
from auth_server.oauth.token_endpoint.grant_types import GRANT_TYPES
from auth_server.oauth.token_endpoint.identity_assertion.assertion import GRANT_PROFILE
from auth_server.settings import AuthServerSettings
from auth_server.tokens.authentication_context import ACR_VALUES
from auth_server.tokens.id_token import ID_TOKEN_CLAIMS, PERSON_CLAIMS
from gatepost.claims import ALGORITHM
from gatepost.proofs import dpop
from gatepost.scopes import BESIDE_RESOURCES


def describe_server(settings: AuthServerSettings) -> Mapping[str, Any]:
    """Describe this server (RFC 8414 §2; OpenID Connect Discovery §3).

    Both well-known URLs return this document. Every URL in it is the configured issuer with a path,
    and nothing comes from a request.
    """
    issuer = settings.issuer
    scopes = {scope for entry in settings.resources for scope in entry.scopes}
    profiles = {"authorization_grant_profiles_supported": [GRANT_PROFILE]}
    certificates = {"tls_client_certificate_bound_access_tokens": True}
    registration = {"registration_endpoint": f"{issuer}/register"}
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "pushed_authorization_request_endpoint": f"{issuer}/par",
        "device_authorization_endpoint": f"{issuer}/device_authorization",
        **(registration if settings.registration == "open" else {}),
        "revocation_endpoint": f"{issuer}/revoke",
        "introspection_endpoint": f"{issuer}/introspect",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "end_session_endpoint": f"{issuer}/end-session",
        "jwks_uri": f"{issuer}/jwks.json",
        "scopes_supported": [*sorted(scopes), *sorted(BESIDE_RESOURCES)],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": sorted(GRANT_TYPES),
        # Without a customer's provider, nobody can make an identity assertion.
        **(profiles if settings.customers_providers else {}),
        "token_endpoint_auth_methods_supported": list(METHODS),
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "revocation_endpoint_auth_methods_supported": list(METHODS),
        "revocation_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "introspection_endpoint_auth_methods_supported": sorted(METHODS.keys() - {"none"}),
        "introspection_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "code_challenge_methods_supported": ["S256"],
        "dpop_signing_alg_values_supported": list(dpop.ALGORITHMS),
        **(certificates if settings.client_certificate_header else {}),
        "client_id_metadata_document_supported": True,
        "authorization_response_iss_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "claims_supported": [*ID_TOKEN_CLAIMS, *PERSON_CLAIMS],
        "claims_parameter_supported": False,
        "acr_values_supported": list(ACR_VALUES),
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
    }
