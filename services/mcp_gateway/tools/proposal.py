"""A first `tools.yaml` for an OpenAPI document: every operation proposed, for a person to dispose.

Nothing that changes data is exposed unless asked for: those operations are written with
`expose: false`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from textwrap import indent
from typing import Any

import yaml

from mcp_gateway.tools.arguments import ImportedOperation, Unimportable, import_operation
from mcp_gateway.tools.manifest import ManifestError, ToolEntry, make_tool
from mcp_gateway.tools.naming import name_operations
from mcp_gateway.tools.openapi import FoundOperation, OpenApiDocument
from mcp_gateway.tools.tool import Tool

_HEADER = """\
# What AI agents may use of this API. Review it: nothing that is not named here is served.
#   expose       false keeps a tool out; take the line away to serve the tool
#   operation    "METHOD /path" or the operationId, from the OpenAPI document beside this file
#   title        what a person reads on the consent page; description is what the model reads
#   scope        mcp:read, mcp:write or mcp:admin; what a connection must have been granted
#   toolsets     groups that a person allows at once, beside read or write, which is added
#   bind         argument: claim (tenant_id, sub, client_id, data_scope.KIND); a bound argument is
#                filled from the access token and vanishes from what the model can give
#   deadline     seconds a call may take (30); read_only, destructive and idempotent override what
#                the HTTP method suggests
"""
_LONGEST_DESCRIPTION = 1000
_TENANT_NAMES = frozenset(
    """accountid organisation organisationid organization organizationid org orgid tenant tenantid
    workspace workspaceid""".split()  # noqa: SIM905 - read as words
)


@dataclass(frozen=True, slots=True)
class Proposed:
    """One operation that can be served."""

    found: FoundOperation
    entry: ToolEntry
    tool: Tool
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Proposal:
    """What an import found: tools to review, what was refused and why, what is to be decided."""

    name: str
    proposed: tuple[Proposed, ...]
    refused: tuple[tuple[str, str], ...]
    """`GET /path` to the reason."""
    unbound_tenants: Mapping[str, tuple[str, ...]]
    """A parameter that looks like the tenant and is not bound, to the tools that have it."""
    unused_bindings: tuple[str, ...]
    """Parameters to bind that no operation has."""


def propose(
    document: OpenApiDocument, *, name: str, bind: Mapping[str, str], expose_all: bool
) -> Proposal:
    """Propose a tool for every operation that can be served exactly.

    Args:
        document: what to import.
        name: what people call the product.
        bind: upstream parameter name to claim, applied wherever an operation has it.
        expose_all: expose everything, not only what reads and is not deprecated.
    """
    names = name_operations(document.operations)
    proposed: list[Proposed] = []
    refused = list(document.unreadable)
    tenants: dict[str, list[str]] = {}
    used: set[str] = set()
    for found in document.operations:
        try:
            imported = import_operation(document, found)
            bindings, matched = _bindings(imported, bind)
            entry = _entry(found, names[found.key], bindings)
            tool = make_tool(entry, document)
        except (Unimportable, ManifestError) as error:
            refused.append((found.key, re.sub(r"^\.[^ ]*: ", "", str(error))))
            continue
        used |= matched
        for parameter in _tenant_parameters(imported):
            if parameter not in bind:
                tenants.setdefault(parameter, []).append(tool.name)
        if not expose_all and (not tool.read_only or found.deprecated):
            entry = replace(entry, expose=False)
        proposed.append(Proposed(found, entry, tool, imported.notes))
    return Proposal(
        name=name,
        proposed=tuple(proposed),
        refused=tuple(refused),
        unbound_tenants={name: tuple(tools) for name, tools in tenants.items()},
        unused_bindings=tuple(sorted(bind.keys() - used)),
    )


def write_manifest(proposal: Proposal, openapi: str) -> str:
    """Write a proposal as the text of a `tools.yaml`, in the document's order.

    Args:
        proposal: what to write.
        openapi: the OpenAPI document's path as seen from the manifest.
    """
    head = _dump({"version": 1, "name": proposal.name, "openapi": openapi})
    if not proposal.proposed:
        return f"{_HEADER}{head}tools: {{}}\n"
    entries = [_dump({p.entry.name: _keys(p)}) for p in proposal.proposed]
    return f"{_HEADER}{head}tools:\n" + "\n".join(indent(entry, "  ") for entry in entries)


def _entry(found: FoundOperation, name: str, bindings: tuple[tuple[str, str], ...]) -> ToolEntry:
    slugs = (re.sub(r"[^a-z0-9]+", "_", tag.lower()).strip("_")[:64] for tag in found.tags)
    return ToolEntry(
        name=name,
        operation=found.key,
        toolsets=tuple(dict.fromkeys(s for s in slugs if s and s not in {"read", "write"})),
        bind=bindings,
        description=_describe(found),
    )


def _describe(found: FoundOperation) -> str | None:
    """Use the document's description, cut at a paragraph where it is long."""
    text = found.description or found.summary
    if len(text) <= _LONGEST_DESCRIPTION:
        return text or None
    cut = text[:_LONGEST_DESCRIPTION]
    return (cut.rpartition("\n\n")[0] or cut.rpartition(" ")[0] or cut).strip()


def _bindings(
    imported: ImportedOperation, bind: Mapping[str, str]
) -> tuple[tuple[tuple[str, str], ...], set[str]]:
    """Find the arguments that fill a parameter to bind, wherever the operation has it."""
    found = {argument: bind[name] for argument, name in _upstream_names(imported) if name in bind}
    matched = {name for _, name in _upstream_names(imported)} & bind.keys()
    return tuple(found.items()), matched


def _tenant_parameters(imported: ImportedOperation) -> list[str]:
    names = dict.fromkeys(name for _, name in _upstream_names(imported))
    return [n for n in names if re.sub(r"[^a-z]", "", n.lower()) in _TENANT_NAMES]


def _upstream_names(imported: ImportedOperation) -> list[tuple[str, str]]:
    body = imported.operation.body
    return [
        *((p.argument, p.name) for p in imported.operation.parameters),
        *(body.properties.items() if body is not None else ()),
    ]


def _keys(proposed: Proposed) -> dict[str, Any]:
    entry, tool = proposed.entry, proposed.tool
    keys: dict[str, Any] = {
        "operation": entry.operation,
        "title": tool.title,
        "description": tool.description,
        "scope": tool.scope,
    }
    if entry.toolsets:
        keys["toolsets"] = list(entry.toolsets)
    if entry.bind:
        keys["bind"] = dict(entry.bind)
    if not entry.expose:
        keys["expose"] = False
    return keys


class _Dumper(yaml.SafeDumper):
    """YAML that every version of YAML reads alike: quotes what any of them would not keep text."""

    def represent_text(self, text: str) -> yaml.ScalarNode:
        """Write text of several lines as a block."""
        style = "|" if "\n" in text else None
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    def represent_names(self, names: list[Any]) -> yaml.SequenceNode:
        """Write a list of names on one line."""
        return self.represent_sequence("tag:yaml.org,2002:seq", names, flow_style=True)


_Dumper.add_representer(str, _Dumper.represent_text)
_Dumper.add_representer(list, _Dumper.represent_names)
_Dumper.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?$"), None
)


def _dump(value: Mapping[str, Any]) -> str:
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=96)
