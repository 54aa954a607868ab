"""Find the resource for which the token is requested."""

from dataclasses import replace

from auth_server.oauth.authorize.request import CheckContext, CheckedRequest
from auth_server.oauth.resource_parameter import resolve_resource as resolve


async def resolve_resource(request: CheckedRequest, context: CheckContext) -> CheckedRequest:
    """Find the requested resource, or the first configured one if none is named (RFC 8707 §2)."""
    address = resolve(request.parameters.all("resource"), context.settings)
    return replace(request, resource=address.resource)
