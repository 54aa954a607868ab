"""The manifest's entry about the job that a tool starts."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mcp_gateway.catalogue.jobs.job import STATUSES, JobStatus, name_state
from mcp_gateway.manifest.schema import POLL, TTL
from mcp_gateway.results.fields import FieldPath, format_field, parse_field

ASKED = ("status", "result", "cancel")


@dataclass(frozen=True, slots=True)
class TaskEntry:
    """The manifest's entry about the job that a tool starts."""

    status: str
    """The name of a tool, as are `result` and `cancel`."""
    id: FieldPath
    state: FieldPath
    states: Mapping[str, JobStatus]
    result: str | None = None
    cancel: str | None = None
    message: FieldPath | None = None
    poll: int = POLL
    ttl: int = TTL

    @property
    def named(self) -> Mapping[str, str]:
        """The names of the tools that the gateway calls, by key."""
        names = {key: getattr(self, key) for key in ASKED}
        return {key: name for key, name in names.items() if name is not None}

    def prefixed(self, prefix: str) -> "TaskEntry":
        """Return the entry with a prefix before the names of tools."""
        return dataclasses.replace(
            self,
            status=prefix + self.status,
            result=self.result and prefix + self.result,
            cancel=self.cancel and prefix + self.cancel,
        )


def read_task(value: Mapping[str, Any]) -> TaskEntry:
    """Read the `task` of a tool from a manifest that matches the schema."""
    return TaskEntry(
        status=value["status"],
        id=parse_field(value["id"]),
        state=parse_field(value["state"]),
        states={
            name_state(state): status
            for status in STATUSES
            for state in value["states"].get(status, ())
        },
        result=value.get("result"),
        cancel=value.get("cancel"),
        message=parse_field(value["message"]) if "message" in value else None,
        poll=value.get("poll", POLL),
        ttl=value.get("ttl", TTL),
    )


def write_task(task: TaskEntry) -> dict[str, Any]:
    """Write an entry as a manifest has it."""
    states: dict[str, list[str]] = {}
    for state, status in task.states.items():
        states.setdefault(status, []).append(state)
    fields = {"id": task.id, "state": task.state, "message": task.message}
    return {
        **task.named,
        **{key: format_field(path) for key, path in fields.items() if path is not None},
        "states": states,
        **({"poll": task.poll} if task.poll != POLL else {}),
        **({"ttl": task.ttl} if task.ttl != TTL else {}),
    }
