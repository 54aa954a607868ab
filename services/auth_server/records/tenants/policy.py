"""A tenant's policy for the agents of all its members."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from gatepost.approvals import ApprovalRule, parse_approval_rule

SHORTEST_GRANT = timedelta(hours=1)
SHORTEST_TOKEN = timedelta(minutes=1)
MOST_CLIENTS = 200
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})


class UnusablePolicy(ValueError):
    """The policy is invalid; the message names the field and the values it allows."""


@dataclass(frozen=True, slots=True)
class TenantPolicy:
    """A tenant's rules, read whenever a token is issued.

    `required_level`: the factors that people must sign in with to connect an app (1 or 2).
    `allowed_clients`: client ids, and hosts (`claude.ai`) as in `admits`; None allows every client,
    an empty list none. `read_only`: agents get only the tools that read.
    `api_keys`: whether members may create and use API keys; None means yes, unless the list of clients
    is empty. `longest_token`: the longest time that an access token lives. `longest_grant`: the longest
    time after a person's approval that a connection lasts; with None, only the server's own limit applies.
    `approval`: the calls that an admin must approve.
    """

    required_level: int = 1
    allowed_clients: tuple[str, ...] | None = None
    read_only: bool = False
    longest_grant: timedelta | None = None
    api_keys: bool | None = None
    longest_token: timedelta | None = None
    approval: ApprovalRule = "none"

    @property
    def admits_api_keys(self) -> bool:
        """Whether members may create and use API keys."""
        return self.allowed_clients != () if self.api_keys is None else self.api_keys

    def admits(self, client_id: str, redirect_host: str = "") -> bool:
        """Return whether people may connect this client in the tenant.

        An entry of the list is a client id or a host. A host allows the clients that a document
        there describes, and those whose authorization code goes there over https, however often
        they register.

        Args:
            client_id: the client.
            redirect_host: where its code goes, as `redirect_uris.redirect_host` writes it; empty
                for tokens without a code.
        """
        if self.allowed_clients is None:
            return True
        return not {client_id, provable_host(client_id, redirect_host)}.isdisjoint(
            self.allowed_clients
        )

    def latest_end(self, since: datetime) -> datetime | None:
        """Return when a connection approved at `since` must end; None if the tenant sets no limit."""
        return None if self.longest_grant is None else since + self.longest_grant


def provable_host(client_id: str, redirect_host: str) -> str:
    """Return the host that vouches for a client: that of its document, or where its code goes.

    Returns an empty string for a program on the person's device: any program there can use a
    loopback address or a private-use scheme, under any name.
    """
    if client_id.startswith("https://"):
        return urlsplit(client_id).netloc
    on_this_device = redirect_host.rpartition(":")[0] in _LOOPBACK or redirect_host in _LOOPBACK
    is_scheme = "://" in redirect_host or redirect_host.endswith(":")
    return "" if on_this_device or is_scheme else redirect_host


def entry_of(client_id: str, redirect_host: str) -> str:
    """Return what to add to the list of clients so that it allows a client, and as little else.

    That is the id of a client that a document describes, because others may have documents on the
    same host, and else the host that vouches for the client, or its id.
    """
    by_id = client_id.startswith("https://")
    return client_id if by_id else provable_host(client_id, redirect_host) or client_id


def require_policy(
    *,
    required_level: int,
    allowed_clients: Collection[str] | None,
    read_only: bool,
    longest_grant: timedelta | None,
    api_keys: bool | None = None,
    longest_token: timedelta | None = None,
    approval: str = "none",
) -> TenantPolicy:
    """Validate a policy, and sort and deduplicate its list of clients.

    Raises:
        UnusablePolicy: with the field and the values it allows.
    """
    if required_level not in {1, 2}:
        raise UnusablePolicy("The required_level must be 1 (one factor) or 2 (two factors).")
    if allowed_clients is not None:
        allowed_clients = sorted({entry.strip() for entry in allowed_clients} - {""})
        if len(allowed_clients) > MOST_CLIENTS:
            raise UnusablePolicy("The list of apps (allowed_clients) can have at most 200 entries.")
        for entry in allowed_clients:
            if len(entry) > 1024 or not entry.isascii() or not entry.isprintable() or " " in entry:
                raise UnusablePolicy(
                    "The list of apps (allowed_clients) can only contain client IDs and hosts."
                )
    if longest_grant is not None and longest_grant < SHORTEST_GRANT:
        raise UnusablePolicy("The longest_grant must be at least one hour.")
    if longest_token is not None and longest_token < SHORTEST_TOKEN:
        raise UnusablePolicy("The longest_token must be at least one minute.")
    rule = parse_approval_rule(approval)
    if rule is None:
        raise UnusablePolicy("The approval must be none, destructive or changes.")
    return TenantPolicy(
        required_level=required_level,
        allowed_clients=None if allowed_clients is None else tuple(allowed_clients),
        read_only=read_only,
        longest_grant=longest_grant,
        api_keys=api_keys,
        longest_token=longest_token,
        approval=rule,
    )
