"""Complete an argument while a person types it (MCP completion)."""

import asyncio
import unicodedata
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

import orjson

from gatepost.claims import AccessClaims
from gatepost.clock import Now
from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.catalogue.prompts import ListedValues, Prompt
from mcp_gateway.catalogue.resources import McpResourceTemplate
from mcp_gateway.results.fields import EACH, FieldPath
from mcp_gateway.work.worker import LONG

MOST = 100
LIFETIME = timedelta(seconds=30)
"""The time for which one caller's listed values are kept, since each key press asks for them."""
PAUSE = timedelta(seconds=5)
"""The time before a list is asked for again that failed."""
_MOST_CALLERS = 500
_MOST_VALUES = 2000
_LONGEST_VALUE = 200
_DEEPEST = 4
_UNIONS = ("anyOf", "oneOf", "allOf")


class Page(NamedTuple):
    """The text of a tool's answer."""

    text: str
    whole: bool
    """Whether nothing was cut, and there is no next page."""


class Completable(NamedTuple):
    """The values that an argument may have."""

    values: tuple[str, ...] = ()
    whole: bool = True
    """Whether these are all of them."""


class _Kept(NamedTuple):
    until: datetime
    found: Completable


Read = Callable[[str], Awaitable[Page | None]]
"""Calls a tool for the caller and returns its answer; None if the call failed."""
_Key = tuple[str, ...]


class Completions:
    """The values that tools listed, for a short time and for each caller alone."""

    def __init__(self, now: Now) -> None:
        """Take the clock."""
        self._now = now
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()
        self._running: dict[_Key, asyncio.Task[Completable]] = {}

    async def list_values(
        self, source: ListedValues, caller: AccessClaims, catalogue: Catalogue, read: Read
    ) -> Completable:
        """Return the values that a tool lists for the caller; none if it can't.

        Whoever asks while a list is on its way waits for that one.
        """
        if source.tool not in catalogue.usable(caller.allowed_tools):
            return Completable()
        whose = (caller.tenant_id, caller.sub, caller.client_id, *caller.actors)
        connection = (
            caller.grant_id,
            str(caller.grant_version),
            str(caller.data_scope),
            caller.env,
        )
        key = (*whose, "", *connection, catalogue.hash, source.tool, *source.values)
        kept = self._kept.get(key)
        if kept is not None and kept.until > self._now():
            return kept.found
        if (running := self._running.get(key)) is None:
            running = self._running[key] = asyncio.create_task(self._list(key, source, read))
        # Others may wait for the list when the one that asked first has gone.
        return await asyncio.shield(running)

    async def _list(self, key: _Key, source: ListedValues, read: Read) -> Completable:
        found, lifetime = Completable(whole=False), PAUSE
        try:
            page = await read(source.tool)
            if page is not None:
                find = _find if len(page.text) <= LONG else _find_in_thread
                found, lifetime = await find(page, source.values), LIFETIME
        finally:
            del self._running[key]
        self._kept[key] = _Kept(self._now() + lifetime, found)
        self._kept.move_to_end(key)
        while len(self._kept) > _MOST_CALLERS:
            self._kept.popitem(last=False)
        return found


def find_source(
    catalogue: Catalogue, of: Prompt | McpResourceTemplate, argument: str
) -> Sequence[str] | ListedValues:
    """Return the values of an argument, or what lists them.

    Without either, the values are those that the schema of a tool allows for an argument of that name.
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


def complete(found: Completable, typed: str) -> dict[str, Any]:
    """Return the values that begin with the typed text, then those that contain it, in any case.

    The total is left out if there may be values that the gateway has not read.
    """
    typed = _fold(typed)
    begin: list[str] = []
    hold: list[str] = []
    for value in found.values if len(typed) <= 4 * _LONGEST_VALUE else ():
        folded = _fold(value)
        if folded.startswith(typed):
            begin.append(value)
        elif typed in folded:
            hold.append(value)
    values = begin + hold
    if found.whole:
        return {"values": values[:MOST], "total": len(values), "hasMore": len(values) > MOST}
    return {"values": values[:MOST], "hasMore": True}


def _fold(text: str) -> str:
    """Return a text in which neither case nor the form of an accent matters."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def _allowed_values(catalogue: Catalogue, tool: str, argument: str) -> tuple[str, ...]:
    known = catalogue.tools.get(tool)
    if known is None:
        return ()
    schema = known.input_schema
    values = _values_of(schema["properties"].get(argument), schema.get("$defs", {}))
    return tuple(dict.fromkeys(islice(values, _MOST_VALUES)))


def _values_of(schema: Any, definitions: Mapping[str, Any], depth: int = 0) -> Iterator[str]:
    """Yield the values that a schema names, as a person types them; for a list, those of its items."""
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return
    allowed = schema.get("enum", [schema["const"]] if "const" in schema else ())
    for value in allowed:
        if (text := _write(value)) is not None:
            yield text
    if allowed:
        return
    inside = [schema.get("items"), *(one for key in _UNIONS for one in schema.get(key, ()))]
    inside.append(definitions.get(str(schema.get("$ref", "")).rpartition("/")[2]))
    for one in inside:
        yield from _values_of(one, definitions, depth + 1)


def _write(value: Any) -> str | None:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None


async def _find_in_thread(page: Page, path: FieldPath) -> Completable:
    return await asyncio.to_thread(_read_values, page, path)


async def _find(page: Page, path: FieldPath) -> Completable:
    return _read_values(page, path)


def _read_values(page: Page, path: FieldPath) -> Completable:
    try:
        found = [orjson.loads(page.text)]
    except ValueError:
        return Completable()
    for part in path:
        if part == EACH:
            found = [item for one in found if isinstance(one, list) for item in one]
        else:
            found = [one[part] for one in found if isinstance(one, dict) and part in one]
    written = (_write(one) for one in found)
    values = dict.fromkeys(one for one in written if one and len(one) <= _LONGEST_VALUE)
    return Completable(
        tuple(islice(values, _MOST_VALUES)), page.whole and len(values) <= _MOST_VALUES
    )
