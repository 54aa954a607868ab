"""Follow the task that a call became, as clients with the extension do (SEP-2663)."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal

from mcp import MCPError
from mcp.client.extension import ClaimContext, ClientExtension, ResultClaim
from mcp_types import CallToolResult, Request, RequestParams, Result, TextContent
from mcp_types.jsonrpc import INTERNAL_ERROR
from pydantic import ConfigDict, Field

Tell = Callable[[str], None]


class _Task(Result):
    """A task as it is now, in the members that this command reads."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)
    task_id: str = Field(alias="taskId")
    status: str
    status_message: str | None = Field(None, alias="statusMessage")
    poll_interval_ms: int = Field(5000, alias="pollIntervalMs")
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None


class _Created(_Task):
    """The answer to a call that goes on as a task."""

    result_type: Literal["task"] = Field(alias="resultType")


class _Params(RequestParams):
    task_id: str = Field(alias="taskId")


class _GetTask(Request[_Params, Literal["tasks/get"]]):
    method: Literal["tasks/get"] = "tasks/get"
    params: _Params
    name_param = "taskId"


class FollowTasks(ClientExtension):
    """Waits until a task has ended, and says how far it is."""

    identifier = "io.modelcontextprotocol/tasks"

    def __init__(
        self, tell: Tell, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        """Take the functions that tell a person and that wait."""
        self._tell = tell
        self._sleep = sleep

    def claims(self) -> Sequence[ResultClaim[Any]]:
        """Claim the results that create tasks."""
        return (ResultClaim(result_type="task", model=_Created, resolve=self._follow),)

    async def _follow(self, created: _Created, context: ClaimContext) -> CallToolResult:
        task: _Task = created
        while task.status in {"working", "input_required"}:
            self._tell(f"task {task.status}: {task.status_message or 'no details'}")
            await self._sleep(task.poll_interval_ms / 1000)
            asked = _GetTask(params=_Params(taskId=created.task_id))
            task = await context.session.send_request(asked, _Task)
        self._tell(f"task {task.status}")
        if task.error is not None:
            said = str(task.error.get("message", "the task failed"))
            raise MCPError(int(task.error.get("code", INTERNAL_ERROR)), said)
        if task.result is not None:
            return CallToolResult.model_validate(task.result)
        said = task.status_message or f"The task was {task.status}."
        return CallToolResult(content=[TextContent(type="text", text=said)], is_error=True)
