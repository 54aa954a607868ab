"""`gatepost billing plans` and `simulate`: the plans on offer, and what a month would have cost."""

import asyncio
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import click

from auth_server.administration.errors import NotFound, Refused
from auth_server.administration.money.plan_terms import (
    PlanFile,
    read_plan_file,
    read_plan_terms,
    replace_plan_terms,
)
from auth_server.administration.money.plans import (
    PlanRequestView,
    move_tenant,
    read_plan_requests,
)
from auth_server.administration.money.simulation import (
    SimulatedView,
    last_month,
    read_simulation,
)
from auth_server.administration.operator import COMMAND_LINE
from auth_server.administration.paging import MOST, USUAL, Slice
from auth_server.commands.common import (
    config_option,
    in_transaction,
    load_settings,
    month_option,
    read_every_page,
)
from auth_server.db.engine import DbSession
from gatepost.clock import utc_now
from gatepost.document import DocumentError, read_bytes
from gatepost.metering.money import format_amount
from gatepost.metering.plans import month_of
from gatepost_cli.terminal import echo, json_option, print_rows


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

    async def work(db: DbSession) -> PlanFile:
        if file is None:
            return await read_plan_terms(db, COMMAND_LINE)
        wanted = read_plan_file(read_bytes(file))
        return await replace_plan_terms(db, COMMAND_LINE, wanted, now=utc_now())

    try:
        found = asyncio.run(in_transaction(settings, work))
    except DocumentError as error:
        raise click.ClickException(f"{file}: {error}") from None
    except Refused as refused:
        raise click.ClickException(f"{file}: {refused.reason}") from None
    if file is None:
        echo(found.as_yaml(), nl=False)
        return
    names = ", ".join(plan.name for plan in found.plans)
    echo(f"The plans are {names}. Gateways learn them within two seconds.")


@click.command()
@config_option
@month_option
@click.option("--plan", "name", required=True, help="The plan to compare with.")
@click.option("--tenant", "tenant_id", help="Only this tenant.")
@json_option
def simulate(
    config: Path | None, month: datetime | None, name: str, tenant_id: str | None, as_json: bool
) -> None:
    """Show what last month, or another one, would have cost each tenant on a plan."""
    now = utc_now()
    shown = last_month(now) if month is None else month_of(month)

    async def work(db: DbSession) -> list[SimulatedView]:
        return await read_every_page(
            lambda after: read_simulation(
                db,
                COMMAND_LINE,
                name,
                shown,
                tenant_id=tenant_id or "",
                after=after,
                limit=MOST,
                now=now,
            )
        )

    try:
        simulated = asyncio.run(in_transaction(load_settings(config), work))
    except NotFound as error:
        raise click.ClickException(f"--plan: {error}") from None
    if simulated and not as_json:
        echo(f"{shown} on the plan {name}:")
    print_rows(
        simulated,
        lambda one: _describe(one, name),
        as_json=as_json,
        none=f"No units were used in {shown}.",
    )
    if len(simulated) > 1 and not as_json:
        before = _add_up((one.currency, one.price) for one in simulated)
        after = _add_up((one.other_currency, one.other_price) for one in simulated)
        echo(f"all: {before} on their plans, {after} on {name}")


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
@json_option
def requests(config: Path | None, limit: int, after: str, as_json: bool) -> None:
    """List the members who asked for a larger plan in the last 30 days, the newest first."""

    async def work(db: DbSession) -> Slice[PlanRequestView]:
        return await read_plan_requests(db, COMMAND_LINE, after=after, limit=limit)

    try:
        page = asyncio.run(in_transaction(load_settings(config), work))
    except Refused as error:
        raise click.ClickException(str(error)) from None
    print_rows(
        page.rows, _describe_request, as_json=as_json, none="Nobody asked for a larger plan."
    )
    if page.next:
        echo(f"for more: --after '{page.next}'", err=True)


def _describe_request(one: PlanRequestView) -> str:
    return f"{one.asked_at:%Y-%m-%d %H:%M}  {one.tenant_id}  {one.plan}  {one.person_id}"


def _describe(one: SimulatedView, other: str) -> str:
    said = (
        f"{one.tenant_id}: {_units(one.units)}, {_amount(one.currency, one.price)} on {one.plan}, "
        f"{_amount(one.other_currency, one.other_price)} on {other}"
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
