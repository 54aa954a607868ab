"""Complete an argument while a person types it (MCP completion)."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson

from gatepost.claims import AccessClaims
from gatepost.clock import Now
from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.catalogue.prompts import ListedValues, Prompt
from mcp_gateway.catalogue.resources import McpResourceTemplate
from mcp_gateway.results.fields import EACH, FieldPath

MOST = 100
LIFETIME = timedelta(seconds=30)
"""The time for which one caller's listed values are kept, since each key press asks for them."""
_MOST_CALLERS = 500
_MOST_VALUES = 2000
_LONGEST_VALUE = 200

Read = Callable[[str], Awaitable[str | None]]
"""Calls a tool for the caller and returns the text of its answer; None if the call failed."""


class Completions:
    """The values that tools listed, for a short time and for each caller alone."""

    def __init__(self, now: Now) -> None:
        """Take the clock."""
        self._now = now
        self._kept: OrderedDict[tuple[str, ...], tuple[datetime, tuple[str, ...]]] = OrderedDict()

    async def list_values(
        self, source: ListedValues, caller: AccessClaims, catalogue: Catalogue, read: Read
    ) -> tuple[str, ...]:
        """Return the values that a tool lists for the caller; none if it can't."""
        if source.tool not in catalogue.usable(caller.allowed_tools):
            return ()
        whose = (caller.tenant_id, caller.sub, caller.client_id, *caller.actors)
        connection = (
            caller.grant_id,
            str(caller.grant_version),
            str(caller.data_scope),
            caller.env,
        )
        key = (*whose, "", *connection, catalogue.hash, source.tool, *source.values)
        until, values = self._kept.get(key, (self._now(), ()))
        if until <= self._now():
            text = await read(source.tool)
            if text is None:
                return ()
            values = tuple(dict.fromkeys(_find(text, source.values)))[:_MOST_VALUES]
            self._kept[key] = self._now() + LIFETIME, values
            self._kept.move_to_end(key)
            while len(self._kept) > _MOST_CALLERS:
                self._kept.popitem(last=False)
        return values


def find_source(
    catalogue: Catalogue, of: Prompt | McpResourceTemplate, argument: str
) -> Sequence[str] | ListedValues:
    """Return the values of an argument, or what lists them.

    Without either, the values are those that the schema of the tool allows for an argument of that name.
    """
    values: tuple[str, ...] = ()
    if isinstance(of, McpResourceTemplate):
        listed, tools = of.listed.get(argument), [of.tool]
        if argument not in of.variables:
            return ()
    else:
        known = next((one for one in of.arguments if one.name == argument), None)
        if known is None:
            return ()
        listed, values, tools = known.listed, known.values, list(of.tools)
    if listed is not None or values:
        return values or listed or ()
    for name in tools:
        if found := _allowed_values(catalogue, name, argument):
            return found
    return ()


def complete(values: Sequence[str], typed: str) -> dict[str, Any]:
    """Return the values that begin with the typed text, then those that contain it, in any case."""
    typed = typed.casefold()
    begin = [value for value in values if value.casefold().startswith(typed)]
    hold = [
        value
        for value in values
        if typed in value.casefold() and not value.casefold().startswith(typed)
    ]
    found = begin + hold
    return {"values": found[:MOST], "total": len(found), "hasMore": len(found) > MOST}


def _allowed_values(catalogue: Catalogue, tool: str, argument: str) -> tuple[str, ...]:
    known = catalogue.tools.get(tool)
    schema = {} if known is None else known.input_schema["properties"].get(argument, {})
    allowed = schema.get("enum") or schema.get("items", {}).get("enum") or ()
    return tuple(value for value in allowed if isinstance(value, str))


def _find(text: str, path: FieldPath) -> list[str]:
    try:
        found = [orjson.loads(text)]
    except ValueError:
        return []
    for part in path:
        if part == EACH:
            found = [item for one in found if isinstance(one, list) for item in one]
        else:
            found = [one[part] for one in found if isinstance(one, dict) and part in one]
    whole = [str(one) for one in found if isinstance(one, str | int) and not isinstance(one, bool)]
    return [value for value in whole if 0 < len(value) <= _LONGEST_VALUE]
