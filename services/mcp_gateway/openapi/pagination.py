"""Detect from names how a listing is paginated: by cursor, page or offset.

Only names that many APIs share count; without them, the listing counts as not paginated.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Literal

from mcp_gateway.documents.references import References, UnresolvableReference
from mcp_gateway.requests.operation import Pagination

_SIZES = frozenset(
    """count first limit maxitems maxresults numperpage pagelimit pagesize perpage resultsperpage
    rows rowsperpage size take top""".split()  # noqa: SIM905 - read as words
)
Kind = Literal["cursor", "page", "offset"]
_POSITIONS: Mapping[str, Kind] = {
    **dict.fromkeys(
        """after continuationtoken cursor iterator lastevaluatedkey marker nextcursor nextmarker
        nextpagetoken nextpageurl nexttoken pagecursor pagemarker pagetoken paginationtoken
        scrollid skiptoken startcursor startingafter synctoken""".split(),  # noqa: SIM905 - words
        "cursor",
    ),
    **dict.fromkeys(
        ["page", "pagenumber", "pageno", "pagenum", "currentpage", "pageindex"], "page"
    ),
    **dict.fromkeys(
        ["offset", "skip", "start", "startat", "startindex", "startposition", "from"], "offset"
    ),
}
_ORDER: tuple[Kind, ...] = ("cursor", "page", "offset")
_NEXT = frozenset(
    """after continuationtoken cursor endcursor lastevaluatedkey nextcursor next nextlink nextmarker
    nextoffset nextpage nextpagecursor nextpagelink nextpagetoken nextpageurl nextrecordsurl
    nexttoken nexturl odatanextlink paginationtoken""".split()  # noqa: SIM905 - read as words
)
_WRAPPERS = frozenset(
    """cursor cursors links meta metadata nextpage page pageinfo pagination paging responsemetadata
    resultinfo""".split()  # noqa: SIM905 - read as words
)
_OBJECTS_OF_NEXT = frozenset(["next", "nextpage"])
"""Objects that describe the next page; their fields have the names of positions."""
_LISTS = ("data", "items", "results", "records", "entries", "values", "value", "objects", "list")


def detect_pagination(
    named: Mapping[str, str],
    schemas: Mapping[str, Any],
    answer: object,
    references: References,
) -> Pagination | None:
    """Recognise a paginated listing by its arguments and the fields of its answer.

    Args:
        named: the upstream's names of the arguments that may ask for a page, each to the argument.
        schemas: the converted schemas of the arguments.
        answer: the unconverted schema of a successful answer, or None.
        references: resolves references in that schema.
    """
    fields = list(_fields(answer, references))
    upcoming = _find_next(fields, references)
    queries = {_letters(name): key for name, key in named.items()}
    positions: dict[Kind, str] = {}
    for name, key in queries.items():
        if name in _POSITIONS:
            # An `offset` that is text holds a token, which the answer must provide.
            token = upcoming is not None and schemas.get(key, {}).get("type") == "string"
            if token:
                positions.setdefault("cursor", key)
            else:
                positions[_POSITIONS[name]] = key
        elif name == "since" and _is_id(schemas.get(key, {})):
            positions.setdefault("cursor", key)
    size = next((key for name, key in queries.items() if name in _SIZES), None)
    for kind in _ORDER:
        # `start` or `from` without a size may be a date; together with a size it is a position in a list.
        if kind in positions and (size or upcoming):
            return Pagination(
                kind=kind,
                position=positions[kind],
                size=size,
                next=upcoming,
                items=_items(answer, fields, references),
            )
    return None


def _is_id(schema: Mapping[str, Any]) -> bool:
    """Tell whether a `since` is the last item's number, which a link to the next page has."""
    said = schema.get("description", "")
    return schema.get("type") == "integer" and re.search(r"\bID\b", said) is not None


def _find_next(
    fields: list[tuple[tuple[str, ...], Any]], references: References
) -> tuple[str, ...] | None:
    """Return the field that holds the next position, or a link to the next page."""
    for path, schema in fields:
        name = _letters(path[-1])
        if name in _OBJECTS_OF_NEXT and any(_properties(schema, references)):
            continue
        in_next = len(path) > 1 and _letters(path[-2]) in _OBJECTS_OF_NEXT
        if name in _NEXT or (in_next and (name in _POSITIONS or name == "token")):
            return path
    return None


def _items(
    answer: object, fields: list[tuple[tuple[str, ...], Any]], references: References
) -> tuple[str, ...] | None:
    if _is_list(answer, references):
        return ()
    lists = [path for path, schema in fields if len(path) == 1 and _is_list(schema, references)]
    known = [path for path in lists if path[0].lower() in _LISTS]
    if known or len(lists) == 1:
        return (known or lists)[0]
    return None


def _fields(answer: object, references: References) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the fields of an answer, and of the objects in it that usually hold page links."""
    for name, schema in _properties(answer, references):
        yield (name,), schema
    for name, schema in _properties(answer, references):
        if _letters(name) in _WRAPPERS:
            for inner, deeper in _properties(schema, references):
                yield (name, inner), deeper
                if _letters(inner) in _WRAPPERS:
                    for last, deepest in _properties(deeper, references):
                        yield (name, inner, last), deepest


def _properties(
    source: object, references: References, depth: int = 0
) -> Iterator[tuple[str, Any]]:
    schema = _follow(source, references)
    if not isinstance(schema, Mapping) or depth > 4:
        return
    properties = schema.get("properties")
    if isinstance(properties, Mapping):
        yield from properties.items()
    parts = schema.get("allOf")
    for part in parts if isinstance(parts, list) else ():
        yield from _properties(part, references, depth + 1)


def _is_list(source: object, references: References) -> bool:
    schema = _follow(source, references)
    return isinstance(schema, Mapping) and (schema.get("type") == "array" or "items" in schema)


def _follow(source: object, references: References) -> Any:
    try:
        return references.follow(source)
    except UnresolvableReference:
        return None


@lru_cache(10_000)
def _letters(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())
