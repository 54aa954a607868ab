"""The origin of a URL, which decides whether to trust it."""

from urllib.parse import urlsplit

_USUAL = {"https": ":443", "http": ":80"}


def origin_of(url: str) -> tuple[str, str]:
    """Return scheme and host, with the port unless it is the scheme's default (RFC 6454 §4)."""
    parts = urlsplit(url)
    host = parts.netloc.lower()
    return parts.scheme, host.removesuffix(_USUAL.get(parts.scheme, ""))
