"""A job of the API, and where its answers describe it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from mcp_gateway.results.fields import FieldPath

JobStatus = Literal["working", "completed", "failed", "cancelled"]
STATUSES: tuple[JobStatus, ...] = ("working", "completed", "failed", "cancelled")
_LONGEST_ID = 512
_LONGEST_MESSAGE = 500


class Job(NamedTuple):
    """A job, as an answer of the API describes it."""

    id: str | int | None
    """None if the answer does not have it."""
    status: JobStatus
    message: str = ""
    tool: str = ""
    """The tool that started it."""
    arguments: Mapping[str, Any] = MappingProxyType({})
    """The arguments of the start that later calls about the job repeat."""


@dataclass(frozen=True, slots=True)
class JobFields:
    """Where the API's answers describe a job, and what its states mean."""

    id: FieldPath
    state: FieldPath
    states: Mapping[str, JobStatus]
    """The API's states, as `name_state` writes them."""
    message: FieldPath | None = None

    def read(self, answer: Any) -> Job:
        """Read a job from a parsed answer; a state that the manifest does not name is `working`."""
        found = _dig(answer, self.id)
        usable = (isinstance(found, str) and 0 < len(found) <= _LONGEST_ID) or (
            isinstance(found, int) and not isinstance(found, bool)
        )
        said = None if self.message is None else _dig(answer, self.message)
        return Job(
            found if usable else None,
            self.states.get(name_state(_dig(answer, self.state)), "working"),
            said[:_LONGEST_MESSAGE] if isinstance(said, str) else "",
        )


def name_state(value: Any) -> str:
    """Write a state as text, so that `true` and 3 can be states too; empty for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else ""


def _dig(answer: Any, path: FieldPath) -> Any:
    for name in path:
        if not isinstance(answer, dict):
            return None
        answer = answer.get(name)
    return answer
