"""How units draw from credit: exact, in whole numbers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from auth_server.records.plans.terms import Price

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(slots=True)
class OpenCredit:
    """What is left of one credit; amounts are divided by `SCALE`."""

    credit_id: str
    left: int
    begins_at: datetime
    expires_at: datetime | None

    def pays_at(self, at: datetime) -> bool:
        """Return whether it pays for a call that began at a time."""
        return self.left > 0 and self.begins_at <= at < (self.expires_at or _NEVER)


@dataclass(frozen=True, slots=True)
class Draw:
    """What one credit pays."""

    credit_id: str
    amount: int
    units: int
    """The units that it pays for; a unit that two credits share counts with the last of them."""


def draw_units(
    credits: Iterable[OpenCredit], price: Price, *, after: int, units: int, at: datetime
) -> list[Draw]:
    """Pay for units from the credits, those that expire first first, and lower what is left of them.

    Credit pays for whole units: units that it can't pay for completely stay unpaid.

    Args:
        credits: what is left of each credit.
        price: the price of units.
        after: the units of the month before these.
        units: how many units.
        at: when their call began.
    """
    paying = in_order(credits, at)
    paid = min(price.most_units(sum(one.left for one in paying), after=after), after + units)
    draws, reached = [], after
    owed = price.usage_cost(paid) - price.usage_cost(after)
    for credit in paying:
        if not owed:
            break
        amount = min(owed, credit.left)
        owed, credit.left = owed - amount, credit.left - amount
        done = paid if not owed else price.most_units(amount, after=reached)
        draws.append(Draw(credit.credit_id, amount, done - reached))
        reached = done
    return draws


def in_order(credits: Iterable[OpenCredit], at: datetime) -> Sequence[OpenCredit]:
    """List the credits that pay at a time, in the order in which they do."""
    paying = [one for one in credits if one.pays_at(at)]
    return sorted(paying, key=lambda one: (one.expires_at or _NEVER, one.begins_at, one.credit_id))
