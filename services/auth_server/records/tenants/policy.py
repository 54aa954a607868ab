"""What a tenant decides about everybody's agents in it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

SHORTEST_GRANT = timedelta(hours=1)
MOST_CLIENTS = 200


class UnusablePolicy(ValueError):
    """The policy can't be set; the message names the field and what it must be."""


@dataclass(frozen=True, slots=True)
class TenantPolicy:
    """A tenant's rules, read again whenever a token is issued.

    `required_level`: how surely people must have signed in to connect anything (1: one factor, 2:
    two). `allowed_clients`: client ids, and hosts of clients known by a document there (`claude.ai`);
    None for every client, empty for none. `read_only`: agents get the tools that only read.
    `longest_grant`: how long after a person's answer a connection ends at the latest; None leaves
    it to the server's own limit.
    """

    required_level: int = 1
    allowed_clients: tuple[str, ...] | None = None
    read_only: bool = False
    longest_grant: timedelta | None = None

    def admits(self, client_id: str) -> bool:
        """Tell whether people may connect this client here."""
        if self.allowed_clients is None:
            return True
        allowed = frozenset(self.allowed_clients)
        by_host = client_id.startswith("https://") and urlsplit(client_id).netloc in allowed
        return client_id in allowed or by_host

    def latest_end(self, since: datetime) -> datetime | None:
        """Tell when a connection that a person allowed then has to end; None for no such time."""
        return None if self.longest_grant is None else since + self.longest_grant


def require_policy(
    *,
    required_level: int,
    allowed_clients: Collection[str] | None,
    read_only: bool,
    longest_grant: timedelta | None,
) -> TenantPolicy:
    """Read a policy that somebody wrote, sorted and without repeats.

    Raises:
        UnusablePolicy: naming the field and what it must be.
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
    clients = None if allowed_clients is None else tuple(allowed_clients)
    return TenantPolicy(required_level, clients, read_only, longest_grant)
