"""The list of apps on a tenant's page, by name and host, with a tick for each that is allowed."""

from collections.abc import Collection
from dataclasses import dataclass

from auth_server.db.engine import DbSession
from auth_server.records.clients.store import list_client_names
from auth_server.records.grants.store import list_connected_apps
from auth_server.records.tenants.policy import entry_of, provable_host

_MOST = 100


@dataclass(frozen=True, slots=True)
class AllowedApp:
    """An app in the list.

    Attributes:
        entry: what the policy contains if it is allowed: a host or a client id.
        names: how the apps that the entry allows call themselves, which only a host makes credible.
        host: the host that vouches for them; empty for programs on a device.
        is_allowed: whether the entry is one of those given.
    """

    entry: str
    names: tuple[str, ...]
    host: str
    is_allowed: bool


async def list_allowed_apps(
    db: DbSession, tenant_id: str, allowed: Collection[str]
) -> tuple[list[AllowedApp], list[str]]:
    """List the connected apps, and the other entries of those that are allowed."""
    connected = await list_connected_apps(db, tenant_id, most=_MOST)
    names = await list_client_names(db, {client_id for client_id, _ in connected})
    found: dict[str, set[str]] = {}
    hosts: dict[str, str] = {}
    entries = frozenset(allowed)
    for client_id, redirect_host in connected:
        host = provable_host(client_id, redirect_host)
        known = next((one for one in (client_id, host) if one in entries), None)
        entry = known or entry_of(client_id, redirect_host)
        hosts[entry] = host
        found.setdefault(entry, set()).add(names.get(client_id, client_id))
    apps = [
        AllowedApp(entry, tuple(sorted(called)), hosts[entry], entry in entries)
        for entry, called in found.items()
    ]
    apps.sort(key=lambda app: (app.names, app.entry))
    return apps, sorted(entries - found.keys())
