"""Where completions and composite tools take values from should be in the documented answers."""

from collections.abc import Iterator

from mcp_gateway.catalogue.composite import ITEM, ValuePath
from mcp_gateway.catalogue.prompts import ListedValues
from mcp_gateway.results.fields import format_field
from mcp_gateway.review.lint.answers.gaps import Schema, answer_of, find_gap, follow, items_of
from mcp_gateway.review.lint.finding import Finding, ReviewedManifest


def value_paths(reviewed: ReviewedManifest) -> Iterator[Finding]:
    """Report paths to values that no documented answer has.

    A completion then offers nothing, a call of a composite tool fails, and its result has null.
    """
    entries = {entry.name: entry for entry in reviewed.manifest.tools}
    references = reviewed.document.references
    for place, source in _completions(reviewed):
        if source.tool in entries:
            answer = answer_of(reviewed, entries[source.tool])
            if fix := find_gap(answer, source.values, references):
                said = f"{place}: its documented answer does not have {format_field(source.values)}"
                yield Finding(source.tool, "warning", said, fix)
    for name, tool in reviewed.catalogue.tools.items():
        if tool.composite is None:
            continue
        known: dict[str, Schema] = {}
        for call in tool.composite.calls:
            place = f"calls.{call.name}"
            given = [one for one in call.arguments.values() if isinstance(one, ValuePath)]
            if call.for_each is not None:
                yield from _gaps(reviewed, name, f"{place}.for_each", call.for_each, known)
                known[ITEM] = items_of(_follow(reviewed, call.for_each, known), references)
            if call.when is not None:
                given.append(call.when.path)
            for path in given:
                yield from _gaps(reviewed, name, place, path, known)
            answer = answer_of(reviewed, entries[call.tool.name])
            known[call.name] = answer if call.for_each is None else {"items": answer}
            known.pop(ITEM, None)
        for member, path in tool.composite.result.items():
            yield from _gaps(reviewed, name, f"result.{member}", path, known)


def _completions(reviewed: ReviewedManifest) -> Iterator[tuple[str, ListedValues]]:
    for prompt in reviewed.manifest.prompts:
        for argument in prompt.arguments:
            if argument.listed is not None:
                place = f"prompts.{prompt.name}.arguments.{argument.name}.complete"
                yield place, argument.listed
    for template in reviewed.manifest.templates:
        for variable, source in template.listed.items():
            yield f"resources.{template.name}.complete.{variable}", source


def _gaps(
    reviewed: ReviewedManifest, tool: str, place: str, path: ValuePath, known: dict[str, Schema]
) -> Iterator[Finding]:
    answers = {"properties": {path.source: known.get(path.source, {})}}
    whole = (path.source, *path.parts)
    if fix := find_gap(answers, whole, reviewed.document.references, into="0"):
        said = f"{place}: the documented answer of {path.source} does not have {path}"
        yield Finding(tool, "warning", said, fix)


def _follow(reviewed: ReviewedManifest, path: ValuePath, known: dict[str, Schema]) -> Schema:
    return follow(known.get(path.source, {}), path.parts, reviewed.document.references)
