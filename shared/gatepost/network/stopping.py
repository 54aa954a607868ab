"""The end of a process, as its parts see it."""

from collections.abc import Callable

Tell = Callable[[], object]


class Stopping:
    """Whether the process is going to stop, and which parts hear of it.

    A draining process serves everything, and tells load balancers to send no more. Then the requests
    that wait for an event end, and at last those that still run are cut off.
    """

    def __init__(self) -> None:
        """Begin with a process that goes on."""
        self.draining = False
        self._waits: list[Tell] = []
        self._running: list[Tell] = []

    def when_waits_end(self, tell: Tell) -> None:
        """Call `tell` when requests that wait for an event must end."""
        self._waits.append(tell)

    def when_cut_off(self, tell: Tell) -> None:
        """Call `tell` when requests that still run must be answered at once."""
        self._running.append(tell)

    def end_waits(self) -> None:
        """End the requests that wait for an event, such as a person's answer or a revocation."""
        for tell in self._waits:
            tell()

    def cut_off(self) -> None:
        """Have every request answered that is still running."""
        for tell in self._running:
            tell()
