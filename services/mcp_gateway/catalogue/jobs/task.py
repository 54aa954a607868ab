"""How a client follows the job that a tool starts."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mcp_gateway.catalogue.jobs.job import JobFields

if TYPE_CHECKING:
    from mcp_gateway.catalogue.tool import Tool


@dataclass(frozen=True, slots=True)
class JobTool:
    """A tool that the gateway calls about a job."""

    tool: "Tool"
    argument: str
    """The argument that takes the job's id."""
    repeated: tuple[str, ...] = ()
    """Its other required arguments, which the tool that starts the job requires too."""


@dataclass(frozen=True, slots=True)
class Task:
    """How a client follows the job that a tool starts."""

    job: JobFields
    status: JobTool
    result: JobTool | None = None
    """Gets the result; None if the answer about the status is the result."""
    cancel: JobTool | None = None
    poll: int = 5
    """Seconds that a client should wait between two looks."""
    ttl: int = 86_400
    """Seconds from the start after which nobody can ask for the task."""
    repeated: tuple[str, ...] = field(default=())
    """The arguments of the start that one of the tools repeats."""

    @property
    def asked(self) -> tuple[JobTool, ...]:
        """The tools that are called about a job."""
        named = (self.status, self.result, self.cancel)
        return tuple(one for one in named if one is not None)


def describe_task(task: Task) -> dict[str, str]:
    """Name the tools that follow a job."""
    asked = {"status": task.status, "result": task.result, "cancel": task.cancel}
    return {key: one.tool.name for key, one in asked.items() if one is not None}
