"""What is left of a tenant's credit, and how many units it pays for."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from auth_server.credits.burn_down import OpenCredit, in_order
from auth_server.db.engine import DbSession
from auth_server.records.billing_accounts.store import find_accounts
from auth_server.records.billing_accounts.table import BillingAccount
from auth_server.records.credits.store import list_credits, list_uses
from auth_server.records.credits.table import CreditUse, PrepaidCredit
from auth_server.records.metered_hours.store import sum_metered_of_tenant
from auth_server.records.plans.terms import MOST_UNITS, PlanTerms
from gatepost.metering.plans import Credit, end_of_month, month_of, start_of_month


@dataclass(frozen=True, slots=True)
class Balance:
    """The credits of one tenant."""

    credits: Sequence[PrepaidCredit] = ()
    uses: Mapping[str, Mapping[str, CreditUse]] = field(default_factory=dict)
    account: BillingAccount | None = None
    """The billing account of a tenant that has, or once had, a subscription."""

    def invoiced(self, at: datetime) -> bool:
        """Return whether a subscription bills the usage of a time, so that its units draw nothing."""
        return self.account is not None and self.account.bills(at)

    def left_of(self, credit: PrepaidCredit) -> int:
        """Return what is left of a credit, also after it has expired."""
        return credit.amount - sum(
            use.amount for use in self.uses.get(credit.credit_id, {}).values()
        )

    def opened(self, currency: str) -> list[OpenCredit]:
        """Return the credits in a currency, to draw from."""
        return [
            OpenCredit(one.credit_id, self.left_of(one), one.created_at, one.expires_at)
            for one in self.credits
            if one.currency == currency
        ]

    def left(self, currency: str, now: datetime) -> int:
        """Return what is left of the credits that have not expired."""
        return sum(one.left for one in in_order(self.opened(currency), now))

    def paid(self, currency: str, month: str) -> int:
        """Return what credits in a currency have paid for the usage of a month such as `2026-01`."""
        return sum(
            uses[month].amount
            for one in self.credits
            if one.currency == currency and month in (uses := self.uses.get(one.credit_id, {}))
        )

    def units(self, plan: PlanTerms, used: int, now: datetime) -> int:
        """Return how many units after those used in the month the credit pays for."""
        left = self.left(plan.price.currency, now)
        if self.invoiced(now) or not plan.price.steps or not left:
            return 0
        return plan.price.most_units(left, after=used) - used


async def read_balances(
    db: DbSession, tenant_ids: Collection[str], *, lock: bool = False
) -> dict[str, Balance]:
    """Read the credits of tenants; those that never had any are left out."""
    credits: dict[str, list[PrepaidCredit]] = defaultdict(list)
    for credit in await list_credits(db, tenant_ids, lock=lock):
        credits[credit.tenant_id].append(credit)
    if not credits:
        return {}
    uses = await list_uses(db, [one.credit_id for found in credits.values() for one in found])
    accounts = {one.tenant_id: one for one in await find_accounts(db, credits)}
    return {
        tenant_id: Balance(found, uses, accounts.get(tenant_id))
        for tenant_id, found in credits.items()
    }


async def publish_credit(
    db: DbSession, tenant_id: str, balance: Balance, plan: PlanTerms, *, now: datetime
) -> Credit | None:
    """Return what gateways enforce in place of the plan's quotas; None if no unit is paid for.

    The units are those of the whole month at which the credit is spent. They stay the same while units
    draw from it, because each unit has its price by its place in the month.
    """
    since, until = start_of_month(now), end_of_month(now)
    used = await sum_metered_of_tenant(db, tenant_id, since=since, until=until)
    if not (units := balance.units(plan, used, now)):
        return None
    paying = in_order(balance.opened(plan.price.currency), now)
    expiries = [one.expires_at for one in paying if one.expires_at is not None]
    most = max(used + units, plan.monthly_units or 0)
    return Credit(month=month_of(now), units=min(most, MOST_UNITS), until=min([*expiries, until]))
