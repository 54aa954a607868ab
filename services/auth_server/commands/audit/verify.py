"""`gatepost auth-server audit-verify`: verify the audit log."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import click

from auth_server.administration.audit.verify_export import verify_export
from auth_server.commands.common import config_option, in_transaction, load_settings
from auth_server.db.engine import DbSession, keep_snapshot, open_database
from auth_server.records.audit.heads import parse_head, read_heads
from auth_server.records.audit.seal import find_seal, sealing_with
from auth_server.records.audit.verify import Break, Head, accept_break, find_break
from auth_server.runtime import keys_of
from auth_server.settings import AuthServerSettings
from gatepost.clock import utc_now
from gatepost_cli.terminal import echo


@click.command()
@config_option
@click.option(
    "--head",
    "written",
    multiple=True,
    metavar="NUMBER:HASH",
    help="A former head, from a log line audit_head; repeatable.",
)
@click.option(
    "--file",
    "exported",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Verify this export in CSV or NDJSON, without configuration or database.",
)
@click.option(
    "--accept", is_flag=True, help="Verify only what follows a break that you looked into."
)
def audit_verify(
    config: Path | None, written: tuple[str, ...], exported: Path | None, accept: bool
) -> None:
    """Verify the audit log; fail if an entry was changed, added or removed."""
    try:
        heads = [parse_head(text) for text in written]
        if exported is not None:
            _verify_file(exported, heads)
            return
        settings = load_settings(config)
        if settings.audit_head_file is not None and settings.audit_head_file.exists():
            heads += read_heads(settings.audit_head_file)
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from None

    found, message = asyncio.run(_verify(settings, heads))
    if found is not None and accept:
        number = asyncio.run(in_transaction(settings, _accepting(found)))
        echo(f"From now on, the audit log is verified from entry {number}.")
        return
    if found is not None:
        raise click.ClickException(
            f"the audit log is broken at entry {found.number}: {found.reason}"
        )
    echo(message)


def _verify_file(file: Path, heads: Sequence[Head]) -> None:
    verified = verify_export(file, heads)
    if (found := verified.found) is not None:
        raise click.ClickException(f"the export is broken at entry {found.number}: {found.reason}")
    if verified.head is None:
        raise click.ClickException("the export is incomplete: its last line is not the log's head")
    echo(f"The export's {verified.entries} entries are as they were recorded.")
    if verified.gaps:
        echo(
            f"Entries are left out in {verified.gaps} places, as in an export of a search; what was "
            "there is not verified."
        )
    echo(f"The head of the log was {verified.head.number}:{verified.head.hash}.")


async def _verify(settings: AuthServerSettings, heads: Sequence[Head]) -> tuple[Break | None, str]:
    # A long log takes a while, in which a writing session would block the server on SQLite.
    database = open_database(settings.database_url, info=sealing_with(keys_of(settings)))
    try:
        async with database.reading() as db:
            await keep_snapshot(db)
            found, seal = await find_break(db, heads), await find_seal(db)
    finally:
        await database.close()
    if seal is None:
        return found, "The audit log is intact, and empty."
    covered = f"entries {seal.start_number} to {seal.number}, sealed since {seal.sealed_from}"
    return found, f"The audit log is intact: {covered}."


def _accepting(found: Break) -> Callable[[DbSession], Awaitable[int]]:
    async def work(db: DbSession) -> int:
        return await accept_break(db, found, now=utc_now())

    return work
