"""Plans, budgets and used units: what the authorization server tells every gateway.

A tenant's plan limits how often its people and apps may call tools, and how many units their calls may
cost. Quotas follow the calendar in UTC.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

PLANS_PATH = "/internal/plans"
"""The path that gateways poll: a form with `after` and `wait`, authenticated as at `/token`."""
USAGE_PATH = "/internal/usage"
"""The path that tells the units of one tenant in one month: a form with `tenant_id`, `month` and
`env`, authenticated as at `/token`. A gateway asks when it starts to count a tenant's month."""

BudgetKind = Literal["tenant", "person", "client", "grant"]

_Name = Annotated[str, Field(min_length=1, max_length=32)]
_Calls = Annotated[int, Field(ge=1, le=10_000_000)]
_Units = Annotated[int, Field(ge=0, lt=1 << 53)]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)


class NextPlan(_Value):
    """The plan that a refused call offers, with its price in words."""

    title: str = Field(min_length=1, max_length=100)
    price: str = Field(max_length=100)


class Plan(_Value):
    """What a gateway enforces for the tenants of one plan; `rate_limit_tier` names the plan."""

    name: _Name
    title: str = Field(min_length=1, max_length=100)
    per_minute: _Calls
    """Calls a minute of all people and apps of one tenant together, spread evenly."""
    burst: _Calls
    """Calls that a tenant may make at once after a pause."""
    concurrent: _Calls | None = None
    """Calls that a tenant may run at once."""
    daily_units: _Units | None = None
    """Units that a tenant may use in a day; None for no quota."""
    monthly_units: _Units | None = None
    overage: bool = False
    """Whether calls beyond the quotas pass, because the tenant pays for them."""
    allow_uncounted: bool = True
    """Whether calls pass while the gateway can't count them against the quotas."""
    next_plan: NextPlan | None = None
    sells_credit: bool = False
    """Whether the tenants of the plan can buy credit for further units."""


class Budget(_Value):
    """The most units of one person, client or grant (an API key is one), or of the tenant, in a month."""

    kind: BudgetKind
    key: str = Field(max_length=2048)
    """The `sub`, `client_id` or `grant_id`; empty for the tenant."""
    monthly_units: _Units
    hard: bool = True
    """Whether calls beyond the budget are refused; a soft budget only notifies."""
    amount: Decimal | None = Field(default=None, ge=0, max_digits=20, decimal_places=3)
    """The most that usage may cost, in whole currency units; `monthly_units` follows from it and the
    plan's prices."""
    currency: str = Field(default="", max_length=3)


class Credit(_Value):
    """Prepaid credit of a tenant, as the units that it pays for."""

    month: str
    """The month, such as `2026-11`; in another one, the plan's quotas are in force."""
    units: _Units
    """The units of the whole month at which the credit is spent."""
    until: datetime
    """When some of the credit expires, or the month ends; then the plan's quotas are in force."""


class TenantPlan(_Value):
    """The present plan of a tenant, which overrides the plan that its access tokens name."""

    tenant_id: str = Field(min_length=1, max_length=255)
    plan: _Name
    budgets: tuple[Budget, ...] = ()
    credit: Credit | None = None
    """In place of the plan's quotas; None if there is none that pays for a unit."""


class PlansPage(_Value):
    """An answer of the long poll: every plan, the tenants that changed, and the next `after`."""

    plans: tuple[Plan, ...]
    tenants: tuple[TenantPlan, ...]
    after: str
    complete: bool = True
    """False if more tenants wait; the gateway asks again at once."""
    upgrade_url: str = Field(default="", max_length=2048)
    """The page where an admin can change the plan; the encoded id of the tenant follows."""
    processes: int = Field(default=0, ge=0)
    """How many processes of this gateway have reported their state within the last minute; 0 if that is
    not known."""


class UsedUnits(_Value):
    """The units that the ledger holds for one tenant in one month of one environment."""

    total: _Units = 0
    days: dict[str, _Units] = Field(default_factory=dict)
    """By day, such as `2026-11-28`."""
    people: dict[str, _Units] = Field(default_factory=dict)
    clients: dict[str, _Units] = Field(default_factory=dict)
    grants: dict[str, _Units] = Field(default_factory=dict)


def hour_of(at: datetime) -> datetime:
    """Return when the hour of a time began, in UTC."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


# A call names its day, and counts to its end, several times.
@lru_cache(maxsize=256)
def day_of(at: datetime) -> str:
    """Name the day of a time in UTC, such as `2026-11-28`."""
    return at.astimezone(UTC).date().isoformat()


def month_of(at: datetime) -> str:
    """Name the month of a time in UTC, such as `2026-11`."""
    return day_of(at)[:7]


def start_of_day(at: datetime) -> datetime:
    """Return the last midnight in UTC."""
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def start_of_month(at: datetime) -> datetime:
    """Return the first of the month in UTC."""
    return start_of_day(at).replace(day=1)


@lru_cache(maxsize=256)
def end_of_day(at: datetime) -> datetime:
    """Return when the day's quota is reset: the next midnight in UTC."""
    return start_of_day(at) + timedelta(days=1)


def end_of_month(at: datetime) -> datetime:
    """Return when the month's quota is reset: the first of the next month in UTC."""
    return (start_of_month(at) + timedelta(days=32)).replace(day=1)
