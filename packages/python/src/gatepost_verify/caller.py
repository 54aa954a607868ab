"""The caller that the gateway vouches for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

_ENTRY = re.compile(r"([a-z][a-z0-9_]{0,31}):([A-Za-z0-9._~\-]{1,128})")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes this request: a person or a service client, in one tenant, through one tool."""

    sub: str
    """The person by your own id, or the id of a service client."""
    tenant_id: str
    """The only tenant whose data this request may touch."""
    data_scope: Mapping[str, frozenset[str]]
    """For each restricted kind of data, the values that may be seen; empty: no restriction."""
    client_id: str
    """The app that the person connected."""
    tool: str
    call_id: str
    """The id of the tool call in the gateway's log. Repeated requests of one call share it."""
    env: Literal["live", "test"]
    actors: tuple[str, ...] = ()
    """The sub-agents that act for the app, the one that makes the call first; empty: the app itself."""

    @property
    def person(self) -> str | None:
        """The person's id; None for a service client, which acts without a person."""
        return None if self.sub == self.client_id else self.sub

    @property
    def is_test(self) -> bool:
        """Whether the call was made with a test key."""
        return self.env == "test"


def read_data_scope(text: object) -> Mapping[str, frozenset[str]] | None:
    """Read entries such as `team:design team:engineering region:eu`; None if it is not a list of them."""
    kinds: dict[str, set[str]] = {}
    for entry in text.split() if isinstance(text, str) else ("",):
        found = _ENTRY.fullmatch(entry)
        if found is None:
            return None
        kinds.setdefault(found[1], set()).add(found[2])
    return MappingProxyType({kind: frozenset(values) for kind, values in kinds.items()})
