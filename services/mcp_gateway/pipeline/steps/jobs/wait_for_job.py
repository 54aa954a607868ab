"""Wait for the job that a call started, for a client that does not follow tasks."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

from gatepost.clock import Now
from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.catalogue.jobs.job import Job
from mcp_gateway.catalogue.jobs.task import Task
from mcp_gateway.pipeline.call import Next, Step, ToolCall, ToolResult, skipped, tool_error
from mcp_gateway.pipeline.follow_job import FollowJobs, JobCall, JobView


def wait_for_job(jobs: FollowJobs, catalogue: Catalogue, now: Now) -> Step:
    """Ask for the job's state until it ends or the tool's deadline is over; then return its start.

    A client that follows tasks gets the start at once.
    """
    if not catalogue.starts_jobs:
        return skipped

    def step(call: ToolCall, go_on: Next) -> Awaitable[ToolResult]:
        task = call.found.task
        if task is None or call.conversation.takes_tasks:
            return go_on(call)
        return _wait_for(call, task, go_on)

    async def _wait_for(call: ToolCall, task: Task, go_on: Next) -> ToolResult:
        until = call.metrics.started + timedelta(seconds=call.found.deadline)
        started = await go_on(call)
        job = started.job
        if job is None or job.id is None:
            return started._replace(job=None)
        looks = 0
        pause = 0.0 if job.status != "working" else float(task.poll)
        while (left := (until - now()).total_seconds()) > pause:
            if pause:
                await jobs.wait(pause)
                left -= pause
            if jobs.has_ended(call.caller):
                ended = tool_error("This connection was ended.", reason="connection_ended")
                return _end(started, JobView("failed", "This connection was ended.", ended))
            looks += 1
            about = JobCall(
                f"{call.id}-{looks}", call.caller, call.found, job.id, job.arguments,
                call.conversation,
            )  # fmt: skip
            try:
                async with asyncio.timeout(left):
                    seen = await jobs.look(about, record=False)
            except TimeoutError:
                break
            if seen.status != "working":
                return _end(started, seen)
            if not call.found.slow:  # its stages are reported already
                passed = int((now() - call.metrics.started).total_seconds())
                said = seen.message or "The API is working on it"
                await call.conversation.progress(passed, int(call.found.deadline), said)
            pause = float(task.poll)
        note = _note(call, job, task)
        return started._replace(job=None, content=[*started.content, note])

    def _note(call: ToolCall, job: Job, task: Task) -> dict[str, Any]:
        said = "The API is still working on this, so the result is not here yet."
        reader = task.status.tool
        if reader.name in catalogue.usable(call.caller.allowed_tools):
            said += (
                f" Call {reader.name} with {task.status.argument}={job.id} to see how far it is."
            )
        return {"type": "text", "text": said}

    return step


def _end(started: ToolResult, seen: JobView) -> ToolResult:
    """Return the result of a job that has ended, or an error beside the answer of the start."""
    if seen.status == "completed" and seen.result is not None:
        return seen.result
    said = seen.message or "The job was cancelled."
    failed = seen.result or tool_error(said, reason="job_cancelled", decision="failed")
    told = [*started.content, {"type": "text", "text": said}]
    return failed._replace(
        content=told, structured=None, is_error=True, decision="failed", meta=started.meta
    )
