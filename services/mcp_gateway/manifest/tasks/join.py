"""Join a tool with the tools that the gateway calls about its job."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from gatepost.scopes import covers, parse_scope
from mcp_gateway.catalogue.jobs.job import STATUSES, JobFields, name_state
from mcp_gateway.catalogue.jobs.task import JobTool, Task
from mcp_gateway.catalogue.tool import Tool
from mcp_gateway.manifest.schema import POLL, TTL
from mcp_gateway.manifest.tasks.entry import ASKED, TaskEntry


def task_problems(source: Mapping[str, Any]) -> Iterator[str]:
    """Find contradictions in the tasks of a manifest, each as `tools.NAME.task.key: …`."""
    tools = source["tools"]
    for name, value in tools.items():
        task = value.get("task")
        if task is None:
            continue
        where = f"tools.{name}.task"
        if "calls" in value:
            yield f"{where}: a tool that makes several calls does not start a job that can be followed"
        for key in ASKED:
            other = task.get(key)
            if other is not None and (
                other not in tools or other == name or "calls" in tools[other]
            ):
                yield f"{where}.{key}: {other} is not another tool of this manifest that makes one request"
        if task.get("poll", POLL) >= task.get("ttl", TTL):
            yield f"{where}.poll: must be shorter than `ttl`, after which nobody can ask"
        app = value.get("app")
        if app is not None and "form" not in (
            app,
            app.get("view") if isinstance(app, dict) else "",
        ):
            yield (
                f"tools.{name}.app: a table or a card can't show the result of a job; give it to the "
                "tool that gets the result"
            )
        seen: set[str] = set()
        for status in STATUSES:
            for state in map(name_state, task["states"].get(status, ())):
                if state in seen:
                    yield f"{where}.states.{status}: {state!r} is named twice"
                seen.add(state)


def join_task(tool: Tool, entry: TaskEntry, tools: Mapping[str, Tool]) -> tuple[Tool, list[str]]:
    """Return the tool with its task, and the problems, each as `.task.key: …`.

    Args:
        tool: the tool that starts the job.
        entry: its entry.
        tools: the tools that can be made, whether they are exposed or not.
    """
    problems: list[str] = []
    joined: dict[str, JobTool | None] = dict.fromkeys(ASKED)
    for key, name in entry.named.items():
        if (asked := tools.get(name)) is None:
            continue  # why it can't be made is reported with that tool
        why = _refuse(key, asked, tool)
        joined[key], missing = _join(tool, asked)
        if why or missing:
            problems.append(f".task.{key}: {why or missing}")
    status = joined["status"]
    if problems or status is None:
        return tool, problems
    repeated = {name: None for one in joined.values() if one is not None for name in one.repeated}
    task = Task(
        JobFields(entry.id, entry.state, entry.states, entry.message),
        status=status,
        result=joined["result"],
        cancel=joined["cancel"],
        poll=entry.poll,
        ttl=entry.ttl,
        repeated=tuple(repeated),
    )
    return dataclasses.replace(tool, task=task), []


def _refuse(key: str, asked: Tool, tool: Tool) -> str:
    if key != "cancel" and not asked.read_only:
        return f"{asked.name} changes data; name a tool that only reads"
    if key == "cancel" and asked.read_only:
        return f"{asked.name} only reads; name a tool that ends the job"
    if asked.confirm is not None or asked.inputs or asked.approval:
        return f"{asked.name} asks somebody before each call; the gateway can't ask here"
    # Whoever may start a job follows and ends it, with the permission for the start.
    if not covers(parse_scope(tool.scope), asked.scope):
        return (
            f"{asked.name} needs {asked.scope}, which a connection that starts the job with "
            f"{tool.name} may lack; set `scope` of one of them so that {tool.name} needs as much"
        )
    return ""


def _join(tool: Tool, asked: Tool) -> tuple[JobTool | None, str]:
    """Find the argument that takes the job's id: the only required one that the start does not have."""
    needed = tuple(asked.input_schema.get("required", ()))
    given = set(tool.input_schema.get("required", ()))
    own = [name for name in needed if name not in given]
    if len(own) != 1:
        said = ", ".join(own) or "none"
        return None, (
            f"{asked.name} must require exactly one argument that {tool.name} does not require, the "
            f"job's id; it has {said}. Bind or fill the others"
        )
    # How far a question has come would be taken for the progress of the job.
    asked = dataclasses.replace(asked, slow=False)
    return JobTool(asked, own[0], tuple(name for name in needed if name in given)), ""
