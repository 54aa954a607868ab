"""Cut a long answer to a size: leave out whole items and the ends of texts, and keep valid JSON."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mcp_gateway.results.exact import write_json

_LEAST = 64
"""Members of fewer bytes are not cut, since that would save too little."""
_DEEPEST = 60
_STEP = 64


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One part of the answer that was cut."""

    place: str
    """Its path, such as `tasks[].comments`; empty for the answer itself."""
    kind: str
    """`items`, `members` or `characters`."""
    shown: int
    whole: int


def fit(answer: Any, most: int, *, size: int | None = None) -> tuple[bytes, list[LeftOut]]:
    """Cut a parsed answer to at most `most` bytes of JSON, which must be 1,024 or more.

    Lists lose items from their end, then long texts lose their end, then objects lose members. Short
    members leave their unused share to long ones.

    Args:
        answer: the parsed answer.
        most: the limit in bytes.
        size: the bytes of the whole answer as JSON, if they are known.

    Returns:
        The JSON of the rest, and the parts that were cut.

    Raises:
        ValueError: the answer is nested too deeply to be written.
    """
    size, room = _size(answer) if size is None else size, most
    while True:
        left: list[LeftOut] = []
        written = write_json(_fit(answer, size, room, "", left, 0))
        if len(written) <= most:
            return written, left
        room = max(room - (len(written) - most) - _LEAST, room // 2)


def _fit(value: Any, size: int, room: int, place: str, left: list[LeftOut], depth: int) -> Any:
    """Cut a value whose JSON has `size` bytes, which is measured once for each value."""
    if size <= room:
        return value
    if type(value) is str:
        return _fit_text(value, room, place, left)
    if depth < _DEEPEST:
        if type(value) is list:
            return _fit_list(value, room, place, left, depth)
        if type(value) is dict:
            return _fit_object(value, size, room, place, left, depth)
    if isinstance(value, int | float):
        return value
    # Nested too deeply, or a number that does not fit.
    left.append(LeftOut(place, "characters", 0, size))
    return None


def _fit_text(text: str, room: int, place: str, left: list[LeftOut]) -> str:
    kept = text[: max(room, 0)]
    while kept and (over := _size(kept) + 3 - room) > 0:  # 3 bytes of UTF-8 for the ellipsis
        kept = kept[: min(len(kept) - 1, len(kept) - over // 6)]
    left.append(LeftOut(place, "characters", len(kept), len(text)))
    return f"{kept}…"


def _fit_list(items: list[Any], room: int, place: str, left: list[LeftOut], depth: int) -> Any:
    shown, step = 0, _STEP
    room -= 2
    # Measuring several items together costs a fraction of measuring each.
    while shown < len(items):
        size = _size(items[shown : shown + step]) - 1
        if size <= room:
            room -= size
            shown = min(shown + step, len(items))
        elif step == 1:
            break
        else:
            step //= 4
    kept = items[:shown]
    inner = f"{place}[]"
    if not kept and room > _LEAST and not isinstance(items[0], int | float):
        kept.append(_fit(items[0], _size(items[0]), room, inner, left, depth + 1))
    left.append(LeftOut(place, "items", len(kept), len(items)))
    return kept


def _fit_object(
    members: dict[str, Any], size: int, room: int, place: str, left: list[LeftOut], depth: int
) -> Any:
    sizes = _measure(members, size)
    shares = dict(_share(sizes, room - 2))
    whole = {name for name, size in sizes.items() if size <= shares[name]}
    cut = {name for name, share in shares.items() if share >= _LEAST + _size(name)} - whole
    spare = room - 2 - sum(sizes[name] for name in whole) - sum(shares[name] for name in cut)
    kept: dict[str, Any] = {}
    for name, value in members.items():
        if name in cut:
            inner = f"{place}.{name}" if place else name
            own, share = sizes[name] - _size(name) - 2, shares[name] - _size(name) - 2
            kept[name] = _fit(value, own, share, inner, left, depth + 1)
        elif name in whole:
            kept[name] = value
        elif sizes[name] <= spare:  # the first of many members that fit
            kept[name] = value
            spare -= sizes[name]
    if len(kept) < len(members):
        left.append(LeftOut(place, "members", len(kept), len(members)))
    return kept


def _measure(members: dict[str, Any], size: int) -> dict[str, int]:
    """Return the bytes of each member with its colon and comma, without measuring the longest."""
    longest = max(members, key=lambda name: _length(members[name]))
    sizes = {
        name: 0 if name == longest else _size(name) + _size(value) + 2
        for name, value in members.items()
    }
    sizes[longest] = size - 1 - sum(sizes.values())
    return sizes


def _length(value: Any) -> int:
    return len(value) if type(value) in (list, dict, str) else 0


def _share(sizes: dict[str, int], room: int) -> Iterator[tuple[str, int]]:
    """Yield each member's share, smallest first: its size, but at most an equal part of the rest."""
    waiting = len(sizes)
    for name in sorted(sizes, key=sizes.__getitem__):
        share = min(sizes[name], max(room, 0) // waiting)
        yield name, share
        room -= share
        waiting -= 1


def _size(value: Any) -> int:
    return len(write_json(value))
