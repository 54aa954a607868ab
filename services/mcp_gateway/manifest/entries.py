"""The manifest's entry for one tool."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from mcp_gateway.catalogue.billing import Billing
from mcp_gateway.catalogue.fill import Constant, Fill, FromCredential, Omitted
from mcp_gateway.catalogue.inputs import Inputs
from mcp_gateway.catalogue.tool import (
    DeclaredPagination,
    Icon,
    Lifecycle,
    ResponseCheck,
    Shape,
    ToolLimits,
)
from mcp_gateway.manifest.appearance import read_icons
from mcp_gateway.manifest.apps.make import AppEntry, read_app
from mcp_gateway.manifest.composing.entry import CompositeEntry
from mcp_gateway.manifest.former import FormerEntry
from mcp_gateway.manifest.graphql import GraphqlEntry
from mcp_gateway.manifest.read_inputs import read_inputs
from mcp_gateway.manifest.schema import date_of
from mcp_gateway.manifest.tasks.entry import TaskEntry, read_task
from mcp_gateway.results.fields import parse_field
from mcp_gateway.text import tidy_text

DEADLINE = 30.0


class ManifestError(Exception):
    """The manifest can't be served; the message lists each problem and how to fix it."""


@dataclass(frozen=True, slots=True)
class ToolEntry:
    """The manifest's entry for one tool; None means the default."""

    name: str
    operation: str
    """Empty if `graphql` or `composite` is set."""
    title: str | None = None
    description: str | None = None
    scope: str | None = None
    toolsets: tuple[str, ...] | None = None
    bind: tuple[tuple[str, str], ...] = ()
    fill: Mapping[str, Fill] = field(default_factory=dict)
    deadline: float = DEADLINE
    read_only: bool | None = None
    destructive: bool | None = None
    idempotent: bool | None = None
    open_world: bool = False
    expose: bool = True
    checks: tuple[ResponseCheck, ...] = ()
    shape: Shape = field(default_factory=Shape)
    limits: ToolLimits = field(default_factory=ToolLimits)
    billing: Billing = field(default_factory=Billing)
    confirm: bool | str = False
    approval: bool = False
    lifecycle: Lifecycle = field(default_factory=Lifecycle)
    graphql: GraphqlEntry | None = None
    inputs: Inputs = ()
    mirror: tuple[tuple[str, str], ...] = ()
    slow: bool = False
    slashes: tuple[str, ...] = ()
    former: tuple[FormerEntry, ...] = ()
    app: AppEntry | None = None
    api: str = ""
    """The name of the API among several."""
    prefix: str = ""
    """With which the API begins the name."""
    composite: CompositeEntry | None = None
    task: TaskEntry | None = None
    icons: tuple[Icon, ...] = ()
    output: bool = False
    """Whether the schema of the answer is published."""

    @property
    def name_in_words(self) -> str:
        """The name as people read it, for a tool without a title."""
        return self.name.removeprefix(self.prefix).replace("_", " ").capitalize()


def read_entry(name: str, value: Mapping[str, Any]) -> ToolEntry:
    """Read the entry of a tool from a manifest that matches the schema."""
    title, description = value.get("title"), value.get("description")
    toolsets = value.get("toolsets")
    shape = value.get("shape", {})
    sunset = value.get("sunset")
    return ToolEntry(
        name=name,
        operation=value.get("operation", ""),
        title=None if title is None else tidy_text(title),
        description=None if description is None else tidy_text(description),
        scope=value.get("scope"),
        toolsets=None if toolsets is None else tuple(toolsets),
        bind=tuple(value.get("bind", {}).items()),
        fill={argument: _fill(source) for argument, source in value.get("fill", {}).items()},
        deadline=float(value.get("deadline", DEADLINE)),
        read_only=value.get("read_only"),
        destructive=value.get("destructive"),
        idempotent=value.get("idempotent"),
        open_world=value.get("open_world", False),
        expose=value.get("expose", True),
        checks=tuple(
            ResponseCheck(parse_field(place), claim)
            for place, claim in value.get("check", {}).items()
        ),
        shape=Shape(
            fields=tuple(parse_field(place) for place in shape.get("fields", ())),
            redact=tuple(parse_field(place) for place in shape.get("redact", ())),
            paging=_paging(shape.get("paging")),
            most_bytes=shape.get("most_bytes"),
            guard=shape.get("guard"),
        ),
        limits=ToolLimits(**value.get("limits", {})),
        billing=Billing(**value.get("billing", {})),
        confirm=value.get("confirm", False),
        approval=value.get("approval", False),
        lifecycle=Lifecycle(
            version=value.get("version"),
            deprecated=bool(value.get("deprecated") or sunset or "replaced_by" in value),
            sunset=None if sunset is None else date_of(sunset),
            replaced_by=value.get("replaced_by"),
        ),
        graphql=None if "graphql" not in value else GraphqlEntry(**value["graphql"]),
        inputs=read_inputs(value.get("inputs", [])),
        mirror=tuple(value.get("mirror", {}).items()),
        slow=value.get("slow", False),
        slashes=tuple(value.get("slashes", ())),
        composite=_composite(value) if "calls" in value else None,
        former=tuple(
            FormerEntry(one["name"], date.fromisoformat(one["until"]), one.get("arguments", {}))
            for one in value.get("former", ())
        ),
        app=read_app(value.get("app")),
        task=read_task(value["task"]) if "task" in value else None,
        icons=read_icons(value),
        output=value.get("output") == "publish",
    )


def _composite(value: Mapping[str, Any]) -> CompositeEntry:
    return CompositeEntry(
        tuple(value["calls"]), value.get("input", {}), value.get("result", {}), "billing" in value
    )


def _fill(source: Mapping[str, Any]) -> Fill:
    if "credential" in source:
        return FromCredential(source["credential"])
    return Constant(source["value"]) if "value" in source else Omitted()


def _paging(value: Mapping[str, Any] | None) -> DeclaredPagination | None:
    return (
        None
        if value is None
        else DeclaredPagination(**{**value, "next": parse_field(value["next"])})
    )
