"""`gatepost usage replay`: compare archives of calls with the ledger."""

import asyncio
from functools import partial
from pathlib import Path

import click

from auth_server.administration.money.archives import ReplayedView, replay_files
from auth_server.administration.operator import COMMAND_LINE
from auth_server.archive.read import UnreadableArchive
from auth_server.commands.common import config_option, load_settings, opened
from auth_server.gateway_api.write_calls import write_missing
from gatepost.clock import utc_now
from gatepost_cli.terminal import Tell, echo, progress


@click.command()
@config_option
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--write", is_flag=True, help="Add calls to the ledger that it lacks.")
def replay(config: Path | None, files: tuple[Path, ...], write: bool) -> None:
    """Compare archives of calls with the ledger, or add to it what it lacks.

    A call that the ledger has is never added again. What is added is also exported. The command fails
    if the ledger lacks calls, or holds other units than the archive.
    """
    settings, now = load_settings(config), utc_now()

    async def work(tell: Tell) -> list[ReplayedView]:
        async with opened(settings) as basis:
            return await replay_files(
                basis.database,
                basis.transaction,
                COMMAND_LINE,
                files,
                write=partial(write_missing, now=now) if write else None,
                now=now,
                tell=lambda calls: tell(f"{calls:,} calls compared"),
            )

    try:
        with progress() as tell:
            found = asyncio.run(work(tell))
    except UnreadableArchive as error:
        raise click.ClickException(str(error)) from None
    done = "added" if write else "missing"
    for one in found:
        echo(
            f"{one.tenant_id}  {one.calls} billable calls, {one.units} units: {one.missing} {done} "
            f"({one.missing_units} units), {one.different} different"
        )
    if any(one.different or (one.missing and not write) for one in found):
        raise click.ClickException("the ledger differs from the archives")
