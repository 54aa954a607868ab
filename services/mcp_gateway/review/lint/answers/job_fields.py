"""What `task` says of a job should be in the documented answers."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from mcp_gateway.catalogue.jobs.job import name_state
from mcp_gateway.manifest.apps.fields import known_names, merge_schema, properties_of
from mcp_gateway.manifest.entries import ToolEntry
from mcp_gateway.openapi.responses import find_answer
from mcp_gateway.results.fields import FieldPath, format_field
from mcp_gateway.review.lint.finding import Finding, ReviewedManifest


def job_fields(reviewed: ReviewedManifest) -> Iterator[Finding]:
    """Report fields and states of jobs that no documented answer has.

    Without its id a job is never a task, and with a wrong state it never ends.
    """
    entries = {entry.name: entry for entry in reviewed.manifest.tools}
    for name in reviewed.catalogue.tools:
        task = entries[name].task
        if task is None:
            continue
        start = _answer_of(reviewed, entries[name])
        status = _answer_of(reviewed, entries[task.status])
        for key, path, whose, answer in (
            ("id", task.id, name, start),
            ("state", task.state, task.status, status),
            ("message", task.message, task.status, status),
        ):
            if path is not None and (fix := _find_gap(reviewed, answer, path)) is not None:
                said = f"task.{key}: the documented answer of {whose} does not have {format_field(path)}"
                yield Finding(name, "warning", said, fix)
        known = _schema_at(reviewed, status, task.state).get("enum")
        if not isinstance(known, list):
            continue
        states = {name_state(state): state for state in known}
        for state in task.states:
            if state not in states:
                said = f"task.states: {state!r} is not a documented state of a job"
                yield Finding(name, "warning", said, f"the document has {', '.join(states)}")


def _answer_of(reviewed: ReviewedManifest, entry: ToolEntry) -> Mapping[str, Any]:
    """Return the schema of a tool's answer; empty if the document does not describe it."""
    if not entry.operation:
        return {}
    answer = find_answer(reviewed.document, reviewed.document.find(entry.operation))
    return merge_schema(answer, reviewed.document.references)


def _find_gap(reviewed: ReviewedManifest, answer: Mapping[str, Any], path: FieldPath) -> str | None:
    """Return what to write instead of a path that the answer does not have; None if it may have it."""
    for place, part in enumerate(path):
        known = properties_of(answer)
        if not known:
            return None
        if part not in known:
            near = difflib.get_close_matches(part, known, n=1)
            if near:
                return f"did you mean {format_field((*path[:place], *near))}?"
            return f"it has {known_names(answer)}"
        answer = _schema_at(reviewed, answer, (part,))
    return None


def _schema_at(
    reviewed: ReviewedManifest, answer: Mapping[str, Any], path: FieldPath
) -> Mapping[str, Any]:
    for part in path:
        answer = merge_schema(properties_of(answer).get(part), reviewed.document.references)
    return answer
