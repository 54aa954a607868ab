"""`gatepost eval cases`: make cases for people to review."""

from pathlib import Path
from typing import BinaryIO

import click

from gatepost_cli.terminal import echo
from mcp_gateway.evals.cases import (
    CASES_FILE,
    CasesError,
    follow_renamed,
    merge_cases,
    read_cases,
    write_cases,
)
from mcp_gateway.evals.from_log import cases_from_log, read_attempts
from mcp_gateway.evals.from_manifest import make_cases
from mcp_gateway.review.commands.options import config_option, load_catalogue, manifest_option

_MOST_BYTES = 10_000_000


@click.command()
@manifest_option
@config_option
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help=f"The file of cases.  [default: {CASES_FILE} beside the manifest or gatepost.yaml]",
)
@click.option(
    "--log",
    "attempts",
    type=click.File("rb"),
    help="Also make cases from the output of `gatepost usage intent --json`; - reads standard input.",
)
def cases(path: Path, config: Path | None, out: Path | None, attempts: BinaryIO | None) -> None:
    """Make cases from the tools, and from what agents did wrong, for people to review.

    A file that exists keeps its cases; only those with a new id are added.
    """
    catalogue = load_catalogue(path, config)
    file = out or (config or path).with_name(CASES_FILE)
    try:
        kept = read_cases(file) if file.exists() else ()
        made = list(make_cases(catalogue))
        if attempts is not None:
            data = attempts.read(_MOST_BYTES + 1)
            if len(data) > _MOST_BYTES:
                raise CasesError(f"--log: larger than {_MOST_BYTES} bytes; read fewer days")
            made += cases_from_log(read_attempts(data), catalogue)
        merged = merge_cases(kept, made)
        if len(merged) == len(kept):
            echo(f"{file} has {len(kept)} cases; none is new.")
        else:
            write_cases(file, merged)
            echo(f"Wrote {file}: {len(merged)} cases, {len(merged) - len(kept)} of them new.")
    except CasesError as error:
        raise click.ClickException(str(error)) from None
    present = follow_renamed(merged, catalogue)
    gone = [
        case.id for case in present if case.tool is not None and case.tool not in catalogue.tools
    ]
    if gone:
        echo(f"Of tools that are not exposed: {', '.join(gone)}.", err=True)
