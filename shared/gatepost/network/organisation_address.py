"""The address of one organisation at a gateway, `{resource}/o/{tenant_id}`, which is a resource of its own."""

import re

# Clients, proxies and servers leave these characters as they are in a path, and none is a dot segment.
_TENANT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._~-]{0,127}")


def organisation_prefix(resource: str) -> str:
    """Return the beginning of every organisation's address at a gateway, or of its path or metadata."""
    return f"{resource}/o/"


def has_address(tenant_id: str) -> bool:
    """Return whether an address can name a tenant with this id."""
    return _TENANT.fullmatch(tenant_id) is not None


def organisation_address(resource: str, tenant_id: str) -> str | None:
    """Return the address of a tenant at a gateway; None if an address can't name the tenant."""
    return organisation_prefix(resource) + tenant_id if has_address(tenant_id) else None


def tenant_of_address(resource: str, address: str) -> str | None:
    """Return the tenant id in an address at a gateway; None for the gateway's own and all others."""
    prefix = organisation_prefix(resource)
    tenant_id = address[len(prefix) :] if address.startswith(prefix) else ""
    return tenant_id if has_address(tenant_id) else None


def resources_of_address(address: str) -> tuple[str, ...]:
    """Return the resources of which this may be an address: itself, and the one that it is beneath."""
    resource, mark, tenant_id = address.rpartition("/o/")
    return (address, resource) if mark and has_address(tenant_id) else (address,)
