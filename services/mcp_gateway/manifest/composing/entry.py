"""The manifest's entry for the calls of a tool."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mcp_gateway.catalogue.composite import INPUT, ITEM

NOT_BESIDE_CALLS = (
    "app",
    "bind",
    "check",
    "destructive",
    "fill",
    "idempotent",
    "inputs",
    "mirror",
    "open_world",
    "output",
    "read_only",
    "slashes",
)
"""Keys of a tool that follow from its calls, or belong to them."""


@dataclass(frozen=True, slots=True)
class CompositeEntry:
    """The manifest's entry for the calls of a tool."""

    calls: tuple[Mapping[str, Any], ...]
    input: Mapping[str, Mapping[str, Any]]
    """Schemas of arguments that are not those of a called tool's argument."""
    result: Mapping[str, str]
    bills: bool
    """Whether the entry says what a call costs."""

    def prefixed(self, prefix: str) -> "CompositeEntry":
        """Return a copy with a prefix before the names of the called tools."""
        calls = tuple({**call, "tool": prefix + call["tool"]} for call in self.calls)
        return replace(self, calls=calls)


def composite_problems(source: Mapping[str, Any]) -> Iterator[str]:
    """Find contradictions in composite tools of a manifest that matches the schema."""
    tools: Mapping[str, Any] = source["tools"]
    for tool, value in tools.items():
        where = f"tools.{tool}"
        if "calls" not in value:
            for key in ("input", "result"):
                if key in value:
                    yield f"{where}.{key}: belongs to a tool with `calls`; remove it"
            continue
        for key in NOT_BESIDE_CALLS:
            if key in value:
                yield f"{where}.{key}: can't stand beside `calls`; it follows from the called tools"
        if "paging" in value.get("shape", {}):
            yield f"{where}.shape.paging: can't stand beside `calls`; page the called tools"
        if "description" not in value:
            yield f"{where}.description: missing; say what the calls do together"
        seen: set[str] = set()
        for place, call in enumerate(value["calls"]):
            at = f"{where}.calls[{place}]"
            if call["as"] in seen or call["as"] in {INPUT, ITEM}:
                yield f"{at}.as: {call['as']} is taken; name the call otherwise"
            seen.add(call["as"])
            if (other := call["tool"]) not in tools:
                near = difflib.get_close_matches(other, tools, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                yield f"{at}.tool: there is no tool {other}{hint}"
            elif "calls" in tools[other]:
                yield f"{at}.tool: {other} makes calls itself; name the tools that it calls"
            if "most" in call and "for_each" not in call:
                yield f"{at}.most: limits `for_each`, which is missing"
