"""Write a report for people."""

from collections.abc import Iterator

from mcp_gateway.review.eval_report import CaseResult, EvalReport, ToolScore

_OUTCOMES = {
    "wrong_tool": "called another tool",
    "unknown_tool": "called a tool that does not exist",
    "no_call": "called no tool",
    "needless": "called a tool that serves nothing",
    "failed": "failed",
}


def tell_report(report: EvalReport) -> Iterator[str]:
    """Yield the lines: tools, the worst first; changed tools; the cases that did not pass; the sum."""
    head = ("TOOL", "CASES", "PASSED", "RIGHT", "REPAIRED", "INVALID", "NEEDLESS", "FAILED")
    rows: list[tuple[str, ...]] = [head, *(_row(one) for one in report.tools)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()
    for change in report.changed:
        what = " and ".join(change.changed)
        yield f"{change.tool}: {what} changed: {change.before}% before, {change.now}% now"
    for result in report.results:
        if not result.passed:
            yield f"{result.case}: {_tell(result)}"
    failed = len(report.results) - report.answered
    yield (
        f"{len(report.results)} cases, {report.percent}% of {report.answered} answered ones passed, "
        f"{failed} failed; model {report.model}, tools {report.catalogue[:12]}"
    )


def _row(one: ToolScore) -> tuple[str, ...]:
    counts = (one.cases, one.passed, one.right, one.repaired, one.invalid + one.different)
    return (one.tool or "(none)", *map(str, counts), str(one.needless), str(one.failed))


def _tell(result: CaseResult) -> str:
    problems = ", ".join(
        f"{one.argument}: {one.message}" if one.argument else one.message for one in result.problems
    )
    if result.outcome == "right":
        return f"{result.arguments} arguments: {problems}"
    said = _OUTCOMES[result.outcome]
    if result.outcome == "failed":
        return f"{said}: {result.detail}"
    instead = f": {', '.join(result.called)}" if result.called else ""
    return f"{said}{instead}; {result.expected or 'none'} expected"
