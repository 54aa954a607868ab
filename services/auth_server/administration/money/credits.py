"""Give prepaid credit to tenants and take it back, and cap what their usage may cost."""

import secrets
from datetime import datetime
from decimal import Decimal, InvalidOperation

from pydantic import BaseModel, ConfigDict, Field

from auth_server.administration.errors import NotFound, Refused
from auth_server.administration.operator import ActingOperator
from auth_server.administration.paging import is_instant
from auth_server.credits.balance import Balance, read_balances
from auth_server.credits.change import exact, give_credit, take_back, whole_units
from auth_server.credits.spend_cap import follow_price, read_cap
from auth_server.db.engine import DbSession
from auth_server.records.credits.store import list_credits
from auth_server.records.credits.table import PrepaidCredit
from auth_server.records.plans.store import list_plans
from auth_server.records.plans.terms import Price, find_plan
from auth_server.records.tenants.store import find_tenants
from auth_server.tenancy.change_budgets import put_budget, remove_budget
from auth_server.tenancy.change_policy import ChangeRefused
from gatepost.metering.money import decimals_of
from gatepost.metering.plans import Budget

_LONGEST_REASON = 300


class NewCredit(BaseModel):
    """Credit to give."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    amount: str = Field(max_length=30)
    """In whole currency units, such as `49.50`."""
    currency: str = Field(default="", max_length=3)
    """Such as `usd`; empty for that of the tenant's plan."""
    expires_at: datetime | None = None
    """When it ends; null if it has no end."""
    reason: str = Field(min_length=1, max_length=_LONGEST_REASON)
    """Why; it is kept in the audit log."""


class NewCap(BaseModel):
    """The most that a tenant's usage may cost in a month."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    amount: str = Field(max_length=30)
    """In the currency of the tenant's plan, such as `100` or `49.50`."""
    hard: bool = True
    """Whether calls beyond it are refused; otherwise it is only shown."""


class CreditView(BaseModel):
    """A credit of a tenant, also one that is used up or has expired."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    credit_id: str
    tenant_id: str
    currency: str
    amount: Decimal
    left: Decimal
    source: str
    """`operator`, or `stripe` if the tenant bought it."""
    reason: str
    created_at: datetime
    expires_at: datetime | None


class CapView(BaseModel):
    """The most that a tenant's usage may cost in a month."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    amount: Decimal
    currency: str
    hard: bool
    """Whether calls beyond it are refused."""
    monthly_units: int
    """The units that it pays for at the prices of the tenant's plan."""


def new_credit_id() -> str:
    """Return a new random id."""
    return f"credit_{secrets.token_hex(12)}"


async def read_credits(
    db: DbSession, operator: ActingOperator, tenant_id: str | None = None
) -> list[CreditView]:
    """List the credits of a tenant, or of all, the oldest first.

    Raises:
        Forbidden: `billing:read` is missing.
        NotFound: the tenant does not exist.
    """
    operator.require("billing:read")
    if tenant_id is not None:
        await _read_price(db, tenant_id)
    found = await list_credits(db, None if tenant_id is None else [tenant_id])
    balances = await read_balances(db, {one.tenant_id for one in found}) if found else {}
    return [_view(one, balances[one.tenant_id]) for one in found]


async def grant_credit(
    db: DbSession,
    operator: ActingOperator,
    tenant_id: str,
    new: NewCredit,
    *,
    credit_id: str,
    admitted: bool,
    now: datetime,
) -> CreditView:
    """Give a tenant credit.

    Args:
        db: the open transaction.
        operator: who gives it.
        tenant_id: the tenant.
        new: the credit.
        credit_id: a new random id.
        admitted: the setting `admits_credit`.
        now: the time.

    Raises:
        Forbidden: `billing:write` is missing.
        NotFound: the tenant does not exist.
        Refused: a value is invalid, or another system gets all usage.
    """
    operator.act(db, "billing:write")
    if not admitted:
        raise Refused(
            "credit",
            "usage_export sends all usage to another system, which would bill units that credit has "
            "paid for; give the credit there",
        )
    price = await _read_price(db, tenant_id)
    currency = (new.currency or price.currency).lower()
    if not new.reason.isprintable():
        raise Refused("reason", "must be printable characters")
    if new.expires_at is not None and (not is_instant(new.expires_at) or new.expires_at <= now):
        raise Refused("expires_at", "must be a time in the future, with its offset")
    credit = PrepaidCredit(
        credit_id=credit_id,
        tenant_id=tenant_id,
        currency=currency,
        amount=exact(_read_amount(new.amount, currency)),
        source="operator",
        reason=new.reason,
        created_at=now,
        expires_at=new.expires_at,
    )
    view = _view(credit, Balance())
    await give_credit(db, credit, now=now)
    return view


