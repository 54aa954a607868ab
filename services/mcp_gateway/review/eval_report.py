"""The report of an evaluation: how a model used each tool."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.catalogue.tool import publish_tool

Outcome = Literal["right", "wrong_tool", "unknown_tool", "no_call", "needless", "failed"]
Arguments = Literal["", "valid", "repaired", "different", "invalid"]


class ReportError(Exception):
    """The report can't be read; the message says why."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class Problem(_Part):
    """An argument that is not what the tool or the case wants."""

    argument: str
    message: str


class CaseResult(_Part):
    """What a model did with one case."""

    case: str
    expected: str | None
    called: tuple[str, ...] = ()
    outcome: Outcome
    """`needless`: it called a tool where none serves the request; `failed`: it gave no usable answer."""
    arguments: Arguments = ""
    """`repaired`: the gateway would correct their types; `different`: valid, but not what the person said."""
    problems: tuple[Problem, ...] = ()
    needless: int = 0
    """Calls beside the right one."""
    detail: str = ""

    @property
    def passed(self) -> bool:
        """Whether the right tool was called as it should be, or no tool where none should."""
        return self.outcome == "right" and self.arguments in ("", "valid", "repaired")


class ToolScore(_Part):
    """The results of the cases that want one tool."""

    tool: str
    """Empty for the cases that want none."""
    cases: int
    passed: int
    right: int
    """Cases with the right tool, whatever its arguments."""
    repaired: int = 0
    different: int = 0
    invalid: int = 0
    needless: int = 0
    failed: int = 0
    confused_with: dict[str, int] = Field(default_factory=dict)
    """Tools that were called instead, the most frequent first."""
    arguments: dict[str, int] = Field(default_factory=dict)
    """Arguments that were invalid, repaired or different."""

    @property
    def percent(self) -> int:
        """The part of the answered cases that passed, rounded down."""
        answered = self.cases - self.failed
        return 100 * self.passed // answered if answered else 0


class Changed(_Part):
    """A tool whose words or arguments differ between two manifests, and its results before."""

    tool: str
    changed: tuple[str, ...]
    """Some of `title`, `description`, `arguments`."""
    before: int
    now: int
    """Percent of its cases that passed."""


class EvalReport(_Part):
    """The report as a whole."""

    version: Literal[1] = 1
    model: str
    catalogue: str
    """The hash of the evaluated tools."""
    results: tuple[CaseResult, ...]
    tools: tuple[ToolScore, ...]
    changed: tuple[Changed, ...] = ()

    @property
    def answered(self) -> int:
        """How many cases got an answer."""
        return sum(one.outcome != "failed" for one in self.results)

    @property
    def percent(self) -> int:
        """The part of the answered cases that passed, rounded down."""
        passed = sum(one.passed for one in self.results)
        return 100 * passed // self.answered if self.answered else 0


def score_tools(results: Iterable[CaseResult]) -> tuple[ToolScore, ...]:
    """Add up the results of each tool, the worst first."""
    by_tool: dict[str, list[CaseResult]] = {}
    for one in results:
        by_tool.setdefault(one.expected or "", []).append(one)
    scores = [_score(tool, some) for tool, some in by_tool.items()]
    return tuple(sorted(scores, key=lambda one: (one.percent, one.tool)))


def compare_results(
    now: Catalogue, before: Catalogue, results: Sequence[CaseResult], former: Sequence[CaseResult]
) -> tuple[Changed, ...]:
    """Return the tools of both catalogues whose words or arguments differ, with both results."""
    scores = [{one.tool: one.percent for one in score_tools(some)} for some in (results, former)]
    found = []
    for name in sorted(now.tools.keys() & before.tools.keys()):
        changed = _changed(now, before, name)
        if changed and name in scores[0] and name in scores[1]:
            found.append(
                Changed(tool=name, changed=changed, before=scores[1][name], now=scores[0][name])
            )
    return tuple(found)


def read_report(path: Path) -> EvalReport:
    """Read a report.

    Raises:
        ReportError: the file can't be read, or is not a report of this version.
    """
    try:
        return EvalReport.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ReportError(f"{path}: {error.strerror}") from None
    except ValidationError:
        raise ReportError(f"{path} is not a report of `gatepost eval run --json`") from None


def _score(tool: str, some: Sequence[CaseResult]) -> ToolScore:
    kinds = Counter(one.arguments for one in some)
    wrong = (one for one in some if one.outcome in ("wrong_tool", "unknown_tool"))
    instead = Counter(one.called[0] for one in wrong)
    arguments = Counter(
        problem.argument for one in some for problem in one.problems if problem.argument
    )
    return ToolScore(
        tool=tool,
        cases=len(some),
        passed=sum(one.passed for one in some),
        right=sum(one.outcome == "right" for one in some),
        repaired=kinds["repaired"],
        different=kinds["different"],
        invalid=kinds["invalid"],
        needless=sum(one.needless or one.outcome == "needless" for one in some),
        failed=sum(one.outcome == "failed" for one in some),
        confused_with=_most_first(instead),
        arguments=_most_first(arguments),
    )


def _most_first(counted: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))


def _changed(now: Catalogue, before: Catalogue, name: str) -> tuple[str, ...]:
    new, old = publish_tool(now.tools[name]), publish_tool(before.tools[name])
    keys = {"title": "title", "description": "description", "inputSchema": "arguments"}
    return tuple(said for key, said in keys.items() if new[key] != old[key])
