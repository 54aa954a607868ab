"""`gatepost usage calls` and `gatepost usage call`: the call log."""

import asyncio
from datetime import timedelta
from pathlib import Path

import click

from auth_server.administration.calls import (
    CallPage,
    CallQuery,
    CallStory,
    CallView,
    read_call,
    read_calls,
)
from auth_server.administration.errors import NotFound, Refused
from auth_server.administration.operator import COMMAND_LINE
from auth_server.administration.paging import MOST, USUAL
from auth_server.administration.reasons import OUTCOMES, REASONS
from auth_server.commands.common import config_option, in_transaction, load_settings
from auth_server.db.engine import DbSession
from gatepost.clock import utc_now
from gatepost.text.hidden import write_line
from gatepost_cli.terminal import echo


@click.command()
@config_option
@click.option("--tenant", default="", help="Only calls of this tenant.")
@click.option("--person", default="", help="Only calls of this person: an id or e-mail address.")
@click.option("--client", default="", help="Only calls of this client.")
@click.option("--tool", default="", help="Only calls of this tool.")
@click.option("--api", default="", help="Only calls of this API, if a gateway has several.")
@click.option("--outcome", type=click.Choice([*OUTCOMES]), help="Only calls with this outcome.")
@click.option("--reason", type=click.Choice(sorted(REASONS)), help="Only calls with this reason.")
@click.option("--hours", type=click.IntRange(1), help="Only calls of the last hours.")
@click.option("--limit", type=click.IntRange(1, MOST), default=USUAL, show_default=True)
@click.option("--after", default="", help="Where the page before said that it ends.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def calls(  # noqa: PLR0913 - one for each option
    config: Path | None,
    tenant: str,
    person: str,
    client: str,
    tool: str,
    api: str,
    outcome: str | None,
    reason: str | None,
    hours: int | None,
    limit: int,
    after: str,
    as_json: bool,
) -> None:
    """Search the call log, the newest calls first."""
    now = utc_now()
    query = CallQuery(
        tenant,
        person,
        client,
        tool,
        outcome or "",
        reason or "",
        since=None if hours is None else now - timedelta(hours=hours),
        after=after,
        api=api,
    )

    async def work(db: DbSession) -> CallPage:
        return await read_calls(db, COMMAND_LINE, query, limit=limit, now=now)

    try:
        page = asyncio.run(in_transaction(load_settings(config), work))
    except Refused as error:
        raise click.ClickException(str(error)) from None
    for one in page.rows:
        echo(one.model_dump_json() if as_json else write_line(_line(one)))
    if page.next:
        echo(f"for more: --after '{page.next}'", err=True)
    elif not page.rows:
        echo("No call matches.", err=True)


@click.command()
@config_option
@click.argument("call_id")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def call(config: Path | None, call_id: str, as_json: bool) -> None:
    """Tell what allowed one call, what happened, and what it cost."""

    async def work(db: DbSession) -> CallStory:
        try:
            return await read_call(db, COMMAND_LINE, call_id)
        except NotFound as error:
            raise click.ClickException(str(error)) from None

    story = asyncio.run(in_transaction(load_settings(config), work))
    echo(story.model_dump_json(indent=2) if as_json else _describe(story))


def _line(one: CallView) -> str:
    why = f": {one.explanation}" if one.reason else ""
    return (
        f"{one.at:%Y-%m-%d %H:%M:%S}  {one.call_id}  {one.tool}  {one.tenant_id}  "
        f"{one.person_id}  {one.client_id}  {one.outcome}{why}"
    )


def _describe(story: CallStory) -> str:
    one, access, ledger = story.call, story.access, story.ledger
    lines = [_line(one)]
    if access is None:
        lines.append(f"allowed by: {one.grant_id}, which no longer exists")
    elif access.kind == "grant":
        lines.append(
            f"allowed by: {access.person_name}, who consented on {access.created_at:%Y-%m-%d %H:%M}"
        )
    else:
        lines.append(f"allowed by: the API key {access.name} of {access.person_name}")
    if access is not None:
        included = "included" if access.includes_tool else "not included"
        data = access.data_scope or "everything the person may see"
        lines.append(f"  {len(access.tools)} tools, this one {included}; data access: {data}")
    if one.error:
        lines.append(f"message: {one.error}")
    if one.outcome != "refused":
        lines.append(
            f"API: status {one.status or 'unknown'}, {one.duration_ms:.0f} ms, "
            f"{one.upstream_ms:.0f} ms of them in the API, {one.retries} retries, "
            f"{one.bytes_in} bytes in, {one.bytes_out} bytes out"
        )
    if ledger is None:
        lines.append("units: none")
    else:
        lines.append(f"units: {ledger.units} of {ledger.meter} in the ledger")
    lines += [f"export: {each.identifier} to {each.system}, {each.state}" for each in story.exports]
    return "\n".join(map(write_line, lines))
