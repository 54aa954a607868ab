"""`gatepost tools lint`: check tools for problems that would affect models or people."""

from pathlib import Path

import click

from gatepost.clock import utc_now
from gatepost.text.hidden import write_line
from gatepost_cli.terminal import echo
from mcp_gateway.review.commands.options import load, manifest_file
from mcp_gateway.review.eval_report import ReportError, read_report
from mcp_gateway.review.lint import lint
from mcp_gateway.review.lint.finding import ReviewedManifest


@click.command(name="lint")
@manifest_file
@click.option(
    "--eval",
    "report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also tell what a report of `gatepost eval run --json` found.",
)
def lint_command(path: Path, report: Path | None) -> None:
    """Check the tools. Exits with 1 if there is an error; warnings don't fail."""
    manifest, document, catalogue = load(path)
    try:
        evaluated = None if report is None else read_report(report)
    except ReportError as error:
        raise click.ClickException(str(error)) from None
    found = lint(ReviewedManifest(manifest, document, catalogue, utc_now().date(), evaluated))
    for rule, finding in found:
        where = finding.tool or "all tools"
        said = f"{finding.severity}: {where}: {rule}: {finding.message}; {finding.fix}"
        echo(write_line(said))
    errors = sum(finding.severity == "error" for _, finding in found)
    echo(f"{len(catalogue.tools)} tools, {errors} errors, {len(found) - errors} warnings")
    if errors:
        click.get_current_context().exit(1)
