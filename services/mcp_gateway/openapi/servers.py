"""Which server an operation is sent to: its own, its path's, or the document's.

The operator configures where the document's server is. An operation that has another one is served
only where the operator listed that host. Sources: OpenAPI 3.1.1 §4.8.5 and §4.8.6.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

_VARIABLE = re.compile(r"\{([^{}]+)\}")


class UnlistedServer(Exception):
    """The operation goes to a server that the operator did not list; the message says which."""


def server_urls(node: Mapping[str, Any], base: str = "") -> tuple[str, ...]:
    """List the server URLs that a document, path or operation declares.

    Args:
        node: whatever may hold `servers`.
        base: the document's own URL, to which relative servers are relative; "" where unknown.
    """
    servers = node.get("servers")
    listed = servers if isinstance(servers, list) else []
    found = [_url(item, base) for item in listed if isinstance(item, dict)]
    return tuple(url for url in found if url)


def own_base_url(
    own: tuple[str, ...], document: tuple[str, ...], hosts: Collection[str]
) -> str | None:
    """Decide where an operation with servers of its own is sent; None means the configured one.

    Args:
        own: the servers of the operation, or of its path.
        document: those of the document, which the operator's URL stands for.
        hosts: `host` or `host:port` that the operator listed, lower case.

    Raises:
        UnlistedServer: naming the server and how to allow it.
    """
    document = document or ("/",)  # OpenAPI's default
    if not own or {_plain(url) for url in own} & {_plain(url) for url in document}:
        return None
    for url in own:
        whole = _join(document[0], url)
        if is_absolute(whole) and urlsplit(whole).netloc.lower() in hosts:
            return whole
    raise UnlistedServer(
        f"it has a server of its own, {own[0][:100]}; it is served once its host is listed"
    )


def _url(server: Mapping[str, Any], base: str) -> str | None:
    """Read one server, its variables filled with their defaults."""
    url = server.get("url")
    if not isinstance(url, str):
        return None
    variables = server.get("variables")
    if isinstance(variables, dict):

        def default(match: re.Match[str]) -> str:
            variable = variables.get(match[1])
            value = variable.get("default") if isinstance(variable, dict) else None
            return match[0] if value is None else str(value)

        url = _VARIABLE.sub(default, url)
    return _join(base, url)


def _join(base: str, url: str) -> str:
    try:
        return urljoin(base, url)
    except ValueError:  # Brackets that hold no IPv6 address.
        return url


def is_absolute(url: str) -> bool:
    """Tell whether a server URL says by itself which host to ask."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    usable = not _VARIABLE.search(parts.netloc) and "@" not in parts.netloc
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and usable


def _plain(url: str) -> str:
    return url.rstrip("/")
