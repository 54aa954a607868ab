"""Decide to which server an operation is sent: its own, its path's, or the document's.

The operator configures the address of the document's server. An operation with another server is
served only if the operator listed its host. Sources: OpenAPI 3.1.1 §4.8.5 and §4.8.6.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

_VARIABLE = re.compile(r"\{([^{}]+)\}")


class UnlistedServer(Exception):
    """The operator did not list the operation's server; the message names it."""


def server_urls(node: Mapping[str, Any], base: str = "") -> tuple[str, ...]:
    """Return the server URLs that a document, path or operation declares.

    Args:
        node: a mapping that may have `servers`.
        base: the document's own URL, to which servers may be relative; "" if unknown.
    """
    servers = node.get("servers")
    listed = servers if isinstance(servers, list) else []
    found = [_url(item, base) for item in listed if isinstance(item, dict)]
    return tuple(url for url in found if url)


def own_base_url(
    own: tuple[str, ...], document: tuple[str, ...], hosts: Collection[str]
) -> str | None:
    """Return the base URL of an operation with its own servers; None means the configured one.

    Args:
        own: the servers of the operation, or of its path.
        document: the servers of the document, which the operator's URL replaces.
        hosts: `host` or `host:port` that the operator listed, in lower case.

    Raises:
        UnlistedServer: the server is not listed; the message names it and says how to allow it.
    """
    document = document or ("/",)  # OpenAPI's default
    if not own or {_plain(url) for url in own} & {_plain(url) for url in document}:
        return None
    for url in own:
        whole = _join(document[0], url)
        if is_absolute(whole) and urlsplit(whole).netloc.lower() in hosts:
            return whole
    raise UnlistedServer(
        f"it has its own server, {own[0][:100]}; it is served once its host is listed"
    )


def _url(server: Mapping[str, Any], base: str) -> str | None:
    """Return the URL of one server, with variables replaced by their defaults."""
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
    except ValueError:  # Brackets without an IPv6 address.
        return url


def is_absolute(url: str) -> bool:
    """Tell whether a server URL names its host."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    usable = not _VARIABLE.search(parts.netloc) and "@" not in parts.netloc
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and usable


def _plain(url: str) -> str:
    return url.rstrip("/")
