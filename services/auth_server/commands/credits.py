"""`gatepost billing credits …` and `billing cap`: prepaid credit, and the spend cap of a tenant."""

import asyncio
import secrets
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

import click

from auth_server.commands.common import config_option, in_transaction, load_settings
from auth_server.credits.balance import read_balances
from auth_server.credits.change import exact, give_credit, in_words, take_back
from auth_server.credits.spend_cap import follow_price, read_cap
from auth_server.db.engine import DbSession
from auth_server.records.credits.store import list_credits
from auth_server.records.credits.table import PrepaidCredit
from auth_server.records.plans.store import list_plans
from auth_server.records.plans.terms import find_plan
from auth_server.records.tenants.store import list_plan_names
from auth_server.tenancy.change_budgets import put_budget, remove_budget
from auth_server.tenancy.change_policy import ChangeRefused
from gatepost.clock import utc_now
from gatepost.metering.money import decimals_of, format_amount
from gatepost.metering.plans import Budget
from gatepost_cli.terminal import echo

_CURRENCY = click.option(
    "--currency", help="Such as usd.  [default: that of the tenant's plan]", metavar="CODE"
)


def _day(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise click.BadParameter("must be a day such as 2027-01-31") from None


@click.group()
def credits() -> None:
    """Give, list and take back prepaid credit."""


@credits.command("list")
@config_option
@click.option("--tenant", "tenant_id", help="Only this tenant.")
def list_command(config: Path | None, tenant_id: str | None) -> None:
    """List credits and what is left of them."""

    async def work(db: DbSession) -> list[str]:
        found = await list_credits(db, None if tenant_id is None else [tenant_id])
        balances = await read_balances(db, {one.tenant_id for one in found}) if found else {}
        now, lines = utc_now(), []
        for one in found:
            left = in_words(balances[one.tenant_id].left_of(one), one.currency)
            until = (
                f"until {one.expires_at:%Y-%m-%d %H:%M} UTC" if one.expires_at else "without end"
            )
            over = ", expired" if one.expires_at and one.expires_at <= now else ""
            reason = f": {one.reason}" if one.reason else ""
            lines.append(
                f"{one.tenant_id}  {one.credit_id}  {left} of {in_words(one.amount, one.currency)} left, "
                f"{until}{over}, {one.source}{reason}"
            )
        return lines

    lines = asyncio.run(in_transaction(load_settings(config), work))
    echo("\n".join(lines) or "There are no credits.")


@credits.command()
@config_option
@click.argument("tenant_id")
@click.argument("amount")
@_CURRENCY
@click.option("--expires", type=_day, help="The first day in UTC on which it is no longer valid.")
@click.option("--reason", required=True, help="Why; it is kept in the audit log.")
def grant(
    config: Path | None,
    tenant_id: str,
    amount: str,
    currency: str | None,
    expires: datetime | None,
    reason: str,
) -> None:
    """Give a tenant credit of AMOUNT, in whole currency units such as 49.50."""
    now, settings = utc_now(), load_settings(config)
    if not settings.admits_credit:
        raise click.ClickException(
            "usage_export sends all usage to another system, which would bill units that credit has "
            "paid for; give the credit there"
        )
    if expires is not None and expires <= now:
        raise click.BadParameter("must be in the future", param_hint="--expires")

    async def work(db: DbSession) -> str:
        code = (currency or await _currency_of(db, tenant_id)).lower()
        await _currency_of(db, tenant_id)
        value = _read_amount(amount, code)
        credit = PrepaidCredit(
            credit_id=f"credit_{secrets.token_hex(12)}",
            tenant_id=tenant_id,
            currency=code,
            amount=exact(value),
            source="operator",
            reason=reason[:300],
            created_at=now,
            expires_at=expires,
        )
        await give_credit(db, credit, now=now)
        return f"{tenant_id} has {format_amount(value, code)} more: {credit.credit_id}"

    echo(asyncio.run(in_transaction(settings, work)))


@credits.command()
@config_option
@click.argument("credit_id")
@click.option("--reason", required=True, help="Why; it is kept in the audit log.")
def revoke(config: Path | None, credit_id: str, reason: str) -> None:
    """Take the rest of a credit back."""

    async def work(db: DbSession) -> str:
        found = next((one for one in await list_credits(db) if one.credit_id == credit_id), None)
        if found is None:
            raise click.ClickException(f"the credit {credit_id} does not exist")
        taken = await take_back(
            db, credit_id, "operator", most=None, reason=reason[:300], now=utc_now()
        )
        return f"{in_words(taken, found.currency)} is taken back from {found.tenant_id}."

    echo(asyncio.run(in_transaction(load_settings(config), work)))


@click.command()
@config_option
@click.argument("tenant_id")
@click.option("--amount", help="The most that usage may cost in a month, such as 100 or 49.50.")
@click.option("--soft", is_flag=True, help="Only show it, and refuse no call.")
@click.option("--remove", is_flag=True, help="Remove the cap.")
def cap(config: Path | None, tenant_id: str, amount: str | None, soft: bool, remove: bool) -> None:
    """Cap what the usage of a tenant may cost in a month, besides the monthly price of its plan."""
    if (amount is None) != remove:
        raise click.UsageError("Give either --amount or --remove.")

    async def work(db: DbSession) -> str:
        names = await list_plan_names(db, [tenant_id])
        price = find_plan(await list_plans(db), names.get(tenant_id, "")).price
        try:
            if amount is None:
                await remove_budget(db, tenant_id, "tenant", "", by=None, now=utc_now())
                return f"{tenant_id} has no cap."
            value = read_cap(amount, price)
            wanted = Budget(
                kind="tenant",
                key="",
                monthly_units=0,
                hard=not soft,
                amount=value,
                currency=price.currency,
            )
            made = follow_price(wanted, price)
            await put_budget(db, tenant_id, made, by=None, now=utc_now())
        except ChangeRefused as error:
            raise click.ClickException(str(error)) from None
        said = format_amount(value, price.currency)
        return f"The usage of {tenant_id} may cost {said} a month: {made.monthly_units} units."

    echo(asyncio.run(in_transaction(load_settings(config), work)))


async def _currency_of(db: DbSession, tenant_id: str) -> str:
    names = await list_plan_names(db, [tenant_id])
    if tenant_id not in names:
        raise click.ClickException(f"the tenant {tenant_id} does not exist")
    return find_plan(await list_plans(db), names[tenant_id]).price.currency


def _read_amount(text: str, currency: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal(0)
    smallest = Decimal(1).scaleb(-decimals_of(currency))
    if not value.is_finite() or not 0 < value < 10**12 or value % smallest or len(currency) != 3:
        raise click.ClickException(
            f"AMOUNT must be a multiple of {smallest}, above 0, in a currency such as usd"
        )
    return value
