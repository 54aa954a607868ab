"""Which resource a request's `resource` parameters mean."""

from urllib.parse import urlsplit

from auth_server.errors import InvalidTarget
from auth_server.settings import AuthServerSettings, ResourceSettings


def resolve_resource(asked: tuple[str, ...], settings: AuthServerSettings) -> ResourceSettings:
    """Find the one resource that was asked for, or the first configured one (RFC 8707 §2).

    A resource is taken in the forms MCP lets clients write it (2026-07-28, authorization,
    Canonical Server URI): scheme and host in any case, one trailing slash more. Tokens carry the
    configured string.

    Raises:
        InvalidTarget: it is none of this server's, or several different ones were named.
    """
    if not asked:
        return settings.resources[0]
    wanted = {_canonical(resource) for resource in asked}
    if len(wanted) == 1:
        for entry in settings.resources:
            if _canonical(entry.resource) in wanted:
                return entry
        raise InvalidTarget("this server issues no tokens for that resource")
    raise InvalidTarget("name one resource; a token is for one")


def _canonical(resource: str) -> str:
    try:
        parts = urlsplit(resource)
    except ValueError:
        return resource
    if parts.fragment or "#" in resource:
        return resource
    rest = resource[len(parts.scheme) + 3 + len(parts.netloc) :]
    return f"{parts.scheme.lower()}://{parts.netloc.lower()}{rest.removesuffix('/')}"
