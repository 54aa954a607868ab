"""The manifest `tools.yaml`: the reviewed source of truth for the tools that a gateway serves.

It names operations of the OpenAPI document beside it and records a person's decisions about each.
The gateway serves nothing else. If it can't serve an operation exactly, loading fails and lists every
problem with its file, tool, key and fix.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gatepost.document import DocumentError, read_document
from gatepost.text.hidden import write_line
from mcp_gateway.catalogue.catalogue import ApiPart, Appearance, Catalogue
from mcp_gateway.catalogue.meta_tools import META_TOOLS
from mcp_gateway.catalogue.prompts import Prompt
from mcp_gateway.catalogue.resources import McpResource, McpResourceTemplate, Skill, Webhook
from mcp_gateway.catalogue.tool import Tool
from mcp_gateway.manifest.appearance import read_icons
from mcp_gateway.manifest.apps.make import add_apps
from mcp_gateway.manifest.composing.entry import composite_problems
from mcp_gateway.manifest.entries import ManifestError, ToolEntry, read_entry
from mcp_gateway.manifest.former import former_name_problems
from mcp_gateway.manifest.make_tool import make_composite, make_tool
from mcp_gateway.manifest.purpose import ask_purpose
from mcp_gateway.manifest.read_events import event_problems, read_events
from mcp_gateway.manifest.read_prompts import prompt_problems, read_prompts
from mcp_gateway.manifest.read_resources import read_resources, resource_problems
from mcp_gateway.manifest.read_skills import read_skills, skill_problems
from mcp_gateway.manifest.schema import date_of, manifest_problems
from mcp_gateway.manifest.tasks.join import join_task, task_problems
from mcp_gateway.openapi.document import OpenApiDocument, load_openapi, read_openapi
from mcp_gateway.results.fields import format_field, overlap
from mcp_gateway.results.instructions import InstructionGuard
from mcp_gateway.text import tidy_text

_MOST_SHOWN = 20
DOCUMENTS = ("openapi", "mcp")
"""Keys of a manifest that name what its tools were made from; it has at most one."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """A parsed `tools.yaml`."""

    path: Path
    name: str
    openapi: Path | None
    hosts: tuple[str, ...]
    search_above: int | None
    ask_purpose: bool
    guard: InstructionGuard
    tools: tuple[ToolEntry, ...]
    prompts: tuple[Prompt, ...]
    resources: tuple[McpResource, ...]
    templates: tuple[McpResourceTemplate, ...]
    skills: tuple[Skill, ...]
    webhooks: tuple[Webhook, ...]
    files: tuple[Path, ...]
    """The files that the manifest names: the OpenAPI document and files of resources and skills."""
    api: str = ""
    """The name of the API among several, in whose toolset all of its tools are."""
    prefix: str = ""
    """Precedes the names of tools, prompts and resources here, but not in the file."""
    is_mcp: bool = False
    """Whether `openapi` is the tool list of an MCP server."""
    appearance: Appearance = field(default_factory=Appearance)


def load_catalogue(path: Path) -> Catalogue:
    """Read a manifest and its OpenAPI document into the catalogue to serve.

    Args:
        path: the `tools.yaml`, to whose folder its `openapi` is relative.

    Raises:
        ManifestError: the catalogue can't be served; the message lists every problem.
    """
    manifest = load_manifest(path)
    return make_catalogue(manifest, load_document(manifest))


def make_catalogue(manifest: Manifest, document: OpenApiDocument) -> Catalogue:
    """Combine a manifest with its document.

    Raises:
        ManifestError: the catalogue can't be served; the message lists every problem.
    """
    return Catalogue.of(
        manifest.name,
        make_tools(manifest, document),
        prompts=manifest.prompts,
        resources=manifest.resources,
        templates=manifest.templates,
        skills=manifest.skills,
        search_above=manifest.search_above,
        apis={
            manifest.api: ApiPart(
                manifest.name,
                document.security_schemes,
                document.is_mcp,
                manifest.webhooks,
                manifest.appearance,
            )
        },
    )


def make_tools(manifest: Manifest, document: OpenApiDocument) -> list[Tool]:
    """Make the tools that a manifest exposes.

    Raises:
        ManifestError: one can't be served; the message lists every problem.
    """
    tools: list[Tool] = []
    problems: list[str] = []
    made: dict[str, Tool] = {}
    exposed: dict[str, tuple[ToolEntry, Tool]] = {}
    called = _called(manifest)
    # Composite tools come last, because they are made from the others.
    for entry in sorted(manifest.tools, key=lambda entry: entry.composite is not None):
        if not entry.expose and entry.name not in called:
            continue
        try:
            if entry.composite is None:
                tool = made[entry.name] = make_tool(entry, document, manifest.hosts, manifest.guard)
            else:
                tool = make_composite(entry, made, manifest.guard)
            if entry.expose:
                exposed[entry.name] = entry, tool
        except ManifestError as error:
            name = entry.name.removeprefix(manifest.prefix)
            problems.append(f"{manifest.path}: tools.{name}{error}")
    for entry, tool in exposed.values():
        if entry.task is not None:
            tool, wrong = join_task(tool, entry.task, made)
            name = entry.name.removeprefix(manifest.prefix)
            spelled = (entry.name, *entry.task.named.values())
            problems += [
                f"{manifest.path}: tools.{name}{_as_spelled(problem, spelled, manifest.prefix)}"
                for problem in wrong
            ]
        tools.append(ask_purpose(tool) if manifest.ask_purpose else tool)
    apps = {entry.name: entry.app for entry in manifest.tools if entry.app is not None}
    # An app may name a tool that has a problem itself, which is then the one to fix.
    if apps and not problems:
        tools, found = add_apps(tools, apps, document)
        problems += [
            f"{manifest.path}: {problem.replace(f'tools.{manifest.prefix}', 'tools.', 1)}"
            for problem in found
        ]
    by_name = {tool.name: tool for tool in tools}
    for template in manifest.templates:
        where = f"{manifest.path}: resources.{template.name.removeprefix(manifest.prefix)}"
        if (reader := by_name.get(template.tool)) is None:
            continue
        if not reader.read_only:
            problems.append(
                f"{where}.tool: {reader.name} changes data; name a tool that only reads"
            )
        unknown = [
            name for name in template.variables if name not in reader.input_schema["properties"]
        ]
        problems += [
            f"{where}.uri: {reader.name} does not have an argument {name}" for name in unknown
        ]
    problems += [
        f"{manifest.path}: {problem}" for problem in completion_problems(manifest, by_name)
    ]
    raise_all(problems)
    return tools


def completion_problems(manifest: Manifest, tools: Mapping[str, Tool]) -> Iterator[str]:
    """Find completions that can't be listed, each as `prompts.NAME.…: the fix`."""
    sources = [
        (
            f"prompts.{one.name.removeprefix(manifest.prefix)}.arguments.{argument.name}",
            argument.listed,
        )
        for one in manifest.prompts
        for argument in one.arguments
        if argument.listed is not None
    ]
    for template in manifest.templates:
        where = f"resources.{template.name.removeprefix(manifest.prefix)}"
        sources += [
            (f"{where}.complete.{name}", source) for name, source in template.listed.items()
        ]
        unknown = template.listed.keys() - set(template.variables)
        yield from (
            f"{where}.complete.{name}: the URI does not have it" for name in sorted(unknown)
        )
    for where, source in sources:
        tool = tools.get(source.tool)
        if tool is None:
            yield f"{where}: {source.tool} is not a tool that is exposed"
        elif (
            not tool.read_only
            or tool.input_schema.get("required")
            or tool.confirm
            or tool.approval
            or tool.inputs
        ):
            yield f"{where}: {source.tool} must only read, need no arguments, and ask nobody"
        elif any(overlap(source.values, field) for field in tool.shape.redact):
            values = format_field(source.values)
            yield f"{where}: {source.tool} redacts {values}; name a field that it shows"
        elif tool.shape.fields and not any(
            overlap(source.values, field) for field in tool.shape.fields
        ):
            values = format_field(source.values)
            yield f"{where}: {values} is not in `shape.fields` of {source.tool}; add it there"


