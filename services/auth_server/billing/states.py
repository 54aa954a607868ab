"""What each state of a subscription gives a tenant."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from auth_server.billing.errors import BillingError

if TYPE_CHECKING:
    from stripe import Subscription, SubscriptionItem

TENANT_KEY = "gatepost_tenant"
"""The metadata of a customer that names its tenant."""
PLAN_KEY = "gatepost_plan"
"""The metadata of a price that names its plan."""

GIVES_THE_PLAN = {
    "trialing": True,
    "active": True,
    # Stripe tries the payment again for days; the tenant may go on working.
    "past_due": True,
    "unpaid": False,
    "canceled": False,
    # A trial ended without a means of payment.
    "paused": False,
    "incomplete": False,
    "incomplete_expired": False,
}
"""Whether a subscription in a state gives its plan; otherwise the tenant has the default plan."""

ENDED = frozenset({"canceled", "incomplete_expired"})
NEVER_BEGAN = frozenset({"incomplete", "incomplete_expired"})
"""The first payment has not succeeded, so no period was billed."""


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The subscription that decides about a tenant's plan."""

    subscription_id: str = ""
    status: str = ""
    plan: str = ""
    """The plan that it gives now; empty for none."""
    started_at: datetime | None = None
    period_start: datetime | None = None
    period_end: datetime | None = None
    ends_at: datetime | None = None

    @property
    def alive(self) -> bool:
        """Whether it may still cost something."""
        return bool(self.subscription_id) and self.status not in ENDED


def choose_subscription(subscriptions: Iterable["Subscription"]) -> Subscribed:
    """Choose among a customer's subscriptions: one that gives a plan, then one that is alive, then the
    newest.

    Subscriptions whose prices name no plan belong to something else and are left out.

    Raises:
        BillingError: a subscription has a state that this version does not know.
    """
    found = []
    for subscription in subscriptions:
        if (item := _find_item(subscription)) is None:
            continue
        gives = GIVES_THE_PLAN.get(subscription.status)
        if gives is None:
            raise BillingError(
                f"the subscription {subscription.id} has the unknown state {subscription.status}"
            )
        read = _read(subscription, item, gives=gives)
        found.append((gives, read.alive, subscription.created, read))
    return max(found, key=lambda one: one[:3])[3] if found else Subscribed()


def _find_item(subscription: "Subscription") -> "SubscriptionItem | None":
    """Find the first item whose price names a plan."""
    items: list[SubscriptionItem] = subscription["items"].data
    return next((one for one in items if PLAN_KEY in (one.price.metadata or ())), None)


def _read(subscription: "Subscription", item: "SubscriptionItem", *, gives: bool) -> Subscribed:
    metadata: Any = item.price.metadata or {}
    ends = subscription.ended_at or subscription.cancel_at
    return Subscribed(
        subscription_id=subscription.id,
        status=subscription.status,
        plan=metadata[PLAN_KEY] if gives else "",
        started_at=_time(subscription.start_date),
        # Periods belong to items: a subscription itself has none.
        period_start=_time(item.current_period_start),
        period_end=_time(item.current_period_end),
        ends_at=None if ends is None else _time(ends),
    )


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
