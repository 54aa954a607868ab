"""Give models one way to paginate: `cursor` and `limit`, whatever the API calls them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mcp_gateway.catalogue.tool import DeclaredPagination
from mcp_gateway.openapi.arguments import ImportedOperation
from mcp_gateway.requests.operation import Operation
from mcp_gateway.results.pagination import Pagination

_CURSOR, _LIMIT = "cursor", "limit"
_GO_ON = "The nextCursor of the page before."


@dataclass(frozen=True, slots=True)
class _Found:
    """How a listing is paginated, by the argument keys of the operation."""

    kind: Any
    position: str
    size: str | None
    most: int | None
    next: tuple[str, ...] | None
    items: tuple[str, ...] | None


def name_pages(
    imported: ImportedOperation, paging: DeclaredPagination | None, fixed: Collection[str]
) -> tuple[ImportedOperation, Pagination | None]:
    """Rename a listing's pagination arguments to `cursor` and `limit`, and describe its pagination.

    Args:
        imported: the operation.
        paging: the manifest's declaration; None infers the pagination from names.
        fixed: arguments that other keys name, which are not renamed.
    """
    found = _find(imported, paging)
    if found is None:
        return imported, None
    shown, taken = dict(imported.properties), imported.operation.arguments
    renamed: dict[str, str] = {}
    for key, name in ((found.position, _CURSOR), (found.size, _LIMIT)):
        if key is not None and key not in fixed and (key == name or name not in taken):
            renamed[key] = name
    size = {} if found.size is None else dict(shown[found.size])
    if found.size is not None and found.most is not None:
        size["maximum"] = min(found.most, size.get("maximum", found.most))
        shown[found.size] = size
    shown[found.position] = {**shown[found.position], "description": _GO_ON}
    first = shown[found.position].get("default", 1)
    pagination = Pagination(
        kind=found.kind,
        argument=renamed.get(found.position, found.position),
        parameter=_parameter(imported.operation, found.position),
        size=None if found.size is None else renamed.get(found.size, found.size),
        usual_size=size["default"] if isinstance(size.get("default"), int) else None,
        first=first if isinstance(first, int) else 1,
        next=found.next,
        items=found.items,
    )
    named = replace(
        imported,
        operation=_rename(imported.operation, renamed),
        properties={renamed.get(key, key): schema for key, schema in shown.items()},
        required=tuple(renamed.get(key, key) for key in imported.required),
    )
    return named, pagination


def _find(imported: ImportedOperation, paging: DeclaredPagination | None) -> _Found | None:
    if paging is not None:
        return _Found("cursor", paging.argument, paging.size, paging.most, paging.next, None)
    seen = imported.operation.pagination
    if seen is None or seen.position not in imported.properties:
        return None
    # A `from` may be a date and a `count` a flag; a position or a size is an integer.
    counted = _is_whole(imported.properties[seen.position])
    if not counted and (seen.kind != "cursor" or not _is_text(imported.properties[seen.position])):
        return None
    size = seen.size
    if size is not None and not (
        size in imported.properties and _is_whole(imported.properties[size])
    ):
        size = None
    return _Found(seen.kind, seen.position, size, None, seen.next, seen.items)


def _is_whole(schema: Mapping[str, Any]) -> bool:
    # Documents made from TypeScript call every number `number`.
    return schema.get("type") in ("integer", "number", ["integer", "null"], ["number", "null"])


def _is_text(schema: Mapping[str, Any]) -> bool:
    return schema.get("type") in ("string", ["string", "null"])


def _parameter(operation: Operation, argument: str) -> str:
    """Return the upstream's name of an argument."""
    names = {p.argument: p.name for p in operation.parameters}
    body = {} if operation.body is None else operation.body.properties
    return names.get(argument) or body.get(argument, argument)


def _rename(operation: Operation, renamed: Mapping[str, str]) -> Operation:
    parameters = tuple(
        replace(p, argument=renamed.get(p.argument, p.argument)) for p in operation.parameters
    )
    body = operation.body
    if body is not None:
        properties = {renamed.get(key, key): name for key, name in body.properties.items()}
        body = replace(body, properties=properties)
    seen = operation.pagination
    if seen is not None:
        size = None if seen.size is None else renamed.get(seen.size, seen.size)
        position = renamed.get(seen.position, seen.position)
        seen = replace(seen, position=position, size=size)
    return replace(operation, parameters=parameters, body=body, pagination=seen)