async def revoke_credit(
    db: DbSession,
    operator: ActingOperator,
    credit_id: str,
    *,
    tenant_id: str | None = None,
    reason: str,
    now: datetime,
) -> CreditView:
    """Take the rest of a credit back; return the credit as it was, with what is taken as `left`.

    Raises:
        Forbidden: `billing:write` is missing.
        NotFound: there is no such credit, or it is another tenant's.
        Refused: the reason is missing.
    """
    operator.act(db, "billing:write")
    if not 1 <= len(reason) <= _LONGEST_REASON or not reason.isprintable():
        raise Refused("reason", f"must be 1 to {_LONGEST_REASON} printable characters")
    rows = await list_credits(db, None if tenant_id is None else [tenant_id])
    row = next((one for one in rows if one.credit_id == credit_id), None)
    if row is None:
        raise NotFound(f"the credit {credit_id[:100]} does not exist")
    view = _view(row, Balance())
    taken = await take_back(db, credit_id, "operator", most=None, reason=reason, now=now)
    return view.model_copy(update={"left": whole_units(taken)})


async def read_spend_cap(db: DbSession, operator: ActingOperator, tenant_id: str) -> CapView | None:
    """Show the cap of a tenant; None if it has none.

    Raises:
        Forbidden: `billing:read` is missing.
        NotFound: the tenant does not exist.
    """
    operator.require("billing:read")
    price = await _read_price(db, tenant_id)
    tenant = (await find_tenants(db, [tenant_id]))[tenant_id]
    budgets = [Budget.model_validate(one) for one in tenant.budgets or ()]
    cap = next((one for one in budgets if one.kind == "tenant" and one.amount is not None), None)
    return None if cap is None else _view_cap(follow_price(cap, price))


async def set_spend_cap(
    db: DbSession, operator: ActingOperator, tenant_id: str, new: NewCap, *, now: datetime
) -> CapView:
    """Cap what the usage of a tenant may cost in a month, besides the flat price of its plan.

    Raises:
        Forbidden: `billing:write` is missing.
        NotFound: the tenant does not exist.
        Refused: the amount is invalid, or the units of the plan cost nothing.
    """
    operator.act(db, "billing:write")
    price = await _read_price(db, tenant_id)
    try:
        amount = read_cap(new.amount, price)
        wanted = Budget(
            kind="tenant",
            key="",
            monthly_units=0,
            hard=new.hard,
            amount=amount,
            currency=price.currency,
        )
        made = follow_price(wanted, price)
        await put_budget(db, tenant_id, made, by=None, now=now)
    except ChangeRefused as error:
        raise Refused("amount", str(error)) from None
    return _view_cap(made)


async def remove_spend_cap(
    db: DbSession, operator: ActingOperator, tenant_id: str, *, now: datetime
) -> None:
    """Remove the cap of a tenant, if it has one.

    Raises:
        Forbidden: `billing:write` is missing.
        NotFound: the tenant does not exist.
    """
    operator.act(db, "billing:write")
    await _read_price(db, tenant_id)
    await remove_budget(db, tenant_id, "tenant", "", by=None, now=now)


async def _read_price(db: DbSession, tenant_id: str) -> Price:
    tenant = (await find_tenants(db, [tenant_id])).get(tenant_id)
    if tenant is None:
        raise NotFound(f"the tenant {tenant_id} does not exist")
    return find_plan(await list_plans(db), tenant.rate_limit_tier).price


def _read_amount(text: str, currency: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal(0)
    if len(currency) != 3 or not currency.isascii() or not currency.isalpha():
        raise Refused("currency", "must be a code such as usd")
    smallest = Decimal(1).scaleb(-decimals_of(currency))
    if not value.is_finite() or not 0 < value < 10**12 or value % smallest:
        raise Refused("amount", f"must be a multiple of {smallest}, above 0")
    return value


def _view(row: PrepaidCredit, balance: Balance) -> CreditView:
    fields = ("credit_id", "tenant_id", "currency", "source", "reason", "created_at", "expires_at")
    return CreditView(
        **{name: getattr(row, name) for name in fields},
        amount=whole_units(row.amount),
        left=whole_units(balance.left_of(row)),
    )


def _view_cap(budget: Budget) -> CapView:
    assert budget.amount is not None  # noqa: S101 - only such budgets are caps
    return CapView(
        amount=budget.amount,
        currency=budget.currency,
        hard=budget.hard,
        monthly_units=budget.monthly_units,
    )
