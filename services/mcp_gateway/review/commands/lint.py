"""`gatepost tools lint`: check tools for problems that would affect models or people."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click

from gatepost.clock import utc_now
from gatepost.text.hidden import write_line
from gatepost_cli.terminal import echo
from mcp_gateway.apis.api import Api
from mcp_gateway.review.commands.options import config_option, load, load_gateway, manifest_file
from mcp_gateway.review.eval_report import ReportError, read_report
from mcp_gateway.review.lint import lint
from mcp_gateway.review.lint.evaluations import evaluations
from mcp_gateway.review.lint.finding import Finding, ReviewedManifest


@click.command(name="lint")
@manifest_file
@config_option
@click.option(
    "--eval",
    "report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also tell what a report of `gatepost eval run --json` found.",
)
def lint_command(path: Path, config: Path | None, report: Path | None) -> None:
    """Check the tools. Exits with 1 if there is an error; warnings don't fail."""
    try:
        evaluated = None if report is None else read_report(report)
    except ReportError as error:
        raise click.ClickException(str(error)) from None
    if config is None:
        manifest, document, catalogue = load(path)
        found = lint(ReviewedManifest(manifest, document, catalogue, utc_now().date()))
    else:
        apis, catalogue = load_gateway(config)
        found = [one for api in apis for one in _lint_api(api)]
    if evaluated is not None:
        found += [("evaluations", finding) for finding in evaluations(evaluated, catalogue)]
    found.sort(key=lambda item: (item[1].severity != "error", item[1].tool))
    for rule, finding in found:
        where = finding.tool or "all tools"
        said = f"{finding.severity}: {where}: {rule}: {finding.message}; {finding.fix}"
        echo(write_line(said))
    errors = sum(finding.severity == "error" for _, finding in found)
    echo(f"{len(catalogue.tools)} tools, {errors} errors, {len(found) - errors} warnings")
    if errors:
        click.get_current_context().exit(1)


def _lint_api(api: Api) -> Iterator[tuple[str, Finding]]:
    """Check a manifest under its own names; tell its tools by those of the gateway."""
    manifest, document, catalogue = load(api.manifest)
    for rule, found in lint(ReviewedManifest(manifest, document, catalogue, utc_now().date())):
        tool = api.prefix + found.tool if found.tool else f"all tools of {api.name or 'the API'}"
        yield rule, replace(found, tool=tool)
