"""Check which URLs can receive events."""

import re
from collections.abc import Collection
from urllib.parse import urlsplit

from auth_server.rendering.translation import translatable

_PRINTABLE = re.compile(r"[\x21-\x5B\x5D-\x7E]{1,2048}")
_HOST = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,62}")


class UnusableEndpoint(ValueError):
    """The endpoint can't be added or changed like this; the message is for the person.

    Attributes:
        field: the name of the refused value.
    """

    def __init__(self, message: str, *, field: str = "url") -> None:
        """Take the message and the field."""
        super().__init__(message)
        self.field = field


def require_endpoint_url(url: str, *, private_hosts: Collection[str] = ()) -> None:
    """Refuse a URL that can't be an endpoint's.

    Args:
        url: the URL.
        private_hosts: hosts that the operator named; they may also use http, and be addresses.

    Raises:
        UnusableEndpoint: with the rule that the URL breaks.
    """
    if not _PRINTABLE.fullmatch(url):
        raise UnusableEndpoint(
            translatable("The URL must have 1 to 2048 printable characters, without spaces.")
        )
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise UnusableEndpoint(translatable("The URL is malformed.")) from None
    if "#" in url or "@" in parts.netloc:
        raise UnusableEndpoint(
            translatable("The URL must not contain a fragment, a user name or a password.")
        )
    if host in private_hosts and parts.scheme in ("https", "http"):
        return
    if parts.scheme != "https":
        raise UnusableEndpoint(translatable("The URL must begin with https://."))
    if not _HOST.fullmatch(host):
        raise UnusableEndpoint(translatable("The URL must name a public host, not an address."))


def is_private_host(url: str, private_hosts: Collection[str]) -> bool:
    """Return whether the operator named the host of a URL."""
    return (urlsplit(url).hostname or "") in private_hosts
