"""Read the job that an answer of the API describes, before the answer is edited."""

from collections.abc import Awaitable
from functools import partial

from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.catalogue.jobs.job import JobFields
from mcp_gateway.pipeline.call import Next, Step, ToolCall, ToolResult, skipped
from mcp_gateway.results.answer import Answer, TooMuch, read_answer
from mcp_gateway.results.instructions import find_instructions
from mcp_gateway.work.worker import Worker, takes_long


def read_job(fields: JobFields, worker: Worker) -> Step:
    """Add the job that a successful answer describes to the result."""

    def step(call: ToolCall, go_on: Next) -> Awaitable[ToolResult]:
        return _read(call, go_on, fields, worker)

    return step


def read_started_job(catalogue: Catalogue, worker: Worker) -> Step:
    """Add the job that a call started to its result, with what later calls about it repeat."""
    if not catalogue.starts_jobs:
        return skipped

    def step(call: ToolCall, go_on: Next) -> Awaitable[ToolResult]:
        return go_on(call) if call.found.task is None else _read_start(call, go_on)

    async def _read_start(call: ToolCall, go_on: Next) -> ToolResult:
        task = call.found.task
        assert task is not None  # noqa: S101 - checked above
        result = await _read(call, go_on, task.job, worker)
        if result.job is None:
            return result
        given = call.arguments
        repeated = {name: given[name] for name in task.repeated if name in given}
        return result._replace(job=result.job._replace(tool=call.found.name, arguments=repeated))

    return step


async def _read(call: ToolCall, go_on: Next, fields: JobFields, worker: Worker) -> ToolResult:
    response = call.response
    if response is None or response.status >= 300 or not response.body:
        return await go_on(call)
    answer = call.answer
    if answer is None:
        parse = partial(_parse, response.body)
        answer = await worker.run(parse) if takes_long(response.body) else parse()
    if answer is None:
        return await go_on(call)
    job = fields.read(answer.value)
    if call.found.compiled_shape.guard == "block" and find_instructions(f"{job.id} {job.message}"):
        # The guard of the shape does not see fields that the shape leaves out.
        job = job._replace(id=None, message="")
    result = await go_on(call.with_answer(answer))
    return result if result.is_error else result._replace(job=job)


def _parse(body: bytes) -> Answer | None:
    """Return the answer; None if the last step has to tell what is wrong with it."""
    try:
        return read_answer(body, exact=True)
    except (ValueError, TooMuch):
        return None
