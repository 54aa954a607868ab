"""`gatepost usage books` and `compare`: whether every billable unit of a month is exported."""

import asyncio
from datetime import datetime
from pathlib import Path

import click

from auth_server.administration.errors import NotFound, Refused
from auth_server.administration.money.books import BooksView, read_books
from auth_server.administration.money.system_totals import SystemTotalView, compare_with_system
from auth_server.administration.money.tenant_books import TenantBooksView, read_tenants_books
from auth_server.administration.money.tenant_months import TenantMonthView, read_tenant_month
from auth_server.administration.operator import COMMAND_LINE
from auth_server.administration.paging import MOST, Slice
from auth_server.billing.account import opened_billing
from auth_server.commands.common import (
    config_option,
    in_transaction,
    load_settings,
    month_option,
    opened,
)
from auth_server.db.engine import DbSession
from auth_server.exports.open import opened_exports
from gatepost.clock import utc_now
from gatepost.metering.plans import month_of
from gatepost_cli.terminal import echo

_TROUBLE = frozenset({"differ", "undecided"})


@click.command()
@config_option
@month_option
@click.option("--tenant", "tenant_id", help="Show the hours of one tenant.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def books(
    config: Path | None, month: datetime | None, tenant_id: str | None, as_json: bool
) -> None:
    """Say whether every billable unit of a month is exported, and list the tenants with other units.

    The command fails if the ledger and the usage differ, or an export awaits a decision.
    """
    settings, now = load_settings(config), utc_now()
    wanted, name = settings.usage_export, month_of(month or now)

    async def work_tenant(db: DbSession) -> TenantMonthView:
        try:
            return await read_tenant_month(
                db, COMMAND_LINE, tenant_id or "", name, wanted=wanted, limit=MOST, now=now
            )
        except NotFound as error:
            raise click.ClickException(str(error)) from None

    async def work(db: DbSession) -> tuple[BooksView, Slice[TenantBooksView]]:
        found = await read_books(db, COMMAND_LINE, name, wanted=wanted, now=now)
        return found, await read_tenants_books(
            db, COMMAND_LINE, name, wanted=wanted, shown="unfinished", limit=MOST, now=now
        )

    if tenant_id is not None:
        view = asyncio.run(in_transaction(settings, work_tenant))
        echo(view.model_dump_json(indent=2) if as_json else _describe_tenant(view))
        return
    found, tenants = asyncio.run(in_transaction(settings, work))
    echo(found.model_dump_json(indent=2) if as_json else _describe(found))
    for one in () if as_json else tenants.rows:
        echo(_line(one))
    if found.verdict in _TROUBLE:
        raise click.ClickException(f"the books of {name} need attention")


@click.command()
@config_option
@month_option
@click.argument("tenant_id")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def compare(config: Path | None, month: datetime | None, tenant_id: str, as_json: bool) -> None:
    """Ask the system that writes invoices what it counted for a tenant in a month.

    The command fails if the system counted other units than the confirmed exports have.
    """
    settings = load_settings(config)

    async def work() -> SystemTotalView:
        async with (
            opened(settings) as basis,
            opened_billing(basis) as billing,
            opened_exports(basis, billing) as exporting,
        ):
            name, now = month_of(month or basis.now()), basis.now()
            return await compare_with_system(exporting, COMMAND_LINE, tenant_id, name, now=now)

    try:
        found = asyncio.run(work())
    except Refused as refused:
        raise click.ClickException(refused.reason) from None
    counted = "can't tell" if found.counted is None else f"counted {found.counted}"
    told = (
        f"{found.tenant_id} in {found.month}: {found.confirmed} units in confirmed exports; "
        f"{found.system} {counted} for {found.customer}"
    )
    echo(found.model_dump_json(indent=2) if as_json else told)
    if found.counted is not None and found.counted != found.confirmed:
        raise click.ClickException("the system counted other units than the exports have")


def _describe(found: BooksView) -> str:
    waiting = found.waiting + found.sending
    said = {
        "empty": f"There are no billable units in {found.month}.",
        "differ": f"The ledger and the usage of {found.month} differ.",
        "undecided": f"{found.undecided} units await a decision: `gatepost usage exports --parked`.",
        "waiting": f"{waiting} units of {found.unfinished_tenants} tenants wait since "
        f"{found.oldest:%Y-%m-%d %H:%M}."
        if found.oldest
        else "",
        "not_exported": "Nothing is exported: the settings name no system that writes invoices.",
        "exported": f"{found.confirmed} billable units of {found.month} are exported, and none waits.",
    }[found.verdict]
    return (
        f"{said}\n{found.units} billable, {found.confirmed} confirmed, {waiting} on their way, "
        f"{found.undecided} to decide, {found.present} of this hour, {found.without_customer} "
        f"without a customer, {found.held_back} not exportable"
    )


def _line(one: TenantBooksView) -> str:
    return (
        f"{one.tenant_id}  {one.units} billable, {one.confirmed} confirmed, {one.sending} on their "
        f"way, {one.undecided} to decide, {one.unplanned} without export, {one.held_back} not "
        "exportable"
    )


def _describe_tenant(view: TenantMonthView) -> str:
    lines = [_line(view.tenant)]
    for one in view.hours:
        exports = ", ".join(f"{each.units} {each.state}" for each in one.exports)
        problem = f" ({one.problem})" if one.problem else ""
        lines.append(
            f"{one.hour:%Y-%m-%d %H:%M}  {one.meter}  {one.units} units: "
            f"{exports or 'no export'}{problem}"
        )
    return "\n".join(lines)
