"""Count what a message or an answer holds, before work starts whose length it decides."""

from typing import Any

MOST_VALUES = 10_000
"""Values in the arguments of one call: scalars, lists and objects, at any depth."""
MOST_CONTAINERS = 100_000
"""Lists and objects in one JSON-RPC message, each of which costs the parser an allocation."""
MOST_ANSWER_VALUES = 200_000
"""Values in one JSON answer of the upstream."""


def count_values(value: Any, most: int) -> int:
    """Return the number of values in parsed JSON, or any number above `most` if there are more."""
    count, waiting = 1, [value]
    while waiting and count <= most:
        held = waiting.pop()
        if type(held) in (dict, list):
            count += len(held)
            if count <= most:
                items = held.values() if type(held) is dict else held
                waiting.extend(item for item in items if type(item) in (dict, list))
    return count


def holds_more(text: bytes, marks: tuple[bytes, ...], most: int) -> bool:
    """Tell whether JSON text has more than `most` of these marks outside of its strings."""
    if len(text) <= 2 * most:  # counting is cheaper than parsing, not free
        return False
    if sum(map(text.count, marks)) <= most:
        return False
    # Only now look at strings, which may hold the marks too.
    bare = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    if bare.count(b'"') > 4 * most + 4:  # a value has at most a name and a text
        return True
    outside = b"".join(bare.split(b'"')[::2])
    return sum(map(outside.count, marks)) > most
