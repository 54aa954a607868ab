"""Where call events are delivered to."""

from collections.abc import Sequence
from typing import Protocol


class DeliveryFailed(Exception):
    """The events may not have arrived, and are to be delivered again; the message is for the log."""


class Delivery(Protocol):
    """One way to the call log. An event that arrives twice is written there once."""

    async def send(self, events: Sequence[bytes]) -> None:
        """Deliver what `take_batch` took; having returned, the other side keeps them.

        Raises:
            DeliveryFailed: it may have kept none of them.
        """
        ...
