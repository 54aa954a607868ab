"""Propose a first `tools.yaml` for an OpenAPI document, with every operation for a person to review.

Operations that change data are written with `expose: false` unless the person asks for them.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mcp_gateway.catalogue.fill import Fill, FromCredential, Omitted, write_fill
from mcp_gateway.catalogue.tool import ResponseCheck, Tool
from mcp_gateway.importing.descriptions import describe
from mcp_gateway.importing.set_aside import find_set_aside, is_deprecated
from mcp_gateway.importing.toolsets import name_toolsets
from mcp_gateway.importing.yaml_write import dump, indent_block
from mcp_gateway.manifest.entries import ManifestError, ToolEntry
from mcp_gateway.manifest.make_tool import make_tool
from mcp_gateway.manifest.schema import SCHEMA_FILE, manifest_problems
from mcp_gateway.manifest.tasks.entry import ASKED, TaskEntry, read_task, write_task
from mcp_gateway.manifest.tasks.join import join_task, task_problems
from mcp_gateway.openapi.argument_builder import Unimportable
from mcp_gateway.openapi.arguments import ImportedOperation, import_operation
from mcp_gateway.openapi.credential_arguments import credential_arguments
from mcp_gateway.openapi.document import SAFE_METHODS, FoundOperation, OpenApiDocument
from mcp_gateway.openapi.effects import (
    can_be_repeated,
    changes_by_get,
    destroys,
    only_reads,
    reaches_people,
    undoes,
)
from mcp_gateway.openapi.naming import name_operations
from mcp_gateway.openapi.operation_titles import LONGEST_TITLE
from mcp_gateway.openapi.record_owners import find_owners
from mcp_gateway.openapi.tenant_arguments import tenant_arguments, upstream_names
from mcp_gateway.results.fields import format_field
from mcp_gateway.review.lint.passwords import asks_for_password
from mcp_gateway.schemas.impossible import find_impossible
from mcp_gateway.text import shorten_text, tidy_text

_HEADER = f"""\
# yaml-language-server: $schema={SCHEMA_FILE}
# The tools that AI agents may use. Review them: the gateway serves nothing else of this API.
#   expose       false keeps a tool out; remove the line to serve the tool
#   operation    "METHOD /path" or the operationId, from the OpenAPI document beside this file, or
#                the name of an MCP server's tool
#   title        shown to people on the consent page; the model reads the description
#   scope        mcp:read, mcp:write or mcp:admin; the connection must have been granted it
#   toolsets     groups that a person can allow together; read or write is always added
#   bind         argument: claim (tenant_id, sub, client_id, data_scope.KIND); a bound argument is
#                filled from the access token, and the model can't see or set it
#   fill         argument: what the gateway fills it with, instead of the model
#   check        field of the answer: claim that it must equal, or the answer is withheld
# An editor that knows {SCHEMA_FILE} explains every key; `gatepost tools lint` advises.
"""
_LONGEST_SAID = {"title": LONGEST_TITLE, "description": 8000}
"""Characters that the manifest allows for a text."""
_OF_THE_WIRE = frozenset(
    """alt callback jsonp optpretty pretty prettyprint quotauser uploadprotocol uploadtype userip
    xgafv""".split()  # noqa: SIM905 - read as words
)
"""Optional parameters that change how an answer is written, which the gateway reads."""
_FEWEST_WITH_TENANT = 5
_SHARE_WITH_TENANT = 0.6
"""From which share of the operations on the first parameter of their paths looks like the tenant."""


@dataclass(frozen=True, slots=True)
class Proposed:
    """One operation that can be served."""

    found: FoundOperation
    entry: ToolEntry
    tool: Tool
    notes: tuple[str, ...]
    undeclared: tuple[str, ...] = ()
    """Placeholders of the path that no parameter declares."""
    withheld: str | None = None
    """Why the tool must not be exposed, whatever the options; None if it may be."""
    set_aside: str | None = None
    """Why agents should rarely get the tool, which only a person's choice exposes."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """The result of an import: tools to review, refused operations, and open decisions."""

    name: str
    proposed: tuple[Proposed, ...]
    refused: tuple[tuple[str, str], ...]
    """`GET /path` to the reason."""
    unselected: int
    """How many operations the selection left out."""
    unbound_tenants: Mapping[str, tuple[str, ...]]
    """Each unbound parameter that looks like the tenant, to the tools that have it."""
    unused_bindings: tuple[str, ...]
    """Parameters of `bind` that no operation has."""


