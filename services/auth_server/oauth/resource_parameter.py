"""Find the resource that a request's `resource` parameters name."""

from urllib.parse import urlsplit

from auth_server.errors import InvalidTarget
from auth_server.settings import AuthServerSettings, ResourceAddress
from gatepost.network.organisation_address import tenant_of_address


def resolve_resource(asked: tuple[str, ...], settings: AuthServerSettings) -> ResourceAddress:
    """Find the requested resource, or the first configured one (RFC 8707 §2).

    MCP lets clients write a resource with scheme and host in any case and with a trailing slash
    (2026-07-28, authorization, Canonical Server URI). Tokens contain the configured string, or an
    organisation's address beneath it. Whether the tenant exists is not told here.

    Raises:
        InvalidTarget: this server does not have the resource, or several different ones are named.
    """
    if not asked:
        return ResourceAddress(settings.resources[0])
    wanted = {_canonical(resource) for resource in asked}
    if len(wanted) > 1:
        raise InvalidTarget("name only one resource, because a token is for one")
    named = wanted.pop()
    for entry in settings.resources:
        if _canonical(entry.resource) == named:
            return ResourceAddress(entry)
    for entry in settings.resources:
        if tenant_id := tenant_of_address(_canonical(entry.resource), named):
            return ResourceAddress(entry, tenant_id)
    raise InvalidTarget("this server does not issue tokens for that resource")


def _canonical(resource: str) -> str:
    try:
        parts = urlsplit(resource)
    except ValueError:
        return resource
    # Without an authority, and where `urlsplit` left characters out, the lengths below say nothing.
    if "#" in resource or not resource[len(parts.scheme) :].startswith(f"://{parts.netloc}"):
        return resource
    rest = resource[len(parts.scheme) + 3 + len(parts.netloc) :]
    return f"{parts.scheme.lower()}://{parts.netloc.lower()}{rest.removesuffix('/')}"
