"""`gatepost auth-server audit-verify`: verify the audit log."""

import asyncio
from pathlib import Path

import click

from auth_server.commands.common import config_option, in_transaction, load_settings
from auth_server.db.engine import DbSession
from auth_server.records.audit.heads import parse_head, read_heads
from auth_server.records.audit.seal import find_seal
from auth_server.records.audit.verify import Break, accept_break, find_break
from gatepost.clock import utc_now


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
    "--accept", is_flag=True, help="Verify only what follows a break that you looked into."
)
def audit_verify(config: Path | None, written: tuple[str, ...], accept: bool) -> None:
    """Verify the audit log; fail if an entry was changed, added or removed."""
    settings = load_settings(config)
    try:
        heads = [parse_head(text) for text in written]
        if settings.audit_head_file is not None and settings.audit_head_file.exists():
            heads += read_heads(settings.audit_head_file)
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from None

    async def work(db: DbSession) -> tuple[Break | None, str]:
        found = await find_break(db, heads)
        if found is not None and accept:
            number = await accept_break(db, found, now=utc_now())
            return None, f"From now on, the audit log is verified from entry {number}."
        seal = await find_seal(db)
        if seal is None:
            return found, "The audit log is intact, and empty."
        covered = f"entries {seal.start_number} to {seal.number}, sealed since {seal.sealed_from}"
        return found, f"The audit log is intact: {covered}."

    found, message = asyncio.run(in_transaction(settings, work))
    if found is not None:
        raise click.ClickException(
            f"the audit log is broken at entry {found.number}: {found.reason}"
        )
    click.echo(message)