def _as_spelled(problem: str, names: Iterable[str], prefix: str) -> str:
    """Write the names of tools in a problem as the file has them."""
    for name in names:
        problem = re.sub(rf"\b{re.escape(name)}\b", name.removeprefix(prefix), problem)
    return problem


def _called(manifest: Manifest) -> set[str]:
    """Return the names of the tools that exposed tools need: composite ones, and those that start jobs."""
    exposed = [entry for entry in manifest.tools if entry.expose]
    calls = [call for one in exposed if one.composite for call in one.composite.calls]
    asked = {name for one in exposed if one.task for name in one.task.named.values()}
    return {call["tool"] for call in calls} | asked


def load_document(manifest: Manifest) -> OpenApiDocument:
    """Read the OpenAPI document beside a manifest, or return an empty one if it names none.

    Raises:
        ManifestError: the document can't be read, or is not an OpenAPI document.
    """
    if manifest.openapi is None:
        return read_openapi({"openapi": "3.1.0", "paths": {}})
    key = "mcp" if manifest.is_mcp else "openapi"
    try:
        document = load_openapi(manifest.openapi)
    except DocumentError as error:
        problem = write_line(f"{key}: {manifest.openapi} {error}")
        raise ManifestError(f"{manifest.path}: {problem}") from None
    if document.is_mcp is not manifest.is_mcp:
        what, other = ("an OpenAPI document", "openapi")
        if document.is_mcp:
            what, other = ("the tool list of an MCP server", "mcp")
        raise ManifestError(
            f"{manifest.path}: {key}: {manifest.openapi} is {what}; write `{other}`"
        )
    return document


