"""Refuse delegations for another resource."""

from auth_server.errors import InvalidTarget
from auth_server.oauth.resource_parameter import resolve_resource
from auth_server.oauth.token_endpoint.delegation.delegated import CheckedDelegation
from auth_server.oauth.token_endpoint.request import TokenRequest


async def require_target(checked: CheckedDelegation, request: TokenRequest) -> CheckedDelegation:
    """Let `resource` and `audience` only repeat the resource of the subject token (RFC 8693 §2.1).

    Raises:
        InvalidTarget: they name another one.
    """
    asked = (*request.form.all("resource"), *request.form.all("audience"))
    if asked and resolve_resource(asked, request.settings).resource != checked.claims.aud:
        raise InvalidTarget("a sub-agent gets tokens only for the resource of the subject_token")
    return checked
