"""The terms of a plan: what its tenants may do, and what it costs."""

from decimal import Decimal
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gatepost.metering.plans import NextPlan, Plan

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

    @model_validator(mode="after")
    def _require_rising_steps(self) -> Self:
        bounds = [step.up_to for step in self.steps]
        if None in bounds[:-1] or (bounds and bounds[-1] is not None):
            raise ValueError("steps: the last step, and no other, must leave out up_to")
        rising = [bound for bound in bounds if bound is not None]
        if rising != sorted(set(rising)) or any(bound <= self.included_units for bound in rising):
            raise ValueError("steps: up_to must rise, from above included_units")
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

    def in_words(self) -> str:
        """Write the price for people, such as `49.00 USD a month`."""
        currency = self.currency.upper()
        if not self.monthly and not self.steps:
            return "free"
        words = [f"{self.monthly:.2f} {currency} a month"] if self.monthly else []
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
        published.append(Plan(**{**fields, "next_plan": offer}))
    return tuple(published)
