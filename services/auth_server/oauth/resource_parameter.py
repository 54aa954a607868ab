"""Find the resource that a request's `resource` parameters name."""

from urllib.parse import urlsplit

from auth_server.errors import InvalidTarget
from auth_server.settings import AuthServerSettings, ResourceSettings


def resolve_resource(asked: tuple[str, ...], settings: AuthServerSettings) -> ResourceSettings:
    """Find the requested resource, or the first configured one (RFC 8707 §2).

    MCP lets clients write a resource with scheme and host in any case and with a trailing slash
    (2026-07-28, authorization, Canonical Server URI). Tokens contain the configured string.

    Raises:
        InvalidTarget: this server does not have the resource, or several different ones are named.
    """
    if not asked:
        return settings.resources[0]
    wanted = {_canonical(resource) for resource in asked}
    if len(wanted) == 1:
        for entry in settings.resources:
            if _canonical(entry.resource) in wanted:
                return entry
        raise InvalidTarget("this server does not issue tokens for that resource")
    raise InvalidTarget("name only one resource, because a token is for one")


def _canonical(resource: str) -> str:
    try:
        parts = urlsplit(resource)
    except ValueError:
        return resource
    if parts.fragment or "#" in resource:
        return resource
    rest = resource[len(parts.scheme) + 3 + len(parts.netloc) :]
    return f"{parts.scheme.lower()}://{parts.netloc.lower()}{rest.removesuffix('/')}"
