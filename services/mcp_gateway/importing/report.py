"""The report of an import: the result for every operation, and the decisions left to a person."""

import re
from collections.abc import Sequence

import click

from gatepost.text.hidden import write_line
from gatepost_cli.terminal import echo
from mcp_gateway.importing.merge import Drift
from mcp_gateway.importing.proposal import Proposal, Proposed
from mcp_gateway.openapi.document import OpenApiDocument

_MOST_SHOWN = 50
_FEW = 5
_MANY_UNDECLARED = 10
"""Tools with undeclared path arguments from which on the document seems to lack parameters."""
_TECHNICAL = re.compile(
    r"/(?:_?health(?:z|check|-check)?|live(?:z|ness)?|ready(?:z|ness)?|metrics|ping|version)(?:/|$)",
    re.IGNORECASE,
)
"""Paths of probes and metrics."""
_RANGE = re.compile(r"(\d+)(?:-(\d+))?")


def report_coverage(document: OpenApiDocument, proposal: Proposal) -> list[str]:
    """Report the imported and refused operations, and the decisions left to a person."""
    exposed = [p for p in proposal.proposed if p.entry.expose]
    hidden = [p for p in proposal.proposed if not p.entry.expose]
    total = len(exposed) + len(hidden) + len(proposal.refused) + proposal.unselected
    lines = [
        f"{proposal.name}: {total} operations",
        f"  {len(exposed):5} exposed",
        f"  {len(hidden):5} not exposed until you remove their `expose: false`",
        f"  {len(proposal.refused):5} refused",
    ]
    if proposal.unselected:
        lines.append(f"  {proposal.unselected:5} not selected")
    undeclared = [p for p in proposal.proposed if p.undeclared]
    is_incomplete = len(undeclared) >= _MANY_UNDECLARED
    lines += _section("Warnings:", [_say_incomplete(undeclared)] if is_incomplete else [])
    lines += _section(
        "Refused, with the reason:", [f"{key}: {reason}" for key, reason in proposal.refused]
    )
    withheld = [f"{p.entry.name}: {p.withheld}" for p in proposal.proposed if p.withheld]
    lines += _section("Never exposed:", withheld)
    notes = [
        f"{p.entry.name}: {note}" for p in proposal.proposed if not p.withheld for note in p.notes
    ]
    if not is_incomplete:
        notes += [
            f"{p.entry.name}: the path's {{{name}}} is not declared and is treated as text"
            for p in undeclared
            for name in p.undeclared
        ]
    lines += _section("Notes:", [*document.notes, *notes])
    return [*lines, *_section("Decisions for you:", _decisions(document, proposal)), ""]


def _say_incomplete(undeclared: list[Proposed]) -> str:
    first = undeclared[0]
    return (
        f"{len(undeclared)} tools have a path argument that the document does not declare, such as "
        f"{first.undeclared[0]} of {first.entry.name}. The document probably lacks other parameters "
        "and request bodies too: compare these tools with the API before you expose them"
    )


def report_drift(drift: Drift) -> list[str]:
    """Report the changes to a reviewed manifest."""
    lines = [
        *_section("New in the document:", drift.new),
        *_section("Exposed by your choice:", drift.exposed),
        *_section("Removed from the document; kept here, not exposed:", drift.gone),
        *_section("Moved:", drift.moved),
        *_section(
            "Changed for callers:", [f"{c.tool}: {c.kind}: {c.message}" for c in drift.changed]
        ),
        *_section("Texts updated from the document:", drift.reworded),
        *_section("Your texts kept, although the document's changed:", drift.kept),
        *_section("Fix these, or the gateway will not start:", drift.broken),
    ]
    return [*lines[1:], ""] if lines else ["The manifest already matches the document.", ""]


def select_by_number(proposal: Proposal) -> set[str]:
    """List the operations and ask which to expose, until the answer is valid."""
    for number, proposed in enumerate(proposal.proposed, 1):
        line = f"{number:5}  {proposed.entry.name}  {proposed.found.key}{_mark(proposed)}"
        echo(write_line(line))
    while True:
        answer = click.prompt("Which to expose? (1-3,7 or @tag, reads, all, none)", default="reads")
        try:
            return {name for part in answer.split(",") for name in _chosen(part.strip(), proposal)}
        except ValueError as error:
            echo(write_line(str(error)), err=True)


