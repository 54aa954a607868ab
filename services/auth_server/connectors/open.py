"""Create the configured connectors."""

from collections.abc import Mapping
from functools import partial

from auth_server.connectors.hand_off import HandOffConnector
from auth_server.connectors.oidc import OidcConnector
from auth_server.connectors.port import Connector
from auth_server.connectors.transport import GuardedTransport, MakeTransport
from auth_server.outbound.resolver import Resolver
from auth_server.settings import AuthServerSettings
from auth_server.sign_in_settings import HandOffSignIn, OidcSignIn
from auth_server.tokens.signer import FindSigner
from gatepost.clock import Now


def open_connectors(
    settings: AuthServerSettings,
    find_signer: FindSigner,
    now: Now,
    *,
    transport: MakeTransport | None = None,
) -> Mapping[str, Connector]:
    """Create every configured connector, by its name.

    Args:
        settings: the server's settings.
        find_signer: returns the active signing key.
        now: the clock.
        transport: replaces the guarded transport in tests.
    """
    # An http issuer is on loopback, so its providers may be too.
    loopback = not settings.secure
    made: dict[str, Connector] = {}
    for entry in settings.sign_in:
        if isinstance(entry, OidcSignIn):
            guarded = partial(
                GuardedTransport,
                # A provider whose name server hangs must not delay the others.
                resolve=Resolver(),
                allow_loopback=loopback,
                allow_private=entry.private_network,
            )
            carry = transport or guarded
            made[entry.name] = OidcConnector(entry, now, carry, allow_loopback=loopback)
        elif isinstance(entry, HandOffSignIn):
            made[entry.name] = HandOffConnector(entry, settings.issuer, find_signer, now)
    return made
