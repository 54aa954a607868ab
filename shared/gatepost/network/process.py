"""What a service knows of the process that it runs in."""

from dataclasses import dataclass, field
from socket import socket

from gatepost.network.stopping import Stopping


@dataclass(frozen=True, slots=True)
class Process:
    """The process around an app."""

    stopping: Stopping = field(default_factory=Stopping)
    metrics: socket | None = None
    """The bound socket that serves the metrics, if they are served."""