def propose(
    document: OpenApiDocument,
    *,
    name: str,
    bind: Mapping[str, str],
    expose_all: bool = False,
    select: Callable[[FoundOperation, str], bool] = lambda found, name: True,
    hosts: Collection[str] = (),
    kept: Mapping[str, str] | None = None,
) -> Proposal:
    """Propose a tool for every selected operation that can be served exactly.

    A tool's name does not depend on the selection.

    Args:
        document: the document to import.
        name: the product's name.
        bind: upstream parameter name to claim, applied wherever an operation has it.
        expose_all: whether to expose tools that change data, are deprecated or need a credential for
            an argument, but not those that ask for a password or are set aside.
        select: tells whether to include an operation, given the name its tool would have.
        hosts: hosts to which operations with their own server may be sent.
        kept: names of tools that stay, as for `name_operations`.
    """
    names = name_operations(document.operations, kept)
    toolsets = name_toolsets(document.operations)
    set_aside = find_set_aside(document.operations)
    tools = {one.operation_id: names[one.key] for one in document.operations if one.operation_id}
    selected = [found for found in document.operations if select(found, names[found.key])]
    proposed: list[Proposed] = []
    refused = list(document.unreadable) if len(selected) == len(document.operations) else []
    tenants: dict[str, list[str]] = {}
    used: set[str] = set()
    for found in selected:
        try:
            imported = import_operation(document, found, hosts)
            bindings, matched = _bindings(imported, bind)
            entry = _entry(found, names[found.key], bindings, tools)
            task, task_notes = _read_task(found, names, tools)
            entry = replace(entry, task=task)
            if document.is_mcp:
                entry = _as_the_server_says(entry, found)
            entry = replace(
                entry,
                toolsets=toolsets[found.key],
                fill=_omit_of_the_wire(imported, dict(bindings)),
            )
            tenants_names = [name for name in matched if bind[name] == "tenant_id"]
            owners = find_owners(document, found, tenants_names)
            checks = tuple(ResponseCheck(place, "tenant_id") for place in owners)
            entry = replace(entry, checks=checks)
            tool = make_tool(entry, document, hosts)
            if fills := _fill_credentials(tool):
                entry = replace(entry, fill={**entry.fill, **fills})
                tool = make_tool(entry, document, hosts)
            if (place := find_impossible(dict(tool.input_schema))) is not None:
                raise Unimportable(f"it requires {place}, for which no value is valid")
        except (Unimportable, ManifestError) as error:
            refused.append((found.key, re.sub(r"^\.[^ ]*: ", "", str(error))))
            continue
        used |= matched
        for parameter in dict.fromkeys(tenant_arguments(imported.operation).values()):
            if parameter not in bind:
                tenants.setdefault(parameter, []).append(tool.name)
        withheld = _withhold(found, tool)
        decide = not tool.read_only or is_deprecated(found) or bool(tool.credentials)
        aside = set_aside.get(found.key)
        if withheld or aside or (decide and not expose_all):
            entry = replace(entry, expose=False)
        proposal = Proposed(
            found,
            entry,
            tool,
            (*imported.notes, *task_notes),
            imported.undeclared,
            withheld,
            set_aside=aside,
        )
        written = {
            "version": 1,
            "name": "API",
            "openapi": "x",
            "tools": {"t": entry_keys(proposal)},
        }
        if problems := manifest_problems(written):
            refused.append((found.key, f"a manifest can't hold it: {problems[0]}"))
            continue
        proposed.append(proposal)
    proposed = _with_usable_tasks(proposed)
    for parameter, having in _leading_parameters(proposed).items():
        if parameter not in bind:
            tenants.setdefault(parameter, having)
    return Proposal(
        name=name,
        proposed=tuple(proposed),
        refused=tuple(refused),
        unselected=len(document.operations) - len(selected),
        unbound_tenants={name: tuple(tools) for name, tools in tenants.items()},
        unused_bindings=tuple(sorted(bind.keys() - used)),
    )


