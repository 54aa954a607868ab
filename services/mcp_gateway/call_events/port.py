"""The port through which call events are delivered."""

from collections.abc import Sequence
from typing import Protocol


class DeliveryFailed(Exception):
    """The events may not have arrived and must be delivered again; the message is for the log."""


class Delivery(Protocol):
    """Delivers events to the call log, which writes an event that arrives twice only once."""

    async def send(self, events: Sequence[bytes]) -> None:
        """Deliver the events of one batch; once this returns, the receiver has stored them.

        Raises:
            DeliveryFailed: the receiver may not have stored them.
        """
        ...
