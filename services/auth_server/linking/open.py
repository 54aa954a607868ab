"""Create the providers that the settings name as `link_providers`."""

from collections.abc import Mapping
from functools import partial

from auth_server.connectors.transport import GuardedTransport, MakeTransport
from auth_server.linking.provider import LinkProvider
from auth_server.outbound.resolver import Resolver
from auth_server.settings import AuthServerSettings
from gatepost.clock import Now


def open_link_providers(
    settings: AuthServerSettings, now: Now, *, transport: MakeTransport | None = None
) -> Mapping[str, LinkProvider]:
    """Create every provider, by its name; `transport` replaces the guarded one in tests."""
    # An http issuer is on loopback, so its providers may be too.
    loopback = not settings.secure
    made = {}
    for entry in settings.link_providers:
        guarded = partial(
            GuardedTransport,
            # A provider whose name server hangs must not delay the others.
            resolve=Resolver(),
            allow_loopback=loopback,
            allow_private=entry.private_network,
        )
        made[entry.name] = LinkProvider(entry, now, transport or guarded, allow_loopback=loopback)
    return made