def choose(proposal: Proposal, exposed: Container[str]) -> Proposal:
    """Expose exactly the named tools, none of which may be withheld."""
    chosen = (
        replace(p, entry=replace(p.entry, expose=p.entry.name in exposed and not p.withheld))
        for p in proposal.proposed
    )
    return replace(proposal, proposed=tuple(chosen))


def write_manifest(
    proposal: Proposal, described: Mapping[str, str], hosts: Collection[str] = ()
) -> str:
    """Write a proposal as the text of a `tools.yaml`, in the document's order.

    Args:
        proposal: the tools to write.
        described: `openapi` or `mcp`, to the path of what the tools were made from, relative to the
            manifest.
        hosts: hosts to which operations with their own server may be sent.
    """
    head: dict[str, Any] = {"version": 1, "name": proposal.name, **described}
    if hosts:
        head["hosts"] = sorted(hosts)
    if not proposal.proposed:
        return f"{_HEADER}{dump(head)}tools: {{}}\n"
    entries = [dump({p.entry.name: entry_keys(p)}) for p in proposal.proposed]
    return f"{_HEADER}{dump(head)}tools:\n" + "\n".join(indent_block(entry) for entry in entries)


def _entry(
    found: FoundOperation,
    name: str,
    bindings: tuple[tuple[str, str], ...],
    tools: Mapping[str, str],
) -> ToolEntry:
    reads = True if only_reads(found) else False if changes_by_get(found) else None
    changes = found.method not in SAFE_METHODS if reads is None else not reads
    verb = name.partition("_")[0]
    return ToolEntry(
        name=name,
        operation=found.key,
        title=_said(found, "title"),
        bind=bindings,
        read_only=reads,
        idempotent=can_be_repeated(found, verb) if changes else None,
        destructive=False if changes and undoes(found, verb) else None,
        open_world=changes and reaches_people(found, name),
        description=_name_tools(_said(found, "description") or describe(found, name), tools),
    )


def _read_task(
    found: FoundOperation, names: Mapping[str, str], tools: Mapping[str, str]
) -> tuple[TaskEntry | None, tuple[str, ...]]:
    """Return how the job of an operation is followed, if the document says so in `x-mcp`, and what is
    wrong with that.
    """
    extension = found.node.get("x-mcp")
    if not isinstance(extension, dict) or "task" not in extension:
        return None, ()
    said = extension["task"]
    if isinstance(said, dict):
        told = {key: said[key] for key in ASKED if isinstance(said.get(key), str)}
        named = {key: tools.get(name, name) for key, name in told.items()}
        said = {**said, **named}
    name = names[found.key]
    asked = [said.get(key) for key in ASKED] if isinstance(said, dict) else []
    entries = {other: {"operation": "x"} for other in names.values() if other in asked}
    entries[name] = {"operation": found.key, "task": said}
    source = {"version": 1, "name": "API", "openapi": "x", "tools": entries}
    problems = list(manifest_problems(source)) or list(task_problems(source))
    if problems:
        return None, _left_out(problem.removeprefix(f"tools.{name}.") for problem in problems)
    return read_task(said), ()


def _left_out(problems: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"x-mcp.{problem}; the task is left out" for problem in problems)


def _with_usable_tasks(proposed: list[Proposed]) -> list[Proposed]:
    """Leave out tasks whose tools were not selected, or can't be called about a job."""
    tools = {one.tool.name: one.tool for one in proposed}
    return [_with_usable_task(one, tools) for one in proposed]


def _with_usable_task(one: Proposed, tools: Mapping[str, Tool]) -> Proposed:
    task = one.entry.task
    if task is None:
        return one
    problems = [
        f"task.{key}: {name} is not imported"
        for key, name in task.named.items()
        if name not in tools
    ]
    problems = problems or [said[1:] for said in join_task(one.tool, task, tools)[1]]
    if not problems:
        return one
    notes = (*one.notes, *_left_out(problems))
    return replace(one, entry=replace(one.entry, task=None), notes=notes)


def _as_the_server_says(entry: ToolEntry, found: FoundOperation) -> ToolEntry:
    """Write the hints of an MCP server out, so that a later list changes them only in a review."""
    reads = found.method in SAFE_METHODS
    return replace(
        entry,
        operation=found.operation_id or "",
        read_only=reads,
        destructive=None if reads else destroys(found),
        open_world=entry.open_world or found.node.get("x-mcp", {}).get("openWorld", False),
    )