def load_manifest(path: Path) -> Manifest:
    """Read and check a manifest, without its OpenAPI document.

    Raises:
        ManifestError: the manifest is invalid; the message lists every problem.
    """
    try:
        source = read_document(path)
    except DocumentError as error:
        raise ManifestError(write_line(f"{path}: {error}")) from None
    problems = manifest_problems(source)
    raise_all([f"{path}: {problem}" for problem in problems])
    resources, templates, problems = read_resources(source.get("resources", {}), path.parent)
    prompts, more = read_prompts(source.get("prompts", {}))
    skills, others = read_skills(source.get("skills", {}), path.parent)
    problems = [*problems, *more, *prompt_problems(source), *resource_problems(source)]
    problems += [
        *others,
        *skill_problems(source),
        *event_problems(source),
        *_contradictions(source),
        *former_name_problems(source),
        *composite_problems(source),
        *task_problems(source),
    ]
    raise_all([f"{path}: {problem}" for problem in problems])
    return Manifest(
        path=path,
        name=tidy_text(source["name"]),
        openapi=next((path.parent / source[key] for key in DOCUMENTS if key in source), None),
        is_mcp="mcp" in source,
        hosts=tuple(host.lower() for host in source.get("hosts", ())),
        search_above=source.get("search_above"),
        ask_purpose=source.get("ask_purpose", False),
        guard=source.get("guard", "off"),
        tools=tuple(read_entry(name, value) for name, value in source["tools"].items()),
        prompts=prompts,
        resources=resources,
        templates=templates,
        skills=skills,
        webhooks=read_events(source),
        appearance=Appearance(source.get("website", ""), read_icons(source)),
        files=tuple(_files(source, path.parent)),
    )


def _contradictions(source: Mapping[str, Any]) -> Iterator[str]:
    """Find contradictions that a JSON Schema can't express."""
    tools: Mapping[str, Any] = source["tools"]
    if source.keys() >= set(DOCUMENTS):
        yield "mcp: an API has either `openapi` or `mcp`; put an MCP server in a manifest of its own"
    for name, value in tools.items():
        where = f"tools.{name}"
        if "operation" in value and source.keys().isdisjoint(DOCUMENTS):
            yield f"{where}.operation: there is no OpenAPI document; add `openapi` or `mcp` at the top"
        if "graphql" in value and "mcp" in source:
            yield f"{where}.graphql: an MCP server has no GraphQL endpoint; name one of its tools as `operation`"
        if "search_above" in source and name in META_TOOLS:
            yield f"{where}: the name is taken by search_above; give the tool another"
        if "sunset" in value and date_of(value["sunset"]) is None:
            yield f"{where}.sunset: must be a calendar date, such as 2027-06-30"
        if "replaced_by" in value:
            other = value["replaced_by"]
            if other == name or not tools.get(other, {}).get("expose", True):
                yield f"{where}.replaced_by: {other} is not another tool that is exposed"
            elif other not in tools:
                near = difflib.get_close_matches(other, tools, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                yield f"{where}.replaced_by: there is no tool {other}{hint}"
        if {"sunset", "replaced_by"} & value.keys() and value.get("deprecated") is False:
            yield f"{where}.deprecated: a tool with a sunset or a replacement is always deprecated"


def _files(source: Mapping[str, Any], folder: Path) -> Iterator[Path]:
    named = [source, *source.get("resources", {}).values(), *source.get("skills", {}).values()]
    yield from (
        folder / value[key] for value in named for key in (*DOCUMENTS, "file") if key in value
    )


def raise_all(problems: Sequence[str]) -> None:
    """Raise a `ManifestError` that lists the first of these problems, if there is any."""
    if problems:
        more = len(problems) - _MOST_SHOWN
        shown = [write_line(problem) for problem in problems[:_MOST_SHOWN]]
        shown += [f"and {more} more problems"] if more > 0 else []
        raise ManifestError("\n".join(shown))
