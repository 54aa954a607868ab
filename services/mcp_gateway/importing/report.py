"""The report of an import: the result for every operation, and the decisions left to a person."""

import re
from collections.abc import Sequence

import click

from gatepost.text.hidden import write_line
from gatepost_cli.terminal import echo
from mcp_gateway.http_client.port import ASSERTION_HEADER
from mcp_gateway.importing.budget import USUAL, find_budget, say_groups
from mcp_gateway.importing.merge import Drift
from mcp_gateway.importing.proposal import Proposal, Proposed, is_of_the_wire
from mcp_gateway.importing.set_aside import MONITORING, REPETITION, SIGNING_IN, is_deprecated
from mcp_gateway.importing.summary import summarise
from mcp_gateway.openapi.document import OpenApiDocument

_MOST_SHOWN = 50
_FEW = 5
_MANY_UNDECLARED = 10
"""Tools with undeclared path arguments from which on the document seems to lack parameters."""
_RANGE = re.compile(r"(\d+)(?:-(\d+))?")


def report_coverage(document: OpenApiDocument, proposal: Proposal) -> list[str]:
    """Report the imported and refused operations, and the decisions left to a person."""
    lines = summarise(proposal)
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
    return [*lines, *_section("To decide:", _decisions(document, proposal)), ""]


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
            return [
                p.entry.name
                for p in tools
                if p.tool.read_only and not is_deprecated(p.found) and not p.set_aside
            ]
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
    hints = _server_hints if document.is_mcp else _hints
    decisions += [*hints(proposal), *_left_out(proposal), *_filled(proposal)]
    decisions += _over_budget(proposal)
    exposed = [p for p in proposal.proposed if p.entry.expose]
    bound = any(p.entry.bind for p in proposal.proposed)
    everywhere = [p.entry.name for p in exposed if not p.entry.bind] if bound else []
    if everywhere:
        decisions.append(
            f"{_count(everywhere)} without a bound tenant ({_names(everywhere)}); make sure that the "
            "API limits them to the caller, or add `expose: false`"
        )
    if proposal.name == "API":
        decisions.append("the product's name, which people read when they allow tools; set `name`")
    if document.is_mcp:
        return [*decisions, "the address of the server, and its credential (docs/mcp-upstreams.md)"]
    server = document.servers[0] if document.servers else "none"
    decisions.append(f"the gateway's upstream_url (the document's server: {server})")
    used = {name for p in proposal.proposed for way in p.tool.operation.security for name in way}
    decisions += [
        f"the upstream's credential, {scheme} (upstream_credentials.{name})"
        for name, scheme in sorted(document.security_schemes.items())
        # The gateway sends the assertion by itself.
        if name in used and scheme.name.lower() != ASSERTION_HEADER.lower()
    ]
    return decisions


def _hints(proposal: Proposal) -> list[str]:
    """Name the tools whose effect the method does not say."""
    said = []
    reading = [p.entry.name for p in proposal.proposed if p.entry.read_only]
    if reading:
        said.append(
            f"{_count(reading)} for reading with POST, as path and summary say "
            f"({_names(reading)}); remove `read_only: true` from any that changes something"
        )
    changing = [p.entry.name for p in proposal.proposed if p.entry.read_only is False]
    if changing:
        said.append(
            f"{_count(changing)} for changes with GET, as the words of the operation say "
            f"({_names(changing)}); remove `read_only: false` and the scope from any that only reads"
        )
    reaching = [p.entry.name for p in proposal.proposed if p.entry.open_world]
    if reaching:
        said.append(
            f"{_count(reaching)} for sending to people ({_names(reaching)}); add `confirm: true` "
            "if a person should see each call first"
        )
    return said


def _server_hints(proposal: Proposal) -> list[str]:
    """Name the tools by what their MCP server says, or leaves unsaid, about their effect."""
    said = []
    reading = [p.entry.name for p in proposal.proposed if p.entry.read_only]
    if reading:
        said.append(
            f"{_count(reading)} for reading, as the server says ({_names(reading)}); remove "
            "`read_only: true` from any that changes something"
        )
    destructive = [p.entry.name for p in proposal.proposed if p.entry.destructive]
    if destructive:
        said.append(
            f"{_count(destructive)} counted as destructive, since the server does not say otherwise "
            f"({_names(destructive)}); write `destructive: false` at any that people can undo"
        )
    keeping = [
        p.entry.name
        for p in proposal.proposed
        if p.entry.destructive is False and not p.entry.read_only
    ]
    if keeping:
        said.append(
            f"{_count(keeping)} for changes that destroy nothing, as the server says ({_names(keeping)}); "
            "remove `destructive: false` from any that overwrites or deletes"
        )
    reaching = [p.entry.name for p in proposal.proposed if p.entry.open_world]
    if reaching:
        said.append(
            f"{_count(reaching)} for reaching beyond the server's own data ({_names(reaching)}); add "
            "`confirm: true` if a person should see each call first"
        )
    return said


def _left_out(proposal: Proposal) -> list[str]:
    """Name the tools that are not exposed for another reason than that they change data."""
    said = []
    for reason in (MONITORING, SIGNING_IN, REPETITION):
        tools = [
            p.entry.name
            for p in proposal.proposed
            if p.set_aside == reason and not p.withheld and not p.entry.expose
        ]
        if tools:
            said.append(
                f"{_count(tools)} for {reason} ({_names(tools)}); remove `expose: false` from those "
                "that agents need"
            )
    deprecated = [p for p in proposal.proposed if is_deprecated(p.found) and not p.set_aside]
    hidden = [p.entry.name for p in deprecated if not p.entry.expose]
    if hidden:
        said.append(
            f"{_count(hidden)} not exposed that the document calls deprecated ({_names(hidden)})"
        )
    return said


def _over_budget(proposal: Proposal) -> list[str]:
    budget = find_budget(proposal, USUAL)
    if not budget.dropped:
        return []
    said = (
        f"the list costs more than {USUAL} tokens. --budget {USUAL} exposes the {len(budget.kept)} "
        f"tools that are nearest to the main objects, without {len(budget.dropped)} "
        f"({say_groups(budget.dropped)}); or set `search_above`, so that models search for tools"
    )
    return [said]


def _filled(proposal: Proposal) -> list[str]:
    """Name the arguments that models are not asked for, such as the API's credential."""
    omitted = {p.entry.name: p.entry.fill.keys() - p.tool.credentials for p in proposal.proposed}
    needed = [p.entry.name for p in proposal.proposed if p.tool.credentials]
    left_out = [name for name, some in omitted.items() if not all(map(is_of_the_wire, some))]
    wire = {argument for some in omitted.values() for argument in some if is_of_the_wire(argument)}
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
    if wire:
        said.append(
            f"arguments that change how answers are written ({_names(sorted(wire))}); `fill` leaves "
            "them out"
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
