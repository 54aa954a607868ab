"""Add credit and take it back, with an audit entry; gateways learn it within two seconds."""

from datetime import datetime
from decimal import Decimal

from auth_server.db.engine import DbSession
from auth_server.records.audit.store import Audit, record
from auth_server.records.credits.store import (
    add_credit,
    find_credit,
    list_last_expiries,
    list_uses,
    put_use,
)
from auth_server.records.credits.table import CreditUse, PrepaidCredit
from auth_server.records.plans.terms import SCALE
from auth_server.records.tenants.store import announce_tenants, list_tenants, read_plan_times
from gatepost.metering.money import format_amount
from gatepost.metering.plans import start_of_month


async def give_credit(db: DbSession, credit: PrepaidCredit, *, now: datetime) -> bool:
    """Add a credit; return False, and change nothing, if there is one of its id."""
    if not await add_credit(db, credit):
        return False
    await announce_tenants(db, [credit.tenant_id], now=now)
    detail = {
        "credit": credit.credit_id,
        "amount": in_words(credit.amount, credit.currency),
        "source": credit.source,
        "reason": credit.reason,
        "expires_at": credit.expires_at.isoformat() if credit.expires_at else "",
    }
    await record(db, Audit("credit.added", tenant_id=credit.tenant_id, detail=detail), now=now)
    return True


async def take_back(
    db: DbSession, credit_id: str, cause: str, *, most: int | None, reason: str, now: datetime
) -> int:
    """Take the rest of a credit back, or at most an amount for this cause; return what was taken.

    Repeating it takes nothing more, unless `most` has grown.

    Args:
        db: the open transaction.
        credit_id: the credit.
        cause: `refund`, `dispute` or `operator`.
        most: the exact amount that the cause may take altogether; None for all that is left.
        reason: why, for the audit log.
        now: the time.
    """
    credit = await find_credit(db, credit_id)
    if credit is None:
        return 0
    uses = (await list_uses(db, [credit_id])).get(credit_id, {})
    left = credit.amount - sum(use.amount for use in uses.values())
    use = uses.get(cause)
    taken = left if most is None else min(left, most - (use.amount if use else 0))
    if taken <= 0:
        return 0
    if use is None:
        use = CreditUse(credit_id=credit_id, cause=cause, amount=0, units=0, at=now)
    use.amount, use.at = use.amount + taken, now
    await put_use(db, use)
    await announce_tenants(db, [credit.tenant_id], now=now)
    detail = {
        "credit": credit_id,
        "amount": in_words(taken, credit.currency),
        "cause": cause,
        "reason": reason,
    }
    await record(db, Audit("credit.taken_back", tenant_id=credit.tenant_id, detail=detail), now=now)
    return taken


async def announce_due_credits(db: DbSession, *, now: datetime) -> None:
    """Let gateways hear of credit again once a month has begun or a credit has expired."""
    expired = await list_last_expiries(db, now=now)
    heard = await read_plan_times(db, expired)
    month = start_of_month(now)
    due = [
        tenant_id
        for tenant_id, at in heard.items()
        if at is None or at < max(month, expired[tenant_id] or month)
    ]
    if due:
        await announce_tenants(db, due, now=now)


async def announce_prices(db: DbSession, *, now: datetime) -> None:
    """Let gateways hear of tenants whose money pays for another number of units by new prices."""
    capped = {
        tenant.tenant_id
        for tenant in await list_tenants(db)
        if any(budget.get("amount") is not None for budget in tenant.budgets or ())
    }
    await announce_tenants(db, capped | {*await list_last_expiries(db, now=now)}, now=now)


def exact(amount: Decimal) -> int:
    """Convert an amount in whole currency units to an exact one."""
    return int(amount * SCALE)


def whole_units(amount: int) -> Decimal:
    """Convert an exact amount to whole currency units."""
    return Decimal(amount) / SCALE


def in_words(amount: int, currency: str) -> str:
    """Write an exact amount with its currency."""
    return format_amount(whole_units(amount), currency)
