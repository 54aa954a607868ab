"""Detect from names how a listing is paginated: by cursor, page or offset.

Only names that many APIs share count; without them, the listing counts as not paginated.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from mcp_gateway.documents.references import References, UnresolvableReference
from mcp_gateway.requests.operation import Pagination, Parameter

_SIZES = frozenset(
    """count first limit maxitems maxresults numperpage pagelimit pagesize perpage resultsperpage
    rows rowsperpage size take top""".split()  # noqa: SIM905 - read as words
)
_POSITIONS: Mapping[str, Literal["cursor", "page", "offset"]] = {
    **dict.fromkeys(
        """after continuationtoken cursor iterator lastevaluatedkey marker nextcursor nextmarker
        nextpagetoken nextpageurl nexttoken pagecursor pagemarker pagetoken paginationtoken
        scrollid skiptoken startcursor startingafter synctoken""".split(),  # noqa: SIM905 - words
        "cursor",
    ),
    **dict.fromkeys(
        ["page", "pagenumber", "pageno", "pagenum", "currentpage", "pageindex"], "page"
    ),
    **dict.fromkeys(["offset", "skip", "start", "startat", "startindex", "from"], "offset"),
}
_ORDER = ("cursor", "page", "offset")
_NEXT = frozenset(
    """after continuationtoken cursor endcursor lastevaluatedkey nextcursor next nextlink nextmarker
    nextoffset nextpage nextpagecursor nextpagelink nextpagetoken nextpageurl nextrecordsurl
    nexttoken nexturl odatanextlink paginationtoken""".split()  # noqa: SIM905 - read as words
)
_WRAPPERS = frozenset(
    """cursor cursors links meta metadata page pageinfo pagination paging responsemetadata
    resultinfo""".split()  # noqa: SIM905 - read as words
)
_LISTS = ("data", "items", "results", "records", "entries", "values", "value", "objects", "list")


def detect_pagination(
    parameters: Sequence[Parameter], answer: object, references: References
) -> Pagination | None:
    """Recognise a paginated listing by its query parameters and the fields of its answer.

    Args:
        parameters: the parameters of the operation, without those that were left out.
        answer: the unconverted schema of a successful answer, or None.
        references: resolves references in that schema.
    """
    queries = {_letters(p.name): p.argument for p in parameters if p.location == "query"}
    positions = {_POSITIONS[name]: key for name, key in queries.items() if name in _POSITIONS}
    size = next((key for name, key in queries.items() if name in _SIZES), None)
    fields = list(_fields(answer, references))
    upcoming = next((path for path, _ in fields if _letters(path[-1]) in _NEXT), None)
    for kind in _ORDER:
        # `start` or `from` alone may be a date; together with a size it is a position in a list.
        if kind in positions and (size or upcoming):
            return Pagination(
                kind=kind,
                position=positions[kind],
                size=size,
                next=upcoming,
                items=_items(answer, fields, references),
            )
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


def _letters(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())
