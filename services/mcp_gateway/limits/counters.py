"""Which counters of a tenant's month a call adds to. A call's event alone decides."""

from datetime import datetime
from functools import lru_cache

from gatepost.metering.plans import BudgetKind, UsedUnits, day_of, month_of

TOTAL = "total"
SEEDED = "seeded"
"""The counter that shows that a month was counted from what the ledger holds."""


def counters_of(at: datetime, *, sub: str, client_id: str, grant_id: str) -> tuple[str, ...]:
    """Name the counters of a call that began at a time: of the tenant, its day, and who called."""
    return _counters_of(day_of(at), sub, client_id, grant_id)


@lru_cache(maxsize=4096)
def _counters_of(day: str, sub: str, client_id: str, grant_id: str) -> tuple[str, ...]:
    return (
        TOTAL,
        f"day:{day}",
        budget_counter("person", sub),
        budget_counter("client", client_id),
        budget_counter("grant", grant_id),
    )


def day_counter(at: datetime) -> str:
    """Name the counter of a day."""
    return f"day:{day_of(at)}"


def budget_counter(kind: BudgetKind, key: str) -> str:
    """Name the counter of a budget."""
    return TOTAL if kind == "tenant" else f"{kind}:{key}"


def month_counters(at: datetime, env: str) -> str:
    """Name the counters of a month. Calls with test keys are counted apart."""
    return month_of(at) if env == "live" else f"{month_of(at)}.{env}"


def split_month(month: str) -> tuple[str, str]:
    """Return the month and the environment that `month_counters` joined."""
    name, _, env = month.partition(".")
    return name, env or "live"


def counters_from(used: UsedUnits) -> dict[str, int]:
    """Return the counters of a month as the ledger has them."""
    counters = {TOTAL: used.total, SEEDED: 1}
    counters |= {f"day:{day}": units for day, units in used.days.items()}
    for kind, units_by_key in (
        ("person", used.people),
        ("client", used.clients),
        ("grant", used.grants),
    ):
        counters |= {f"{kind}:{key}": units for key, units in units_by_key.items()}
    return counters
