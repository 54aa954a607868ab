"""Hosts that everybody on the internet can reach."""

from ipaddress import ip_address

from gatepost.network.public_address import is_public_address

_NOWHERE = (".internal", ".invalid", ".lan", ".local", ".localhost", ".test", ".example")


def is_public_host(host: str) -> bool:
    """Return whether a URL's host is a public address or a name that the public DNS can have."""
    try:
        ip_address(host)
    except ValueError:
        return "." in host.strip(".") and not f".{host.lower().rstrip('.')}".endswith(_NOWHERE)
    return is_public_address(host)
