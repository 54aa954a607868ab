"""`gatepost usage …`: what tenants use, and whether the ledger and the usage agree."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click
import orjson

from auth_server.administration.limits import LimitView, read_limits
from auth_server.administration.operator import COMMAND_LINE
from auth_server.commands.common import config_option, in_transaction, load_settings, month_option
from auth_server.db.engine import DbSession
from auth_server.metering.reconcile import Difference, reconcile_usage
from auth_server.metering.shares import Rest, Share
from auth_server.metering.usage_report import (
    Quota,
    UsageReport,
    choose_plan,
    read_usage_report,
)
from auth_server.records.plans.store import list_plans
from auth_server.records.tenants.store import list_tenants
from auth_server.records.tenants.table import Tenant
from auth_server.records.usage.days import find_wrong_days
from auth_server.records.usage.store import sum_tenants
from gatepost.clock import utc_now
from gatepost.metering.money import format_amount
from gatepost.metering.plans import end_of_day, end_of_month, month_of, start_of_day, start_of_month
from gatepost_cli.terminal import echo


@click.command()
@config_option
@click.option("--tenant", "tenant_id", help="Show one tenant in detail.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(config: Path | None, tenant_id: str | None, as_json: bool) -> None:
    """Show the usage of this month: of all tenants, those nearest to a quota first, or of one."""

    async def work(db: DbSession) -> str:
        tenants, now = await list_tenants(db), utc_now()
        if tenant_id is None:
            rows = await read_all(db, tenants, now)
            return _json(rows) if as_json else _table(rows)
        tenant = next((one for one in tenants if one.tenant_id == tenant_id), None)
        if tenant is None:
            raise click.ClickException(f"the tenant {tenant_id} does not exist")
        plan = choose_plan(await list_plans(db), tenant)
        report = await read_usage_report(db, tenant, plan, now=now)
        return report.model_dump_json(indent=2) if as_json else _describe(report)

    echo(asyncio.run(in_transaction(load_settings(config), work)))


@click.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def limits(config: Path | None, as_json: bool) -> None:
    """List the quotas and budgets of which 80 percent or more is used, the fullest first."""

    async def work(db: DbSession) -> list[LimitView]:
        return await read_limits(db, COMMAND_LINE, now=utc_now())

    found = asyncio.run(in_transaction(load_settings(config), work))
    if as_json:
        echo(_json([one.model_dump(mode="json") for one in found]))
        return
    lines = (
        f"{one.tenant_id}  {one.plan}  {one.kind}{one.key and f' {one.key}'}  {one.used} of "
        f"{one.limit} units, {one.percent} %, {one.requests} members asked for more"
        for one in found
    )
    echo("\n".join(lines) or "No limit is near.")


@click.command()
@config_option
@month_option
def reconcile(config: Path | None, month: datetime | None) -> None:
    """Compare the ledger with the usage, by the hour and by the day; fail if they differ."""
    since = month or start_of_month(utc_now())
    until = end_of_month(since)

    async def work(db: DbSession) -> tuple[Sequence[Difference], list[date]]:
        compared = await reconcile_usage(db, since=since, until=until)
        return compared.differences, await find_wrong_days(db, since=since, until=until)

    found, wrong = asyncio.run(in_transaction(load_settings(config), work))
    lines = [
        f"{one.tenant_id}  {one.env}  {one.meter}: {one.ledger} units in the ledger, "
        f"{one.usage} in the usage by the hour, {one.metered} to export"
        for one in found
    ]
    lines += [
        f"{day}: the usage by the day is not the sum of its hours; the server adds it up again after "
        "midnight in UTC"
        for day in wrong
    ]
    if lines:
        raise click.ClickException("\n".join(["these differ:", *lines]))
    echo(f"The ledger and the usage agree in {month_of(since)}.")


async def read_all(db: DbSession, tenants: Iterable[Tenant], now: datetime) -> list[dict[str, Any]]:
    """Read the usage of all tenants, those nearest to a quota first."""
    plans = await list_plans(db)
    today = await sum_tenants(db, since=start_of_day(now), until=end_of_day(now))
    month = await sum_tenants(db, since=start_of_month(now), until=end_of_month(now))
    rows: list[dict[str, Any]] = []
    for tenant in tenants:
        plan = choose_plan(plans, tenant)
        used = today.get(tenant.tenant_id, 0), month.get(tenant.tenant_id, 0)
        limits = plan.daily_units, plan.monthly_units
        percents = [
            100 * units // limit for units, limit in zip(used, limits, strict=True) if limit
        ]
        rows.append(
            {
                "tenant_id": tenant.tenant_id,
                "plan": plan.name,
                "today": used[0],
                "month": used[1],
                "percent": max(percents, default=0),
            }
        )
    return sorted(rows, key=lambda row: (-row["percent"], -row["month"], row["tenant_id"]))


def _table(rows: Sequence[dict[str, Any]]) -> str:
    lines = (
        f"{row['tenant_id']}  {row['plan']}  {row['today']} units today, {row['month']} this month, "
        f"{row['percent']} % of the nearest quota"
        for row in rows
    )
    return "\n".join(lines) or "There are no tenants."


def _describe(report: UsageReport) -> str:
    plan, month = report.plan.name, report.month
    lines = [f"{report.tenant_id} has the plan {plan}, and used {report.units} units in {month}."]
    lines += [_describe_quota(quota) for quota in (*report.quotas, *report.budgets)]
    lines.append(
        f"forecast: {report.forecast_units} units, "
        f"{format_amount(report.forecast_price, report.plan.price.currency)}"
    )
    if report.credit.credits:
        lines.append(
            f"credit: {format_amount(report.credit.left, report.credit.currency)}, "
            f"which pays for {report.credit.units} more units this month"
        )
    invoice, currency = report.invoice, report.invoice.currency
    lines.append(
        f"invoice until now: {format_amount(invoice.total, currency)}, of it "
        f"{format_amount(invoice.usage, currency)} for units"
    )
    for title, shares, rest in (
        ("tools", report.tools, report.more_tools),
        ("people", report.people, report.more_people),
        ("clients", report.clients, report.more_clients),
        *([("APIs", report.apis, report.more_apis)] if report.apis else []),
    ):
        lines += ["", f"{title}:"]
        lines += [
            f"  {share.key or 'none'}: {_describe_share(share, currency)}" for share in shares
        ]
        lines += [f"  {rest.number} more: {_describe_share(rest, currency)}"] if rest else []
    return "\n".join(lines)


def _describe_quota(quota: Quota) -> str:
    name = f"{quota.kind} {quota.key}".strip()
    limit = "no quota" if quota.limit is None else f"of {quota.limit}"
    return f"{name}: {quota.used} {limit}, until {quota.resets_at:%Y-%m-%d %H:%M} UTC"


def _describe_share(share: Share | Rest, currency: str) -> str:
    return (
        f"{share.units} units, {format_amount(share.amount, currency)}, {share.calls} calls, "
        f"{share.refused} refused"
    )


def _json(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
