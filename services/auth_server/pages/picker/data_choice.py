"""Which of the data that a person may see an agent may see: never more, often less."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gatepost.data_scope import DataScope


@dataclass(frozen=True, slots=True)
class DataKind:
    """One kind of data, such as `team`, and the values on offer.

    `open` where the membership does not restrict this kind and only an earlier answer did: then
    every other value can be allowed too.
    """

    name: str
    values: tuple[str, ...]
    open: bool

    @property
    def is_a_choice(self) -> bool:
        """Whether there is anything to choose."""
        return self.open or len(self.values) > 1


@dataclass(frozen=True, slots=True)
class DataOffer:
    """What a person can choose among, and the entries (`kind:value`) that are ticked at first.

    The entry `kind:` stands for every value of an open kind.
    """

    kinds: tuple[DataKind, ...]
    suggested: frozenset[str]

    @property
    def is_a_choice(self) -> bool:
        """Whether there is anything to choose."""
        return any(kind.is_a_choice for kind in self.kinds)


class NothingChosen(ValueError):
    """No value of one kind was chosen; the message is the kind."""


def offer_data(held: DataScope, before: DataScope | None = None) -> DataOffer:
    """Offer what the membership holds; tick all of it the first time, later what was allowed.

    Args:
        held: the membership's data scope.
        before: the live grant's, where there is one.
    """
    earlier: Mapping[str, frozenset[str]] = before.kinds if before is not None else {}
    kinds, suggested = [], set()
    for name in sorted({*held.kinds, *earlier}):
        is_open = name not in held.kinds
        values = earlier[name] if is_open else held.kinds[name]
        kinds.append(DataKind(name, tuple(sorted(values)), is_open))
        ticked = values & earlier[name] if name in earlier else values
        suggested |= {f"{name}:{value}" for value in ticked}
    return DataOffer(tuple(kinds), frozenset(suggested))


def choose_data(offer: DataOffer, entries: Collection[str]) -> DataScope:
    """Read the ticked entries; those that are not on offer count for nothing.

    Raises:
        NothingChosen: of a kind; nothing chosen would have to mean no data at all.
    """
    chosen: dict[str, frozenset[str]] = {}
    for kind in offer.kinds:
        if kind.open and f"{kind.name}:" in entries:
            continue
        ticked = {value for value in kind.values if f"{kind.name}:{value}" in entries}
        if not kind.is_a_choice:
            ticked = set(kind.values)
        if not ticked:
            raise NothingChosen(kind.name)
        chosen[kind.name] = frozenset(ticked)
    return DataScope(MappingProxyType(chosen))