def _leading_parameters(proposed: Sequence[Proposed]) -> dict[str, list[str]]:
    """Return a parameter with which most paths begin, and the tools that have it."""
    first = {p.entry.name: re.search(r"\{([^{}]*)\}", p.found.path) for p in proposed}
    counts = Counter(match[1] for match in first.values() if match)
    return {
        name: [tool for tool, match in first.items() if match and match[1] == name]
        for name, count in counts.items()
        if count >= max(_FEWEST_WITH_TENANT, _SHARE_WITH_TENANT * len(proposed))
    }


def _withhold(found: FoundOperation, tool: Tool) -> str | None:
    extension = found.node.get("x-mcp")
    if extension is False or (isinstance(extension, dict) and extension.get("enabled") is False):
        return "the document keeps it from models (x-mcp)"
    password = asks_for_password(tool)
    if password is None:
        return None
    return f"it asks for a password ({password}), which a model should never receive"


def _omit_of_the_wire(imported: ImportedOperation, bound: Container[str]) -> dict[str, Fill]:
    """Propose to omit optional parameters that only change how an answer is written."""
    return {
        parameter.argument: Omitted()
        for parameter in imported.operation.parameters
        if is_of_the_wire(parameter.argument)
        and parameter.argument in imported.properties
        and parameter.argument not in imported.required
        and parameter.argument not in bound
    }


def _fill_credentials(tool: Tool) -> dict[str, Fill]:
    """Propose to fill arguments that repeat the credential of a security scheme, or to omit them."""
    if not tool.operation.security:
        return {}
    scheme = tool.operation.security[0][0]
    required = tool.input_schema.get("required", ())
    return {
        argument: FromCredential(scheme) if argument in required else Omitted()
        for argument in credential_arguments(tool.input_schema, tool.operation)
        if argument in tool.input_schema["properties"]
    }


def is_of_the_wire(argument: str) -> bool:
    """Tell whether an argument changes how an answer is written, such as `prettyPrint`."""
    return re.sub(r"[^a-z]", "", argument.lower()) in _OF_THE_WIRE


def _said(found: FoundOperation, key: str) -> str | None:
    """Return a text that the document has only for models, in its `x-mcp` extension."""
    extension = found.node.get("x-mcp")
    said = extension.get(key) if isinstance(extension, dict) else None
    if not isinstance(said, str):
        return None
    return shorten_text(tidy_text(said), _LONGEST_SAID[key]) or None


def _name_tools(description: str | None, tools: Mapping[str, str]) -> str | None:
    """Name the tools of operations that a description names by their `operationId` in backticks."""
    if description is None:
        return None
    return re.sub(r"`(\w+)`", lambda named: f"`{tools.get(named[1], named[1])}`", description)


def _bindings(
    imported: ImportedOperation, bind: Mapping[str, str]
) -> tuple[tuple[tuple[str, str], ...], set[str]]:
    """Return the bindings of an operation's arguments, and the parameters that they cover."""
    names = upstream_names(imported.operation)
    found = {argument: bind[name] for argument, name in names if name in bind}
    return tuple(found.items()), {name for _, name in names} & bind.keys()


def entry_keys(proposed: Proposed) -> dict[str, Any]:
    """Return a proposed tool as a manifest entry, with every text written out for review."""
    entry, tool = proposed.entry, proposed.tool
    keys: dict[str, Any] = {
        "operation": entry.operation,
        "title": tool.title,
        "description": tool.description,
        "scope": tool.scope,
    }
    keys |= {
        key: getattr(entry, key)
        for key in ("read_only", "destructive", "idempotent")
        if getattr(entry, key) is not None
    }
    if entry.open_world:
        keys["open_world"] = True
    if entry.toolsets:
        keys["toolsets"] = list(entry.toolsets)
    if entry.bind:
        keys["bind"] = dict(entry.bind)
    if entry.fill:
        keys["fill"] = {argument: write_fill(fill) for argument, fill in entry.fill.items()}
    if entry.checks:
        keys["check"] = {format_field(check.field): check.claim for check in entry.checks}
    if entry.task is not None:
        keys["task"] = write_task(entry.task)
    if not entry.expose:
        keys["expose"] = False
    return keys
