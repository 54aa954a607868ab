"""Ask an API about the jobs that calls started: their state, their result, and their end.

The gateway stores nothing about a job. Each request carries the caller's own identity and passes the
same steps as a call: bound claims, the tool's limits, breaker and bulkhead, credentials, checks of the
answer, shape.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import structlog

from gatepost.claims import AccessClaims
from gatepost.clock import Now
from gatepost.metering.call_event import Decision
from gatepost.scopes import covers
from gatepost.tracing.current import current
from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.catalogue.jobs.job import JobStatus
from mcp_gateway.catalogue.jobs.task import JobTool
from mcp_gateway.catalogue.tool import Tool
from mcp_gateway.http_client.port import UNANSWERED
from mcp_gateway.limits.call_limits import CallLimits
from mcp_gateway.pipeline.api_rate import api_rates
from mcp_gateway.pipeline.call import CallMetrics, Next, Step, ToolCall, ToolResult, tool_error
from mcp_gateway.pipeline.compose import compose
from mcp_gateway.pipeline.conversation import CallRefused, Conversation
from mcp_gateway.pipeline.describe_call import describe_call
from mcp_gateway.pipeline.steps.bind_claims import bind_claims
from mcp_gateway.pipeline.steps.call_upstream import call_upstream
from mcp_gateway.pipeline.steps.check_response import check_response
from mcp_gateway.pipeline.steps.guard_upstream import guard_upstream
from mcp_gateway.pipeline.steps.jobs.limit_questions import limit_questions
from mcp_gateway.pipeline.steps.jobs.read_job import read_job
from mcp_gateway.pipeline.steps.limit_concurrency import limit_concurrency
from mcp_gateway.pipeline.steps.limit_refused_calls import count_against_rate
from mcp_gateway.pipeline.steps.record_call import Recording
from mcp_gateway.pipeline.steps.shape_result import shape_result
from mcp_gateway.pipeline.upstream import Upstreams
from mcp_gateway.upstream.guards import Guards
from mcp_gateway.upstream.retries import Wait

log = structlog.get_logger()
_GONE = frozenset({404, 410})
_LATER = frozenset({408, 425, 429})
_BUSY = frozenset(
    {
        *(*UNANSWERED, "breaker_open", "no_place", "no_credential"),
        *("rate_limited", "too_many_at_once"),
    }
)


class JobCall(NamedTuple):
    """A question about one job."""

    id: str
    """An id that no other request to the API has."""
    caller: AccessClaims
    tool: Tool
    """The tool that started it."""
    job: str | int
    arguments: Mapping[str, Any]
    """The arguments of the start that the question repeats."""
    conversation: Conversation


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as it is now, in the terms of MCP tasks."""

    status: JobStatus
    """`failed` means that the job can't be followed: a failed job is `completed` with an error."""
    message: str = ""
    result: ToolResult | None = None
    """The result of a completed job, or the error because of which a job can't be followed."""


