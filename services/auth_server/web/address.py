"""Find the address of a request's sender, for limits."""

import ipaddress
from collections.abc import Sequence
from functools import lru_cache

from starlette.requests import Request

from auth_server.settings import AuthServerSettings

_LONGEST = 100  # an address with port and zone; nothing longer is cached


def address_of(request: Request, settings: AuthServerSettings) -> str:
    """Return the address under which a request's sender is counted."""
    address = resolve_address(
        request.client.host if request.client else "",
        request.headers.getlist("x-forwarded-for"),
        trusted_proxies=settings.trusted_proxies,
    )
    return count_as(address[:_LONGEST])


def resolve_address(peer: str, forwarded_for: Sequence[str], *, trusted_proxies: int) -> str:
    """Find the address that a request was sent from.

    Each proxy appends the address of its caller. Entries before those of trusted proxies can be
    forged by the sender.

    Args:
        peer: the address of the connection.
        forwarded_for: the `X-Forwarded-For` headers, in order.
        trusted_proxies: how many of the operator's proxies the request passed.
    """
    entries = [entry.strip() for entry in ",".join(forwarded_for).split(",") if entry.strip()]
    callers = [*entries, peer]
    return callers[max(-1 - trusted_proxies, -len(callers))]


@lru_cache(maxsize=4096)
def count_as(address: str) -> str:
    """Return the key under which an address is counted: itself, or the /64 of an IPv6 address.

    A /64 usually belongs to one customer. Malformed addresses share one key.
    """
    bare = address
    if address.startswith("["):
        bare = address[1:].partition("]")[0]
    elif address.count(":") == 1:
        bare = address.partition(":")[0]
    try:
        parsed = ipaddress.ip_address(bare.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((parsed, 64), strict=False))
