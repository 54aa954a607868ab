"""`gatepost billing plans` and `simulate`: the plans on offer, and what a month would have cost."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import click
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from auth_server.administration.errors import NotFound, Refused
from auth_server.administration.money.plans import (
    PlanRequestView,
    move_tenant,
    read_plan_requests,
)
from auth_server.administration.operator import COMMAND_LINE
from auth_server.administration.paging import MOST, USUAL, Slice
from auth_server.commands.common import config_option, in_transaction, load_settings, month_option
from auth_server.credits.change import announce_prices
from auth_server.db.engine import DbSession
from auth_server.metering.simulate import Simulated, simulate_month
from auth_server.records.plans.store import list_plans, replace_plans
from auth_server.records.plans.terms import PlanTerms
from auth_server.records.tenants.store import list_tenants
from gatepost.clock import utc_now
from gatepost.document import DocumentError, read_document
from gatepost.metering.money import format_amount
from gatepost.metering.plans import month_of, start_of_month
from gatepost_cli.terminal import echo


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    plans: tuple[PlanTerms, ...] = Field(min_length=1)


@click.command()
@config_option
@click.option(
    "--set",
    "file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Replace all plans by those of a file.",
)
def plans(config: Path | None, file: Path | None) -> None:
    """Print the plans as YAML, from the smallest to the largest, or replace them."""
    settings = load_settings(config)
    wanted = None if file is None else _read_file(file)

    async def work(db: DbSession) -> tuple[PlanTerms, ...]:
        if wanted is not None:
            await _require_no_plan_in_use_is_missing(db, wanted)
            await replace_plans(db, wanted)
            await announce_prices(db, now=utc_now())
        return await list_plans(db)

    found = asyncio.run(in_transaction(settings, work))
    if wanted is not None:
        names = ", ".join(plan.name for plan in wanted)
        echo(f"The plans are {names}. Gateways learn them within two seconds.")
        return
    listed = [plan.model_dump(mode="json", exclude_defaults=True) for plan in found]
    echo(yaml.safe_dump({"plans": listed}, sort_keys=False), nl=False)


@click.command()
@config_option
@month_option
@click.option("--plan", "name", required=True, help="The plan to compare with.")
@click.option("--tenant", "tenant_id", help="Only this tenant.")
def simulate(config: Path | None, month: datetime | None, name: str, tenant_id: str | None) -> None:
    """Show what last month, or another one, would have cost each tenant on a plan."""
    since = month or start_of_month(start_of_month(utc_now()) - timedelta(days=1))

    async def work(db: DbSession) -> tuple[PlanTerms, list[Simulated]]:
        known = await list_plans(db)
        other = next((plan for plan in known if plan.name == name), None)
        if other is None:
            names = ", ".join(plan.name for plan in known)
            raise click.ClickException(f"--plan: {name} does not exist; the plans are {names}")
        tenants = [
            tenant
            for tenant in await list_tenants(db)
            if tenant_id is None or tenant.tenant_id == tenant_id
        ]
        return other, await simulate_month(db, tenants, known, other, since=since)

    other, simulated = asyncio.run(in_transaction(load_settings(config), work))
    if not simulated:
        echo(f"No units were used in {month_of(since)}.")
        return
    echo(f"{month_of(since)} on the plan {other.name}:")
    for one in simulated:
        echo(_describe(one, other))
    if len(simulated) > 1:
        before = _add_up((one.currency, one.price) for one in simulated)
        after = _add_up((other.price.currency, one.other_price) for one in simulated)
        echo(f"all: {before} on their plans, {after} on {other.name}")


@click.command()
@config_option
@click.argument("tenant_id")
@click.argument("plan")
def move(config: Path | None, tenant_id: str, plan: str) -> None:
    """Give a tenant another plan, unless a subscription at Stripe decides about it."""

    async def work(db: DbSession) -> None:
        await move_tenant(db, COMMAND_LINE, tenant_id, plan=plan, now=utc_now())

    try:
        asyncio.run(in_transaction(load_settings(config), work))
    except (NotFound, Refused) as error:
        raise click.ClickException(str(error)) from None
    echo(f"{tenant_id} has the plan {plan}. Gateways learn it within two seconds.")


@click.command()
@config_option
@click.option("--limit", type=click.IntRange(1, MOST), default=USUAL, show_default=True)
@click.option("--after", default="", help="Where the page before said that it ends.")
def requests(config: Path | None, limit: int, after: str) -> None:
    """List the members who asked for a larger plan in the last 30 days, the newest first."""

    async def work(db: DbSession) -> Slice[PlanRequestView]:
        return await read_plan_requests(db, COMMAND_LINE, after=after, limit=limit)

    try:
        page = asyncio.run(in_transaction(load_settings(config), work))
    except Refused as error:
        raise click.ClickException(str(error)) from None
    for one in page.rows:
        echo(f"{one.asked_at:%Y-%m-%d %H:%M}  {one.tenant_id}  {one.plan}  {one.person_id}")
    if page.next:
        echo(f"for more: --after '{page.next}'", err=True)
    elif not page.rows:
        echo("Nobody asked for a larger plan.", err=True)


def _describe(one: Simulated, other: PlanTerms) -> str:
    said = (
        f"{one.tenant_id}: {_units(one.units)}, {_amount(one.currency, one.price)} on {one.plan}, "
        f"{_amount(other.price.currency, one.other_price)} on {other.name}"
    )
    if one.other_refused:
        said += f", where {_units(one.other_refused)} would have been refused"
    return said


def _units(number: int) -> str:
    return "1 unit" if number == 1 else f"{number} units"


def _amount(currency: str, amount: Decimal) -> str:
    return format_amount(amount, currency)


def _add_up(amounts: Iterable[tuple[str, Decimal]]) -> str:
    """Add up the amounts of each currency; one that a free plan names at no cost is left out."""
    sums: dict[str, Decimal] = {}
    for currency, amount in amounts:
        sums[currency] = sums.get(currency, Decimal(0)) + amount
    found = {currency: amount for currency, amount in sums.items() if amount} or sums
    return " and ".join(_amount(*one) for one in sorted(found.items()))


def _read_file(file: Path) -> tuple[PlanTerms, ...]:
    try:
        found = _File.model_validate(read_document(file)).plans
    except DocumentError as error:
        raise click.ClickException(f"{file}: {error}") from None
    except ValidationError as error:
        problems = [
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False)
        ]
        raise click.ClickException(f"{file}: {'; '.join(problems)}") from None
    names = Counter(plan.name for plan in found)
    if repeated := [name for name, count in names.items() if count > 1]:
        raise click.ClickException(f"{file}: plans: {', '.join(repeated)} is repeated")
    return found


async def _require_no_plan_in_use_is_missing(db: DbSession, wanted: tuple[PlanTerms, ...]) -> None:
    gone = {plan.name for plan in await list_plans(db)} - {plan.name for plan in wanted}
    users = Counter(
        tenant.rate_limit_tier
        for tenant in await list_tenants(db)
        if tenant.rate_limit_tier in gone
    )
    if users:
        said = ", ".join(f"{name} ({count} tenants)" for name, count in sorted(users.items()))
        raise click.ClickException(
            f"tenants have plans that the file lacks: {said}; keep these with `listed: false`"
        )
