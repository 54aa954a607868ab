"""What `task` says of a job should be in the documented answers."""

from collections.abc import Iterator

from mcp_gateway.catalogue.jobs.job import name_state
from mcp_gateway.results.fields import format_field
from mcp_gateway.review.lint.answers.gaps import answer_of, find_gap, follow
from mcp_gateway.review.lint.finding import Finding, ReviewedManifest


def job_fields(reviewed: ReviewedManifest) -> Iterator[Finding]:
    """Report fields and states of jobs that no documented answer has.

    Without its id a job is never a task, and with a wrong state it never ends.
    """
    entries = {entry.name: entry for entry in reviewed.manifest.tools}
    references = reviewed.document.references
    for name in reviewed.catalogue.tools:
        task = entries[name].task
        if task is None:
            continue
        start = answer_of(reviewed, entries[name])
        status = answer_of(reviewed, entries[task.status])
        for key, path, whose, answer in (
            ("id", task.id, name, start),
            ("state", task.state, task.status, status),
            ("message", task.message, task.status, status),
        ):
            if path is not None and (fix := find_gap(answer, path, references)) is not None:
                said = f"task.{key}: the documented answer of {whose} does not have {format_field(path)}"
                yield Finding(name, "warning", said, fix)
        known = follow(status, task.state, references).get("enum")
        if not isinstance(known, list):
            continue
        states = {name_state(state): state for state in known}
        for state in task.states:
            if state not in states:
                said = f"task.states: {state!r} is not a documented state of a job"
                yield Finding(name, "warning", said, f"the document has {', '.join(states)}")
