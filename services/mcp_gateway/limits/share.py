"""The share of each limit that one process allows when it counts by itself."""

from dataclasses import dataclass


@dataclass(slots=True)
class Share:
    """The number of processes of this gateway, which the authorization server tells together with the plans."""

    processes: int = 1
