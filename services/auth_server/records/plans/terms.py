"""The terms of a plan: what its tenants may do, and what it costs."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gatepost.metering.money import decimals_of, format_amount, minor_units
from gatepost.metering.plans import NextPlan, Plan

SCALE = 10**12
"""Exact amounts are whole numbers of the currency unit divided by this, since prices of units have at
most twelve decimals."""
MOST_UNITS = (1 << 53) - 1
_MOST_AT_STRIPE = 99_999_999
"""Stripe's largest payment, in its smallest unit of the currency."""

_Money = Annotated[Decimal, Field(ge=0, max_digits=20, decimal_places=12)]


class PriceStep(BaseModel):
    """The price of each unit up to a number of units in a month; None for all that follow."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    up_to: int | None = Field(default=None, ge=1)
    unit_price: _Money


class Price(BaseModel):
    """What a tenant pays in a month, in whole currency units such as dollars."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    currency: str = Field(default="usd", pattern="^[a-z]{3}$")
    monthly: _Money = Decimal(0)
    """The flat price of a month."""
    included_units: int = Field(default=0, ge=0)
    """Units of a month that the flat price covers."""
    steps: tuple[PriceStep, ...] = ()
    """Prices of the units beyond those, each for the units between two steps."""
    trial_days: int = Field(default=0, ge=0, le=730)
    credits: tuple[_Money, ...] = Field(default=(), max_length=8)
    """Amounts of credit that a tenant can buy for units beyond the included ones."""
    credit_days: int | None = Field(default=None, ge=1, le=3650)
    """How long bought credit is valid; None means without end."""

    @model_validator(mode="after")
    def _require_rising_steps(self) -> Self:
        bounds = [step.up_to for step in self.steps]
        if None in bounds[:-1] or (bounds and bounds[-1] is not None):
            raise ValueError("steps: the last step, and no other, must leave out up_to")
        rising = [bound for bound in bounds if bound is not None]
        if rising != sorted(set(rising)) or any(bound <= self.included_units for bound in rising):
            raise ValueError("steps: up_to must rise, from above included_units")
        return self

    @model_validator(mode="after")
    def _require_payable_credits(self) -> Self:
        if self.credits and not self.steps:
            raise ValueError("credits: only a plan with steps has units that credit can pay for")
        # Stripe takes no payment that has a third decimal.
        smallest = Decimal(1).scaleb(-min(decimals_of(self.currency), 2))
        for amount in self.credits:
            if not amount or amount % smallest:
                raise ValueError(f"credits: each must be a multiple of {smallest}, above 0")
            if amount * minor_units(self.currency) > _MOST_AT_STRIPE:
                raise ValueError("credits: Stripe takes no payment of this size")
        if list(self.credits) != sorted(set(self.credits)):
            raise ValueError("credits: the amounts must rise")
        return self

    def of(self, units: int) -> Decimal:
        """Return the price of a month with so many units."""
        total, counted = self.monthly, self.included_units
        for step in self.steps:
            if units <= counted:
                break
            until = units if step.up_to is None else min(units, step.up_to)
            total += (until - counted) * step.unit_price
            counted = until
        return total

    def usage_cost(self, units: int) -> int:
        """Return the exact price of a month's units without the flat price, divided by `SCALE`."""
        cost = 0
        for start, end, unit_price in self._ranges():
            if units <= start:
                break
            cost += (units - start if end is None else min(units, end) - start) * unit_price
        return cost

    def most_units(self, amount: int, *, after: int = 0) -> int:
        """Return the most units of a month for which those after the first `after` cost at most an amount.

        Args:
            amount: the exact amount, divided by `SCALE`.
            after: the units of the month that are paid already.
        """
        reached, left = after, amount
        for _, end, unit_price in self._ranges():
            if end is not None and end <= reached:
                continue
            room = MOST_UNITS - reached if end is None else end - reached
            units = min(room, left // unit_price) if unit_price else room
            reached, left = reached + units, left - units * unit_price
            if units < room:
                break
        return min(reached, MOST_UNITS)

    def _ranges(self) -> Iterator[tuple[int, int | None, int]]:
        """Yield where each price begins and ends, and the exact price of a unit."""
        start = self.included_units
        if start or not self.steps:
            yield 0, start if self.steps else None, 0
        for step in self.steps:
            yield start, step.up_to, int(step.unit_price * SCALE)
            start = step.up_to or start

    def in_words(self) -> str:
        """Write the price for people, such as `49.00 USD a month`."""
        currency = self.currency.upper()
        if not self.monthly and not self.steps:
            return "free"
        flat = format_amount(self.monthly, self.currency)
        words = [f"{flat} a month"] if self.monthly else []
        if self.steps:
            words.append(f"{self.steps[0].unit_price:f} {currency} a unit")
        return " and ".join(words)


class PlanTerms(Plan):
    """A plan with its price."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    price: Price = Price()
    listed: bool = True
    """Whether tenants can choose the plan themselves; others are agreed on with the operator."""


FREE = PlanTerms(
    name="free",
    title="Free",
    per_minute=60,
    burst=30,
    concurrent=10,
    daily_units=100,
    allow_uncounted=False,
)
PRO = PlanTerms(
    name="pro",
    title="Pro",
    per_minute=1_200,
    burst=300,
    concurrent=100,
    daily_units=10_000,
    price=Price(monthly=Decimal(49)),
)
ENTERPRISE = PlanTerms(
    name="enterprise",
    title="Enterprise",
    per_minute=6_000,
    burst=1_000,
    listed=False,
)
SHIPPED = (FREE, PRO, ENTERPRISE)
"""The plans of a new database."""


def publish_plans(plans: tuple[PlanTerms, ...]) -> tuple[Plan, ...]:
    """Return what gateways enforce; each plan offers the next one that tenants can choose."""
    published = []
    for place, plan in enumerate(plans):
        following = next((other for other in plans[place + 1 :] if other.listed), None)
        offer = (
            None
            if following is None
            else NextPlan(title=following.title, price=following.price.in_words())
        )
        fields = {name: getattr(plan, name) for name in Plan.model_fields}
        news = {"next_plan": offer, "sells_credit": bool(plan.price.credits)}
        published.append(Plan(**{**fields, **news}))
    return tuple(published)


def find_plan(plans: Sequence[PlanTerms], name: str) -> PlanTerms:
    """Return the plan of a name; the first one if it does not exist, as gateways do."""
    return next((plan for plan in plans if plan.name == name), plans[0])
