"""Find the gateway for which an assertion is."""

from dataclasses import replace

from auth_server.errors import InvalidTarget
from auth_server.oauth.resource_parameter import resolve_resource as resolve
from auth_server.oauth.token_endpoint.identity_assertion.assertion import (
    CheckedAssertion,
    refused,
)
from auth_server.oauth.token_endpoint.request import TokenRequest


async def resolve_resource(checked: CheckedAssertion, request: TokenRequest) -> CheckedAssertion:
    """Find the resource that the claim names, which the request may only repeat (§7.6.2).

    Raises:
        InvalidGrant: the claim is missing, or names another server's resource.
        InvalidTarget: the parameter names another resource than the claim.
    """
    named = checked.text_of("resource")
    try:
        resource = resolve((named,), request.settings)
    except InvalidTarget as error:
        raise refused("resource must be an MCP server of this authorization server") from error
    asked = request.form.all("resource")
    if asked and resolve(asked, request.settings).resource != resource.resource:
        raise InvalidTarget("resource is not the one in the assertion")
    return replace(checked, resource=resource)
