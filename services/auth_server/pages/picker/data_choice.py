"""Offer and read the choice of data for an agent, within the person's own data."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gatepost.data_scope import DataScope


@dataclass(frozen=True, slots=True)
class DataKind:
    """One kind of data, such as `team`, and its values to choose from.

    `open` is true if only an earlier choice, not the membership, restricts this kind: then the
    person can also allow all other values.
    """

    name: str
    values: tuple[str, ...]
    open: bool

    @property
    def is_a_choice(self) -> bool:
        """Whether the person has a choice."""
        return self.open or len(self.values) > 1


@dataclass(frozen=True, slots=True)
class DataOffer:
    """The kinds of data to choose from, and the entries (`kind:value`) selected at first.

    The entry `kind:` means every value of an open kind.
    """

    kinds: tuple[DataKind, ...]
    suggested: frozenset[str]

    @property
    def is_a_choice(self) -> bool:
        """Whether the person has a choice."""
        return any(kind.is_a_choice for kind in self.kinds)


class NothingChosen(ValueError):
    """No value of a kind was chosen; the message is the kind."""


def offer_data(held: DataScope, before: DataScope | None = None) -> DataOffer:
    """Offer the membership's data, with all of it or the earlier choice selected.

    Args:
        held: the membership's data scope.
        before: the live grant's data scope, if there is a grant.
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
    """Read the selected entries, ignoring those that were not offered.

    Raises:
        NothingChosen: no value of a kind is selected, which would mean no data at all.
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
