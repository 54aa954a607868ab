"""Descriptions must work for models: what an evaluation found."""

from collections.abc import Iterator

from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.review.eval_report import EvalReport, ToolScore
from mcp_gateway.review.lint.finding import Finding

_OFTEN = 20
"""Percent of a tool's cases from which a mistake is worth a warning."""


def evaluations(report: EvalReport, catalogue: Catalogue) -> Iterator[Finding]:
    """Report tools that models confuse, arguments that fail, and texts that got worse by a change."""
    if report.catalogue != catalogue.hash:
        message = "the report is about other tools than these"
        yield Finding("", "warning", message, "run `gatepost eval run` again")
    for score in report.tools:
        if score.tool in catalogue.tools:
            yield from _about(score)
    yield from _worse(report)


def _about(score: ToolScore) -> Iterator[Finding]:
    answered = score.cases - score.failed
    for other, times in score.confused_with.items():
        if 100 * times >= _OFTEN * answered:
            message = f"a model called {other} instead in {times} of {answered} cases"
            fix = "say in both descriptions when to use which"
            yield Finding(score.tool, "warning", message, fix)
    for argument, times in score.arguments.items():
        if 100 * times >= _OFTEN * answered:
            message = f"a model got {argument} wrong in {times} of {answered} cases"
            yield Finding(score.tool, "warning", message, "describe its form, with an example")
    unused = answered - score.right - sum(score.confused_with.values())
    if answered and 2 * unused >= answered:
        message = f"a model called no tool in {unused} of {answered} cases"
        fix = "say in the description what people can ask for"
        yield Finding(score.tool, "warning", message, fix)


def _worse(report: EvalReport) -> Iterator[Finding]:
    for one in report.changed:
        if one.now < one.before:
            what = " and ".join(one.changed)
            message = f"{what} changed, and {one.now}% of its cases pass instead of {one.before}%"
            yield Finding(one.tool, "warning", message, "compare with the former text")
