"""`gatepost tools show`: show one tool, as a model and as a reviewer see it."""

from pathlib import Path

import click
import orjson

from gatepost.text.hidden import write_line
from gatepost_cli.terminal import echo
from mcp_gateway.catalogue.composite import DeclaredCall, ValuePath
from mcp_gateway.catalogue.fill import describe_fill
from mcp_gateway.catalogue.jobs.task import describe_task
from mcp_gateway.catalogue.tool import Tool, publish_tool
from mcp_gateway.results.fields import format_field
from mcp_gateway.review.commands.options import load, manifest_option, require_tool
from mcp_gateway.review.token_estimate import tool_tokens


@click.command()
@click.argument("name")
@manifest_option
def show(name: str, path: Path) -> None:
    """Show a tool as `tools/list` returns it, and the settings that models don't see."""
    tool = require_tool(load(path)[2], name)
    published = orjson.dumps(publish_tool(tool), option=orjson.OPT_INDENT_2).decode()
    echo(published)
    for label, value in _unseen(tool).items():
        if value:
            echo(write_line(f"{label}: {value}"))


def _call(call: DeclaredCall) -> str:
    given = ", ".join(
        f"{name} = {source if isinstance(source, ValuePath) else repr(source.value)}"
        for name, source in call.arguments.items()
    )
    many = f" for each item of {call.for_each}, at most {call.most}" if call.for_each else ""
    when = f" if {call.when}" if call.when else ""
    return f"{call.name}: {call.tool.name}({given}){many}{when}"


def _unseen(tool: Tool) -> dict[str, str]:
    limits = {"a minute": tool.limits.per_minute, "at once": tool.limits.concurrent}
    life = tool.lifecycle
    return {
        "operation": "" if tool.composite else tool.target,
        "calls": "; ".join(map(_call, tool.composite.calls)) if tool.composite else "",
        "scope": tool.scope,
        "toolsets": ", ".join(tool.toolsets),
        "bound": ", ".join(f"{a} = {claim}" for a, claim in tool.bindings.items()),
        "filled": ", ".join(f"{a} = {describe_fill(fill)}" for a, fill in tool.fill.items()),
        "checked": ", ".join(f"{format_field(c.field)} = {c.claim}" for c in tool.checks),
        "fields": ", ".join(map(format_field, tool.shape.fields)),
        "redacted": ", ".join(map(format_field, tool.shape.redact)),
        "limits": ", ".join(f"{most} {kind}" for kind, most in limits.items() if most),
        "billing": f"{tool.billing.units} {tool.billing.meter}, {tool.billing.when}",
        "asks first": tool.confirm or "",
        "asks an admin": "yes" if tool.approval else "",
        "app": tool.app.describe() if tool.app else "",
        "its job": ", ".join(f"{key}: {name}" for key, name in describe_task(tool.task).items())
        if tool.task
        else "",
        "version": life.version or "",
        "sunset": str(life.sunset or ""),
        "replaced by": life.replaced_by or "",
        "former names": ", ".join(f"{one.name} until {one.until}" for one in tool.former),
        "deadline": f"{tool.deadline:g} s",
        "tokens": f"about {tool_tokens(tool)}",
    }