class FollowJobs:
    """Asks about the jobs of one catalogue's tools."""

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        limits: CallLimits,
        guards: Guards,
        upstreams: Upstreams,
        recording: Recording,
        wait: Wait,
        now: Now,
    ) -> None:
        """Chain the steps of each tool that starts jobs.

        Args:
            catalogue: the tools.
            limits: the limits of tenants, to whose rate each question counts.
            guards: protect the APIs.
            upstreams: the APIs.
            recording: takes the events of what was delivered and what was cancelled.
            wait: passes the time between two questions.
            now: the clock.
        """
        self.wait = wait
        self._catalogue = catalogue
        self._limits = limits
        self._recording = recording
        self._now = now
        steps: tuple[Step, ...] = (
            bind_claims,
            limit_questions(limits, api_rates(catalogue, limits.apis)),
            limit_concurrency(limits.running),
            guard_upstream(guards, now),
            call_upstream(upstreams),
            check_response(limits.worker),
        )
        last = shape_result(now, limits.worker, recording.count_deviation)
        self._ask = compose((*steps, last))
        self._look: dict[str, Next] = {
            tool.name: compose((*steps, read_job(tool.task.job, limits.worker), last))
            for tool in catalogue.tools.values()
            if tool.task is not None
        }

    @property
    def any(self) -> bool:
        """Whether a tool of the catalogue starts jobs."""
        return self._catalogue.starts_jobs

    def find(
        self, caller: AccessClaims, name: str, arguments: Mapping[str, Any]
    ) -> tuple[Tool, Mapping[str, Any]] | None:
        """Return a tool that starts jobs, if the caller may still use it, and the arguments of the start.

        Both may have other names than at the start.
        """
        tool = self._catalogue.tools.get(name)
        if tool is None and (found := self._catalogue.former.get(name)) is not None:
            tool, arguments = found[0], found[1].rename(arguments)
        if tool is None or tool.task is None:
            return None
        allowed = tool.name in self._catalogue.usable(caller.allowed_tools)
        return (tool, arguments) if allowed and covers(caller.scopes, tool.scope) else None

    def has_ended(self, caller: AccessClaims) -> bool:
        """Whether the caller's connection has been revoked since the request was verified."""
        return self._limits.is_revoked(caller)

    async def count(self, caller: AccessClaims, conversation: Conversation) -> None:
        """Count a question against the rate of the caller's tenant; it costs no units.

        Raises:
            RateLimited: the tenant asks too often.
        """
        await count_against_rate(self._limits, caller, conversation)

    async def look(self, about: JobCall, *, record: bool = True) -> JobView:
        """Ask for a job's state, and for its result once it has completed.

        What the API can't answer at the moment does not end a task: it is still `working`.

        Args:
            about: the job.
            record: whether what ends the task leaves a call event.
        """
        task = about.tool.task
        assert task is not None  # noqa: S101 - `find` returns no other tool
        call = self._call(about, task.status, "")
        seen = await self._run(self._look[about.tool.name], call)
        if seen.is_error:
            view = _explain(seen)
            if record and view.status == "failed":
                self._record(call, seen)
            return view
        job = seen.job
        if job is None:
            return JobView("working", "The API's answer does not tell the state of its job.")
        if job.status in {"working", "cancelled"}:
            return JobView(job.status, job.message)
        if job.status == "failed":
            said = {"type": "text", "text": "The API's job failed. It says:"}
            result = seen._replace(
                content=[said, *seen.content], structured=None, is_error=True, decision="failed",
                reason="job_failed",
            )  # fmt: skip
        elif task.result is None:
            result = seen
        else:
            call = self._call(about, task.result, "-result")
            result = await self._run(self._ask, call)
            if result.is_error and _is_busy(result):
                return _explain(result)
        if record:
            self._record(call, result)
        return JobView("completed", job.message, result)

    async def cancel(self, about: JobCall) -> str | None:
        """Ask the API to end a job; one that has ended, or that nobody can end, is left alone.

        Returns:
            Why the API did not confirm it; None if it did.
        """
        task = about.tool.task
        assert task is not None  # noqa: S101 - `find` returns no other tool
        if task.cancel is None:
            return None
        call = self._call(about, task.cancel, "")
        try:
            result = await self._run(self._ask, call)
        except asyncio.CancelledError:  # the client has gone, and the job may have been cancelled
            self._record(call, None)
            raise
        self._record(call, result)
        if not result.is_error or result.status in {*_GONE, 409}:
            return None
        return _text_of(result)

    def _call(self, about: JobCall, asked: JobTool, suffix: str) -> ToolCall:
        tracing = current()
        call = ToolCall(
            f"{about.id}{suffix}",
            about.caller,
            asked.tool.name,
            {
                **{name: about.arguments.get(name) for name in asked.repeated},
                asked.argument: about.job,
            },
            CallMetrics(started=self._now(), trace_id="" if tracing is None else tracing.trace_id),
            about.conversation,
        )
        return call.with_tool(asked.tool)

    async def _run(self, chain: Next, call: ToolCall) -> ToolResult:
        try:
            return await chain(call)
        except CallRefused as refusal:
            return tool_error(str(refusal), reason=refusal.reason)
        except Exception:  # a fault of the gateway ends the question only
            log.exception("tool_call_fault", call_id=call.id, tool=call.name)
            said = f"The gateway could not ask the API. Call id: {call.id}"
            return tool_error(said, reason="gateway_error", decision="failed")

    def _record(self, call: ToolCall, result: ToolResult | None) -> None:
        """Record a question; `result` is None if its client left before there was one."""
        seconds = (self._now() - call.metrics.started).total_seconds()
        described: tuple[Decision, str, str] = ("failed", "cancelled", "")
        if result is not None:
            described = (result.decision, result.reason, result.error)
        event = describe_call(call, self._recording.resource, call.tool, seconds, described, result)
        self._recording.count_call(event, known=True)
        self._recording.record(event)


def _is_busy(result: ToolResult) -> bool:
    """Tell whether an error may be over at the next look."""
    if result.reason in _BUSY:
        return True
    status = result.status or 0
    return result.reason == "upstream_status" and (status >= 500 or status in _LATER)


def _explain(result: ToolResult) -> JobView:
    """Describe an error of a question about a job."""
    if _is_busy(result):
        return JobView("working", _text_of(result))
    if result.reason == "upstream_status" and result.status in _GONE:
        return JobView("failed", "The API no longer knows this job.", result)
    # What the question did not do, the start has done.
    said = _text_of(result).removesuffix(" Nothing was done.")
    return JobView("failed", f"The gateway can't follow the API's job. {said}", result)


def _text_of(result: ToolResult) -> str:
    return " ".join(str(block.get("text", "")) for block in result.content)[:2000]
