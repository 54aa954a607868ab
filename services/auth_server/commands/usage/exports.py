"""`gatepost usage …`: the exports of usage, and who the customers are."""

import asyncio
from datetime import datetime
from functools import partial
from pathlib import Path

import click

from auth_server.administration.errors import NotFound, Refused
from auth_server.administration.money.exports import (
    UsageExportView,
    decide_export,
    link_customer,
)
from auth_server.administration.money.refused_events import (
    RefusedEventView,
    view_refused,
    write_refused_event,
)
from auth_server.administration.operator import COMMAND_LINE
from auth_server.commands.common import config_option, in_transaction, load_settings
from auth_server.db.engine import Database, DbSession, open_database
from auth_server.gateway_api.write_again import write_again
from auth_server.records.audit.seal import sealing_with
from auth_server.records.metered_hours.store import list_waiting_units
from auth_server.records.refused_events.store import list_refused
from auth_server.records.refused_events.table import RefusedEvent
from auth_server.records.tenants.store import list_tenant_names
from auth_server.records.usage_exports.store import list_exports, sum_exports
from auth_server.records.usage_exports.table import ExportState, UsageExport
from auth_server.runtime import keys_of
from gatepost.clock import utc_now
from gatepost_cli.terminal import echo, json_option, print_rows

_DECIDED_BY_PEOPLE = (ExportState.PARKED, ExportState.AMBIGUOUS)


@click.command()
@config_option
@click.option("--parked", is_flag=True, help="List only exports and units that need attention.")
@click.option("--most", default=100, show_default=True, help="How many to list.")
@json_option
def exports(config: Path | None, parked: bool, most: int, as_json: bool) -> None:
    """List exports of usage, their totals by state, and units that no export holds.

    With --json, it lists only the exports.
    """
    settings, states = load_settings(config), _DECIDED_BY_PEOPLE if parked else tuple(ExportState)

    async def views(db: DbSession) -> list[UsageExportView]:
        found = await list_exports(db, states, most=most)
        names = await list_tenant_names(db, {one.tenant_id for one in found})
        return [UsageExportView.of(one, names) for one in found]

    async def work(db: DbSession) -> list[str]:
        lines = [_describe(one) for one in await list_exports(db, states, most=most)]
        for waiting in await list_waiting_units(db, most=most):
            reason = waiting.problem or "not planned yet, or the tenant has no customer"
            lines.append(
                f"{waiting.since:%Y-%m-%d %H:%M}  {waiting.tenant_id}  {waiting.meter}  "
                f"{waiting.units} units  no export: {reason}"
            )
        if not parked:
            lines += [
                f"{total.state}: {total.exports} exports, {total.units} units, since "
                f"{total.since:%Y-%m-%d %H:%M}"
                for total in await sum_exports(db)
            ]
        return lines

    nothing = "There is nothing to list."
    if as_json:
        rows = asyncio.run(in_transaction(settings, views))
        print_rows(rows, lambda one: one.identifier, as_json=True, none=nothing)
        return
    echo("\n".join(asyncio.run(in_transaction(settings, work))) or nothing)


@click.command()
@config_option
@click.argument("identifiers", nargs=-1, required=True)
@click.option("--counted", is_flag=True, help="Note that the system counted them; send nothing.")
def resend(config: Path | None, identifiers: tuple[str, ...], counted: bool) -> None:
    """Send parked or ambiguous exports again, under new identifiers.

    Look first whether the system counted them: it would count them twice.
    """
    settings = load_settings(config)

    async def work(db: DbSession) -> None:
        for identifier in identifiers:
            await decide_export(
                db,
                COMMAND_LINE,
                identifier,
                counted=counted,
                issuer=settings.issuer,
                now=utc_now(),
            )

    try:
        asyncio.run(in_transaction(settings, work))
    except (NotFound, Refused) as error:
        raise click.ClickException(getattr(error, "reason", str(error))) from None
    echo(f"{len(identifiers)} changed.")


@click.command()
@config_option
@click.argument("tenant_id")
@click.argument("customer")
@click.option("--licence", default="", help="The ARN of the licence, for AWS Marketplace.")
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z"]),
    help="Since when usage counts, such as 2026-11-28T10:00:00+0000.  [default: now]",
)
def link(
    config: Path | None, tenant_id: str, customer: str, licence: str, since: datetime | None
) -> None:
    """Name the customer that a tenant is at the system to which usage is exported."""

    async def work(db: DbSession) -> None:
        await link_customer(
            db,
            COMMAND_LINE,
            tenant_id,
            customer=customer,
            licence=licence,
            since=since,
            now=utc_now(),
        )

    try:
        asyncio.run(in_transaction(load_settings(config), work))
    except (NotFound, Refused) as error:
        raise click.ClickException(str(error)) from None
    echo(f"{tenant_id} is the customer {customer}.")


@click.command()
@config_option
@click.option("--write", "digests", multiple=True, help="Write one again, by its id; repeatable.")
@click.option("--write-all", is_flag=True, help="Write all of them again.")
@click.option("--most", default=1000, show_default=True, help="How many to read.")
@json_option
def refused(
    config: Path | None, digests: tuple[str, ...], write_all: bool, most: int, as_json: bool
) -> None:
    """List call events that could not be read or stored, or write them again."""
    if as_json and (digests or write_all):
        raise click.UsageError("--json only lists; leave it out with --write and --write-all")
    settings = load_settings(config)

    async def work() -> tuple[list[RefusedEventView], list[str]]:
        database = open_database(settings.database_url, info=sealing_with(keys_of(settings)))
        try:
            async with database.reading() as db:
                rows = await list_refused(db, most=most, digests=digests or None)
            if digests or write_all:
                return [], [await _write_again(database, row) for row in rows]
            return [view_refused(row) for row in rows], []
        finally:
            await database.close()

    found, written = asyncio.run(work())
    if written:
        echo("\n".join(written))
        return
    print_rows(
        found,
        lambda one: f"{one.refused_at:%Y-%m-%d %H:%M}  {one.digest[:16]}  {one.reason}",
        as_json=as_json,
        none="There is nothing to list.",
    )


async def _write_again(database: Database, row: RefusedEvent) -> str:
    """Write the events of a refused entry; it stays if any of them is refused again."""
    done = await write_refused_event(
        database,
        database.writing.begin,
        COMMAND_LINE,
        row.digest,
        write_again=partial(write_again, now=utc_now),
        now=utc_now(),
    )
    if done.problem:
        return f"{row.digest[:16]}  refused again: {done.problem}"
    return f"{row.digest[:16]}  {done.written} written"


def _describe(export: UsageExport) -> str:
    late = f", late {export.sequence}" if export.sequence else ""
    carried = f", counted under {export.at:%Y-%m-%d %H:%M}" if export.at > export.since else ""
    problem = f": {export.problem}" if export.problem else ""
    return (
        f"{export.hour:%Y-%m-%d %H:%M}  {export.tenant_id}  {export.meter}  {export.units} units"
        f"{late}{carried}  {export.state}{problem}  {export.identifier}"
    )
