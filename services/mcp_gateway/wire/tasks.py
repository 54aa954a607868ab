"""Tasks over the jobs of the API (extension `io.modelcontextprotocol/tasks`, SEP-2663).

The gateway stores no task. A task's id is the job's, encrypted with whose it is and until when, so that
any process answers any question about it, also after a restart. Clients and proxies, which read it in a
header, learn nothing from it. Whatever is wrong with an id, the answer is the same.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from mcp_types import CLIENT_CAPABILITIES_META_KEY
from mcp_types.jsonrpc import (
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    MISSING_REQUIRED_CLIENT_CAPABILITY,
)

from gatepost.claims import AccessClaims
from gatepost.data_scope import contains, parse_data_scope
from mcp_gateway.catalogue.jobs.job import Job
from mcp_gateway.catalogue.jobs.task import Task
from mcp_gateway.catalogue.tool import Tool
from mcp_gateway.elicitation.seal import principal_of
from mcp_gateway.pipeline.follow_job import JobCall, JobView
from mcp_gateway.wire.conversation import TASKS, declares_tasks
from mcp_gateway.wire.jsonrpc import UPSTREAM_FAILED, RpcError
from mcp_gateway.wire.server import Incoming, Server, result_members

_PURPOSE = "task"
_LONGEST = 4096
"""Characters of a task's id, which clients repeat in a header."""

Members = dict[str, Any]
_Lives = tuple[int, int]
"""When a task began and when it ends, in Unix seconds."""


def write_created(server: Server, caller: AccessClaims, job: Job) -> Members | None:
    """Write the task of a job that a call started (`CreateTaskResult`).

    Returns:
        The members; None if the job can't be followed, because the answer lacks its id or the id would
        be too long.
    """
    tool = server.catalogue.tools.get(job.tool)
    if job.id is None or tool is None or tool.task is None:
        return None
    now = int(server.now().timestamp())
    sealed = server.sealer.encrypt(
        _PURPOSE,
        {
            "tool": job.tool,
            "api": tool.api,
            "job": job.id,
            "with": job.arguments,
            "whose": _owner(caller),
            "data": str(caller.data_scope),
            "at": now,
            "until": now + tool.task.ttl,
        },
    )
    if len(sealed) > _LONGEST:
        return None
    # A failed job is a completed task whose result is an error.
    status = "completed" if job.status == "failed" else job.status
    return {
        "resultType": "task",
        **_describe(sealed, status, job.message, tool.task, (now, now + tool.task.ttl), now),
    }


async def get_task(server: Server, incoming: Incoming) -> Members:
    """Answer `tasks/get` with the job as the API describes it now.

    Raises:
        RpcError: `-32021` without the capability, `-32602` if the caller has no such task.
        RateLimited: the tenant asks too often.
    """
    about, lives = await _open(server, incoming)
    return _view(server, about, incoming.params["taskId"], lives, await server.jobs.look(about))


async def update_task(server: Server, incoming: Incoming) -> Members:
    """Answer `tasks/update`: a task never waits for input, so every response is ignored."""
    await _open(server, incoming)
    if not isinstance(incoming.params.get("inputResponses"), dict):
        raise RpcError(INVALID_PARAMS, "params.inputResponses must be an object")
    return {}


async def cancel_task(server: Server, incoming: Incoming) -> Members:
    """Answer `tasks/cancel` once the API has confirmed it.

    Raises:
        RpcError: as for `get_task`; `UPSTREAM_FAILED` if the API did not confirm it.
    """
    about, _ = await _open(server, incoming)
    if (why := await server.jobs.cancel(about)) is not None:
        raise RpcError(UPSTREAM_FAILED, why)
    return {}


def require_declared(params: Mapping[str, Any]) -> None:
    """Refuse a request for a task of a client that did not declare the extension.

    Raises:
        RpcError: `-32021`.
    """
    if not declares_tasks(params["_meta"][CLIENT_CAPABILITIES_META_KEY]):
        needed: Members = {"requiredCapabilities": {"extensions": {TASKS: {}}}}
        said = f"The client did not declare the extension {TASKS}"
        raise RpcError(MISSING_REQUIRED_CLIENT_CAPABILITY, said, needed)


async def _open(server: Server, incoming: Incoming) -> tuple[JobCall, _Lives]:
    """Return the job of the named task, and when the task lives."""
    if not server.jobs.any:
        raise RpcError(METHOD_NOT_FOUND, f"Method not found: {incoming.method}")
    require_declared(incoming.params)
    task_id = incoming.params.get("taskId")
    if not isinstance(task_id, str):
        raise RpcError(INVALID_PARAMS, "params.taskId must be a string")
    caller = incoming.caller
    # Counted first, so that guessing costs as much as asking.
    await server.jobs.count(caller, incoming.conversation)
    state = server.sealer.decrypt(_PURPOSE, task_id) if len(task_id) <= _LONGEST else None
    found = None if state is None else _find(server, caller, state)
    if state is None or found is None:
        raise RpcError(INVALID_PARAMS, "Task not found")
    about = JobCall(
        incoming.call_id, caller, found[0], state["job"], found[1], incoming.conversation
    )
    return about, (state["at"], state["until"])


def _find(
    server: Server, caller: AccessClaims, state: Members
) -> tuple[Tool, Mapping[str, Any]] | None:
    """Return the tool that started a job and the arguments, if the job is the caller's and may still be
    asked about.
    """
    if (
        state["whose"] != _owner(caller)
        or state["until"] <= server.now().timestamp()
        # A person who has narrowed the data since does not get what was made of the wider data.
        or not contains(caller.data_scope, parse_data_scope(state["data"]))
    ):
        return None
    found = server.jobs.find(caller, state["tool"], state["with"])
    # Another API may have the name now. A job of before the gateway had several belongs to whichever has it.
    return found if found is None or state["api"] in ("", found[0].api) else None


def _view(server: Server, about: JobCall, task_id: str, lives: _Lives, seen: JobView) -> Members:
    task = about.tool.task
    assert task is not None  # noqa: S101 - the tool starts jobs
    now = int(server.now().timestamp())
    members = _describe(task_id, seen.status, seen.message, task, lives, now)
    if seen.status == "completed" and seen.result is not None:
        members["result"] = result_members(seen.result)
    elif seen.status == "failed":
        members["error"] = {"code": UPSTREAM_FAILED, "message": seen.message}
    return members


def _describe(
    task_id: str, status: str, message: str, task: Task, lives: _Lives, now: int
) -> Members:
    began, until = lives
    described: Members = {
        "taskId": task_id,
        "status": status,
        "createdAt": _moment(began),
        "lastUpdatedAt": _moment(now),
        "ttlMs": (until - began) * 1000,
        "pollIntervalMs": task.poll * 1000,
    }
    return {**described, "statusMessage": message} if message else described


def _owner(caller: AccessClaims) -> str:
    """Return an identifier of one connection: person, client, tenant and grant."""
    parts = [principal_of(caller), caller.grant_id]
    return hashlib.sha256(orjson.dumps(parts)).hexdigest()[:32]


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
