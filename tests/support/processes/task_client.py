"""What a client adds to the official Python SDK in order to follow tasks (SEP-2663)."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal

from mcp.client.extension import ClaimContext, ClientExtension, ResultClaim
from mcp_types import CallToolResult, Request, RequestParams, Result
from pydantic import ConfigDict, Field

TASKS = "io.modelcontextprotocol/tasks"


class _Model(Result):
    model_config = ConfigDict(extra="allow", populate_by_name=True)


class CreatedTask(_Model):
    """The answer to a call that goes on as a task."""

    result_type: Literal["task"] = Field(alias="resultType")
    task_id: str = Field(alias="taskId")
    status: str
    poll_interval_ms: int = Field(alias="pollIntervalMs")


class TaskNow(_Model):
    """A task as it is now."""

    task_id: str = Field(alias="taskId")
    status: str
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    poll_interval_ms: int = Field(alias="pollIntervalMs")


class TaskParams(RequestParams):
    """The params of every method of the extension."""

    task_id: str = Field(alias="taskId")


class GetTask(Request[TaskParams, Literal["tasks/get"]]):
    """Asks for a task."""

    method: Literal["tasks/get"] = "tasks/get"
    params: TaskParams
    name_param = "taskId"


class CancelTask(Request[TaskParams, Literal["tasks/cancel"]]):
    """Asks for the end of a task."""

    method: Literal["tasks/cancel"] = "tasks/cancel"
    params: TaskParams
    name_param = "taskId"


class FollowTasks(ClientExtension):
    """Follows each task to its end, so that a call seems to be one that took long."""

    identifier = TASKS

    def __init__(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Take the function that waits."""
        self._sleep = sleep

    def claims(self) -> Sequence[ResultClaim[Any]]:
        """Claim the results that create tasks."""
        return (ResultClaim(result_type="task", model=CreatedTask, resolve=self._follow),)

    async def _follow(self, created: CreatedTask, context: ClaimContext) -> CallToolResult:
        wait = created.poll_interval_ms
        while True:
            await self._sleep(wait / 1000)
            asked = GetTask(params=TaskParams(taskId=created.task_id))
            task = await context.session.send_request(asked, TaskNow)
            if task.status not in {"working", "input_required"}:
                assert task.result is not None, task
                return CallToolResult.model_validate(task.result)
            wait = task.poll_interval_ms
