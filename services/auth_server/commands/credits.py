"""`gatepost billing credits …` and `billing cap`: prepaid credit, and the spend cap of a tenant."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import click
from pydantic import ValidationError

from auth_server.administration.errors import NotFound, Refused, refuse
from auth_server.administration.money.credits import (
    CapView,
    CreditView,
    NewCap,
    NewCredit,
    grant_credit,
    new_credit_id,
    read_credits,
    remove_spend_cap,
    revoke_credit,
    set_spend_cap,
)
from auth_server.administration.operator import COMMAND_LINE
from auth_server.commands.common import config_option, in_transaction, load_settings
from auth_server.db.engine import DbSession
from auth_server.settings import AuthServerSettings
from gatepost.clock import utc_now
from gatepost.metering.money import format_amount
from gatepost_cli.terminal import echo, json_option, print_rows

T = TypeVar("T")
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
@json_option
def list_command(config: Path | None, tenant_id: str | None, as_json: bool) -> None:
    """List credits and what is left of them."""

    async def work(db: DbSession) -> list[CreditView]:
        return await read_credits(db, COMMAND_LINE, tenant_id)

    rows = _run(load_settings(config), work)
    print_rows(rows, _describe, as_json=as_json, none="There are no credits.")


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
    settings = load_settings(config)

    async def work(db: DbSession) -> CreditView:
        new = NewCredit(amount=amount, currency=currency or "", expires_at=expires, reason=reason)
        return await grant_credit(
            db,
            COMMAND_LINE,
            tenant_id,
            new,
            credit_id=new_credit_id(),
            admitted=settings.admits_credit,
            now=utc_now(),
        )

    made = _run(settings, work)
    echo(f"{tenant_id} has {format_amount(made.amount, made.currency)} more: {made.credit_id}")


@credits.command()
@config_option
@click.argument("credit_id")
@click.option("--reason", required=True, help="Why; it is kept in the audit log.")
def revoke(config: Path | None, credit_id: str, reason: str) -> None:
    """Take the rest of a credit back."""

    async def work(db: DbSession) -> CreditView:
        return await revoke_credit(db, COMMAND_LINE, credit_id, reason=reason, now=utc_now())

    taken = _run(load_settings(config), work)
    said = format_amount(taken.left, taken.currency)
    echo(f"{said} is taken back from {taken.tenant_id}.")


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

    async def work(db: DbSession) -> CapView | None:
        if amount is None:
            await remove_spend_cap(db, COMMAND_LINE, tenant_id, now=utc_now())
            return None
        new = NewCap(amount=amount, hard=not soft)
        return await set_spend_cap(db, COMMAND_LINE, tenant_id, new, now=utc_now())

    made = _run(load_settings(config), work)
    if made is None:
        echo(f"{tenant_id} has no cap.")
        return
    said = format_amount(made.amount, made.currency)
    echo(f"The usage of {tenant_id} may cost {said} a month: {made.monthly_units} units.")


def _describe(one: CreditView) -> str:
    left, amount = (format_amount(value, one.currency) for value in (one.left, one.amount))
    until = f"until {one.expires_at:%Y-%m-%d %H:%M} UTC" if one.expires_at else "without end"
    over = ", expired" if one.expires_at and one.expires_at <= utc_now() else ""
    reason = f": {one.reason}" if one.reason else ""
    return (
        f"{one.tenant_id}  {one.credit_id}  {left} of {amount} left, {until}{over}, "
        f"{one.source}{reason}"
    )


def _run(settings: AuthServerSettings, work: Callable[[DbSession], Awaitable[T]]) -> T:
    try:
        return asyncio.run(in_transaction(settings, work))
    except ValidationError as error:
        raise click.ClickException(str(refuse(error))) from None
    except (NotFound, Refused) as error:
        raise click.ClickException(str(error)) from None
