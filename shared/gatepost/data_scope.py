"""The data-scope grammar: space-separated `kind:value`, as in `team:engineering region:eu`.

Several values of one kind are a union; different kinds intersect. An absent kind is not restricted.
The empty data scope therefore restricts nothing, and adding a kind only narrows.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

_KIND = re.compile(r"[a-z][a-z0-9_]{0,31}")
_VALUE = re.compile(r"[A-Za-z0-9._~\-]{1,128}")


class MalformedDataScope(ValueError):
    """The text is not a list of `kind:value` entries."""


@dataclass(frozen=True, slots=True)
class DataScope:
    """A restriction on data: for each named kind, the values that may be seen."""

    kinds: Mapping[str, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}))
    _text: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Write the text once, because every call sends it to the upstream."""
        pairs = (f"{kind}:{value}" for kind in sorted(self.kinds) for value in self[kind])
        object.__setattr__(self, "_text", " ".join(pairs))

    def __str__(self) -> str:
        """Write the data scope as the claim's value, sorted."""
        return self._text

    def __getitem__(self, kind: str) -> list[str]:
        """List the values of one kind, sorted; empty if the kind is not restricted."""
        return sorted(self.kinds.get(kind, ()))

    def __hash__(self) -> int:
        """Hash by content, so that a data scope can be a cache key."""
        return hash(self._text)


def parse_data_scope(text: str) -> DataScope:
    """Read a data scope; an empty text restricts nothing.

    Raises:
        MalformedDataScope: an entry is not `kind:value` in the allowed characters.
    """
    kinds: dict[str, set[str]] = {}
    for entry in text.split():
        kind, colon, value = entry.partition(":")
        if not colon or not _KIND.fullmatch(kind) or not _VALUE.fullmatch(value):
            raise MalformedDataScope(
                f"{entry[:80]!r} is not kind:value (kind: a-z 0-9 _, value: letters digits . _ ~ -)"
            )
        kinds.setdefault(kind, set()).add(value)
    return DataScope(MappingProxyType({kind: frozenset(v) for kind, v in kinds.items()}))


def contains(outer: DataScope, inner: DataScope) -> bool:
    """Return whether `outer` allows everything that `inner` allows."""
    return all(
        kind in inner.kinds and inner.kinds[kind] <= values for kind, values in outer.kinds.items()
    )


def narrow_data_scope(ceiling: DataScope, asked: DataScope) -> DataScope | None:
    """Intersect two data scopes; None if they have nothing in common."""
    kinds = dict(ceiling.kinds)
    for kind, values in asked.kinds.items():
        kinds[kind] = values & kinds[kind] if kind in kinds else values
        if not kinds[kind]:
            return None
    return DataScope(MappingProxyType(kinds))
