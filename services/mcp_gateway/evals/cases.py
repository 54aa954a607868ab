"""The file of cases, which people review: what a person asks, and which tool should be called."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gatepost.document import DocumentError, read_document
from gatepost.text.hidden import escape_text
from mcp_gateway.catalogue.catalogue import Catalogue

CASES_FILE = "evals.yaml"
"""Its file name, beside a manifest."""
_HEAD = """\
# What people ask, and the tool that should be called. Change, add and remove cases as you like:
# `gatepost eval cases` only adds those whose id is new. Cases from the log hold words of models, which
# may be about people: read them before you keep them.
"""


class CasesError(Exception):
    """The file can't be used; the message names the place."""


class Case(BaseModel):
    """One thing that a person asks."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,120}$")]
    source: Literal["manifest", "log", "person"] = "person"
    prompt: Annotated[str, Field(min_length=1, max_length=4000)]
    tool: str | None = None
    """The tool to call; None if none should be called."""
    also: tuple[str, ...] = ()
    """Tools that are right, too."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """Arguments that the call must have, with these values."""
    note: str = ""


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1]
    cases: tuple[Case, ...]


def read_cases(path: Path) -> tuple[Case, ...]:
    """Read the cases.

    Raises:
        CasesError: the file is missing, malformed, or has an id twice.
    """
    try:
        cases = _File.model_validate(read_document(path)).cases
    except DocumentError as error:
        hint = "" if path.exists() else "; make it with `gatepost eval cases`"
        raise CasesError(f"{path}: {error}{hint}") from None
    except ValidationError as error:
        [first, *_] = error.errors(include_url=False, include_input=False)
        place = ".".join(str(part) for part in first["loc"])
        raise CasesError(f"{path}: {place}: {first['msg']}") from None
    seen: set[str] = set()
    for case in cases:
        if case.id in seen:
            raise CasesError(f"{path}: two cases have the id {case.id}")
        seen.add(case.id)
    return cases


def write_cases(path: Path, cases: Iterable[Case]) -> None:
    """Write the cases.

    Raises:
        CasesError: the file can't be written.
    """
    rows = [case.model_dump(mode="json", exclude_defaults=True) | _kept(case) for case in cases]
    text = yaml.safe_dump(
        {"version": 1, "cases": rows}, sort_keys=False, allow_unicode=True, width=100
    )
    # Words of models may have characters that a person who reviews the file would not see.
    try:
        path.write_text(_HEAD + escape_text(text), encoding="utf-8")
    except OSError as error:
        raise CasesError(f"{path}: {error.strerror}") from None


def merge_cases(kept: Sequence[Case], made: Iterable[Case]) -> list[Case]:
    """Return the kept cases, and after them the made ones whose id is new; a repeated id gets a number."""
    known = {case.id for case in kept}
    numbered: dict[str, Case] = {}
    for case in made:
        key, number = case.id, 2
        while key in numbered:
            key, number = f"{case.id[:110]}-{number}", number + 1
        numbered[key] = case.model_copy(update={"id": key})
    return [*kept, *(case for key, case in numbered.items() if key not in known)]


def follow_renamed(cases: Iterable[Case], catalogue: Catalogue) -> list[Case]:
    """Return the cases with the present names of tools and arguments that they name by former ones."""
    return [_follow(case, catalogue) for case in cases]


def _follow(case: Case, catalogue: Catalogue) -> Case:
    def name(tool: str) -> str:
        return catalogue.former[tool][0].name if tool in catalogue.former else tool

    changes: dict[str, Any] = {"also": tuple(map(name, case.also))}
    if case.tool is not None and case.tool in catalogue.former:
        renamed = catalogue.former[case.tool][1].rename(case.arguments)
        changes |= {"tool": name(case.tool), "arguments": renamed}
    return case.model_copy(update=changes)


def _kept(case: Case) -> dict[str, Any]:
    # A missing tool would read as an oversight.
    return {"tool": case.tool}
