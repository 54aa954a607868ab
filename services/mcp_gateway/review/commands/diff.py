"""`gatepost tools diff`: show how a manifest changes its published tools."""

from collections import Counter
from pathlib import Path

import click

from gatepost.text.hidden import write_line
from gatepost_cli.terminal import echo
from mcp_gateway.catalogue.lock import (
    LOCK_FILE,
    LockError,
    lock_catalogue,
    lock_tool,
    read_lock,
)
from mcp_gateway.review.commands.options import load, manifest_file
from mcp_gateway.review.diff import KINDS, compare_locks

_BREAKING, _SECURITY = 1, 3


@click.command()
@manifest_file
@click.option("--write", is_flag=True, help="Accept the changes: write the lock file.")
def diff(path: Path, write: bool) -> None:
    """Compare the tools with tools.lock.json, the record of the published tools.

    Exits with 1 if a change is breaking, and with 3 if a change concerns security but none is
    breaking. To make a breaking change, publish a tool under a new name: keep the old tool, or leave
    its entry with `expose: false` and `replaced_by`. To rename a tool, give it its old name as `former`.
    """
    manifest, _, catalogue = load(path)
    file = path.parent / LOCK_FILE
    new = lock_catalogue(catalogue)
    try:
        old = read_lock(file)
    except LockError as error:
        if not write:
            raise click.ClickException(str(error)) from None
        old = None
    if old is None and not write:
        raise click.ClickException(
            f"{file} does not exist; create it with `gatepost tools diff --write`"
        )
    successors = {e.name: e.lifecycle.replaced_by for e in manifest.tools if not e.expose}
    replaced = {name: other for name, other in successors.items() if other is not None}
    renamed = {
        name: (tool.name, {**lock_tool(tool), "inputSchema": former.input_schema})
        for name, (tool, former) in catalogue.former.items()
    }
    changes = compare_locks(old, new, replaced, renamed) if old is not None else []
    for change in changes:
        echo(write_line(f"{change.kind}: {change.tool}: {change.message}"))
    counts = Counter(change.kind for change in changes)
    if old is not None:
        said = ", ".join(f"{counts[kind]} {kind}" for kind in KINDS)
        echo(said if changes else "No changes.")
    if write:
        file.write_bytes(new.write())
        echo(f"Wrote {file}: {len(new.tools)} tools.")
    elif counts["breaking"]:
        click.get_current_context().exit(_BREAKING)
    elif counts["security"]:
        click.get_current_context().exit(_SECURITY)
