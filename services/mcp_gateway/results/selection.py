"""Keep the fields of an answer that a model asks for, and tell it which of them the answer lacks."""

from collections.abc import Iterator, Sequence
from typing import Any

from mcp_gateway.results.edit import Edit, compile_edit
from mcp_gateway.results.fields import EACH, FieldPath, format_field

_MOST_TOLD = 60
_MOST_LOOKED_AT = 2_000


class Selection:
    """The fields that one call asks for."""

    def __init__(self, fields: Sequence[FieldPath], before: Edit | None) -> None:
        """Take the fields, and the tool's own edit, whose removals and redactions come first."""
        self._fields = fields
        self._before = before
        self._keep = compile_edit(fields, ())
        self.note = ""
        """What to tell the model about fields that the answer does not have; empty if it has all."""

    def edit(self, answer: Any) -> Any:
        """Keep the fields of a parsed answer."""
        if self._before is not None:
            answer = self._before(answer)
        missing = [format_field(path) for path in self._fields if not _has(answer, path)]
        if missing:
            known = ", ".join(list_fields(answer)) or "none"
            self.note = f"The answer does not have: {', '.join(missing)}. Its fields are: {known}."
        return answer if self._keep is None else self._keep(answer)


def list_fields(answer: Any) -> list[str]:
    """List the paths of the first fields of an answer that hold no others."""
    found: dict[str, None] = {}
    for looked_at, path in enumerate(_walk(answer, ())):
        if len(found) == _MOST_TOLD or looked_at == _MOST_LOOKED_AT:
            break
        found[format_field(path)] = None
    return [path for path in found if path]


def _walk(value: Any, path: FieldPath) -> Iterator[FieldPath]:
    if type(value) is dict and value:
        for name, item in value.items():
            # Another name can't be written as a path.
            if name and not set(name) & set(".[] \t\n"):
                yield from _walk(item, (*path, name))
    elif type(value) is list and value:
        for item in value:
            yield from _walk(item, (*path, EACH))
    else:
        yield path


def _has(value: Any, path: FieldPath) -> bool:
    """Tell whether some record has a field; every record of an empty list does."""
    for place, part in enumerate(path):
        if part == EACH:
            rest = path[place + 1 :]
            return type(value) is list and (not value or any(_has(item, rest) for item in value))
        if type(value) is not dict or part not in value:
            return False
        value = value[part]
    return True
