"""Change a tenant's budgets, with an audit entry; gateways learn them within two seconds."""

from collections.abc import Callable, Sequence
from datetime import datetime

from auth_server.db.engine import DbSession
from auth_server.records.audit.store import Audit, record
from auth_server.records.tenants.store import change_budgets, lock_tenant
from auth_server.rendering.translation import translatable
from auth_server.tenancy.change_policy import ChangeRefused, require_admin
from gatepost.metering.money import format_amount
from gatepost.metering.plans import Budget, BudgetKind

MOST_BUDGETS = 200
"""Of one tenant: a gateway compares them with each call."""


async def put_budget(
    db: DbSession, tenant_id: str, budget: Budget, *, by: str | None, now: datetime
) -> None:
    """Add a budget, or replace the one of the same person, client, key or tenant.

    Args:
        db: the open transaction.
        tenant_id: the tenant.
        budget: the new budget.
        by: the admin of the tenant who changes it; None for an operator.
        now: the time.

    Raises:
        ChangeRefused: the person is not an admin, or the tenant does not exist or has too many
            budgets.
    """

    def change(before: Sequence[Budget]) -> list[Budget]:
        others = [one for one in before if (one.kind, one.key) != (budget.kind, budget.key)]
        if len(others) >= MOST_BUDGETS:
            raise ChangeRefused(translatable("There are too many budgets. Remove one first."))
        return [*others, budget]

    await _change(db, tenant_id, change, by=by, now=now)


async def remove_budget(
    db: DbSession, tenant_id: str, kind: BudgetKind, key: str, *, by: str | None, now: datetime
) -> None:
    """Remove a budget, if there is one.

    Raises:
        ChangeRefused: the person is not an admin, or the tenant does not exist.
    """

    def change(before: Sequence[Budget]) -> list[Budget]:
        return [one for one in before if (one.kind, one.key) != (kind, key)]

    await _change(db, tenant_id, change, by=by, now=now)


async def _change(
    db: DbSession,
    tenant_id: str,
    change: Callable[[Sequence[Budget]], list[Budget]],
    *,
    by: str | None,
    now: datetime,
) -> None:
    await require_admin(db, by, tenant_id)
    tenant = await lock_tenant(db, tenant_id)
    if tenant is None:
        raise ChangeRefused(f"the tenant {tenant_id} does not exist")
    before = [Budget.model_validate(one) for one in tenant.budgets or ()]
    after = change(before)
    if after == before:
        return
    change_budgets(tenant, after, now=now)
    await db.flush()
    budgets = [
        f"{one.kind} {one.key}: {_limit_of(one)}, {'hard' if one.hard else 'soft'}" for one in after
    ]
    changed = Audit(
        "tenant.changed", person_id=by or "", tenant_id=tenant_id, detail={"budgets": budgets}
    )
    await record(db, changed, now=now)


def _limit_of(budget: Budget) -> str:
    if budget.amount is None:
        return f"{budget.monthly_units} units"
    return format_amount(budget.amount, budget.currency)