def _chosen(part: str, proposal: Proposal) -> list[str]:
    tools = proposal.proposed
    if part.startswith("@"):
        return [p.entry.name for p in tools if part[1:] in (p.entry.toolsets or ())]
    match part:
        case "all":
            return [p.entry.name for p in tools]
        case "reads":
            return [p.entry.name for p in tools if p.tool.read_only and not p.found.deprecated]
        case "none":
            return []
    found = _RANGE.fullmatch(part)
    if found is None:
        raise ValueError(f"{part!r} is not a number, range, @tag, reads, all or none")
    first, last = int(found[1]), int(found[2] or found[1])
    if not 1 <= first <= last <= len(tools):
        raise ValueError(f"{part} is not within 1 to {len(tools)}")
    return [p.entry.name for p in tools[first - 1 : last]]


def _mark(proposed: Proposed) -> str:
    if proposed.withheld:
        return "  (never exposed)"
    return "" if proposed.tool.read_only else "  (changes data)"


def _decisions(document: OpenApiDocument, proposal: Proposal) -> list[str]:
    decisions = []
    for parameter, tools in proposal.unbound_tenants.items():
        decisions.append(
            f"{parameter} in {_count(tools)} looks like the tenant, but the model chooses it; "
            f"if it is the tenant, import with --bind {parameter}=tenant_id"
        )
    reading = [p.entry.name for p in proposal.proposed if p.entry.read_only]
    if reading:
        decisions.append(
            f"{_count(reading)} with POST only read, as their paths and summaries say "
            f"({_names(reading)}); remove `read_only: true` from any that changes something"
        )
    decisions += _filled(proposal)
    exposed = [p for p in proposal.proposed if p.entry.expose]
    technical = [p.entry.name for p in exposed if _TECHNICAL.search(p.found.path)]
    if technical:
        decisions.append(
            f"{_count(technical)} for monitoring rather than for people ({_names(technical)}); add "
            "`expose: false`"
        )
    bound = any(p.entry.bind for p in proposal.proposed)
    everywhere = [p.entry.name for p in exposed if not p.entry.bind] if bound else []
    if everywhere:
        decisions.append(
            f"{_count(everywhere)} without a bound tenant ({_names(everywhere)}); make sure that the "
            "API limits them to the caller, or add `expose: false`"
        )
    server = document.servers[0] if document.servers else "none"
    decisions.append(f"the gateway's upstream_url (the document's server: {server})")
    used = {name for p in proposal.proposed for way in p.tool.operation.security for name in way}
    decisions += [
        f"the upstream's credential, {scheme} (upstream_credentials.{name})"
        for name, scheme in sorted(document.security_schemes.items())
        if name in used
    ]
    return decisions


def _filled(proposal: Proposal) -> list[str]:
    """Name the arguments that look like the API's credential, which models are not asked for."""
    needed = [p.entry.name for p in proposal.proposed if p.tool.credentials]
    left_out = [p.entry.name for p in proposal.proposed if p.entry.fill.keys() - p.tool.credentials]
    said = []
    if needed:
        said.append(
            f"{_count(needed)} with an argument that looks like the API's credential "
            f"({_names(needed)}); `fill` takes it from upstream_credentials: expose them if so"
        )
    if left_out:
        said.append(
            f"{_count(left_out)} with an optional argument that looks like the API's credential "
            f"({_names(left_out)}); `fill` leaves it out: remove the line if models may set it"
        )
    return said


def _count(tools: Sequence[str]) -> str:
    return "1 tool" if len(tools) == 1 else f"{len(tools)} tools"


def _names(tools: Sequence[str]) -> str:
    """List a few tools, and say how many more there are."""
    more = [f"{len(tools) - _FEW} more"] if len(tools) > _FEW else []
    return ", ".join([*tools[:_FEW], *more])


def _section(heading: str, lines: list[str]) -> list[str]:
    if not lines:
        return []
    more = len(lines) - _MOST_SHOWN
    shown = [f"  {line}" for line in lines[:_MOST_SHOWN]]
    return ["", heading, *shown, *([f"  and {more} more"] if more > 0 else [])]
