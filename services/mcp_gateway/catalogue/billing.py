"""What a tool's calls cost."""

from typing import Literal, NamedTuple

from gatepost.metering.call_event import Outcome

When = Literal["success", "always", "never"]


class Billing(NamedTuple):
    """The units of one call, the meter that they are added to, and when they are due."""

    meter: str = "calls"
    units: int = 1
    when: When = "success"
    """`success` only if the call succeeded, `always` whenever the upstream answered, or `never`."""

    @property
    def most(self) -> int:
        """The units to reserve before the outcome is known."""
        return 0 if self.when == "never" else self.units

    def due(self, outcome: Outcome) -> int:
        """Return the units that a call of this outcome costs; an unknown outcome costs nothing."""
        if outcome == "success" or (outcome == "error" and self.when == "always"):
            return self.most
        return 0
