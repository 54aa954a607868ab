"""What agents tried and could not do, by the tools and words that they used."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict

from auth_server.administration.operator import ActingOperator
from auth_server.administration.usage import Days
from auth_server.db.engine import DbSession
from auth_server.records.catalogues.store import find_catalogue
from auth_server.records.unmet_calls.store import (
    NOTHING_FOUND,
    PURPOSE,
    REPAIRED,
    Tried,
    list_unmet,
)
from auth_server.rendering.translation import translatable
from gatepost.metering.plans import start_of_day
from gatepost.text.words import ALIKE, likeness, split_words

MOST_READ = 2_000
"""The most different attempts of a period that are looked at."""
_MOST_SHOWN, _MOST_NAMES = 100, 5
_STATED: frozenset[str] = frozenset({"searched", "stated"})
"""The kinds of which the words are kept, instead of the name of a tool."""
Kind = Literal["missing", "not_allowed", "invalid", "repaired", "searched", "stated"]
KINDS: Mapping[Kind, str] = {
    "missing": translatable("Tools that don't exist"),
    "not_allowed": translatable("Tools that exist, but weren't allowed"),
    "invalid": translatable("Arguments that were refused"),
    "repaired": translatable("Arguments that the gateway corrected"),
    "searched": translatable("Searches that found no tool"),
    "stated": translatable("What agents said they were trying to do"),
}
"""The words for each kind of attempt."""


class Attempt(BaseModel):
    """What agents tried in vain, under one name or several that are alike."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    kind: Kind
    names: list[str]
    """The names that agents used, the most frequent first; at most five. `…` stands for the names of a day
    on which agents used too many. Of searches and stated purposes, these are their words."""
    words: list[str]
    """The words that the names have, in the form in which they are compared."""
    errors: list[str]
    """What agents were told, the most frequent first; at most five. Of corrected arguments, their names."""
    similar: list[str]
    """Tools that exist and have a similar name, the most similar first; at most five. Of stated purposes,
    these are the tools that were called, the most frequent first."""
    times: int


async def read_intent(
    db: DbSession,
    operator: ActingOperator,
    resources: Iterable[str],
    *,
    days: Days,
    now: datetime,
) -> list[Attempt]:
    """Summarize what agents tried in vain in the last days, the most frequent first.

    Args:
        db: a database session.
        operator: who asks.
        resources: the resources whose tools exist.
        days: the number of days, with today.
        now: the time.

    Raises:
        Forbidden: `calls:read` is missing.
    """
    operator.require("calls:read")
    since = start_of_day(now) - timedelta(days=days - 1)
    # What models say with each call must not hide what they could not do, and neither must what went well.
    tried = [
        one
        for reason in ("", PURPOSE, REPAIRED)
        for one in await list_unmet(db, since=since, most=MOST_READ, reason=reason)
    ]
    catalogues = [await find_catalogue(db, resource) for resource in resources] if tried else []
    tools = {tool.name for one in catalogues if one is not None for tool in one.tools}
    return cluster(tried, tools)


def cluster(tried: Iterable[Tried], tools: Iterable[str]) -> list[Attempt]:
    """Put together the attempts whose names have the same words, unless the tool exists."""
    known = {name: split_words(name) for name in tools}
    alike = defaultdict[tuple[Kind, str | frozenset[str]], list[Tried]](list)
    for one in tried:
        kind = _kind(one, known)
        alike[kind, _what_is_alike(kind, one, known)].append(one)
    found = [_attempt(kind, some, known) for (kind, _), some in alike.items()]
    return sorted(found, key=lambda one: (-one.times, one.names))[:_MOST_SHOWN]


def _what_is_alike(
    kind: Kind, one: Tried, known: Mapping[str, frozenset[str]]
) -> str | frozenset[str]:
    if kind in _STATED:
        return split_words(one.error) or one.error
    words = known.get(one.tool) or split_words(one.tool)
    return words if kind == "missing" and words else one.tool


def _kind(one: Tried, known: Mapping[str, frozenset[str]]) -> Kind:
    if one.reason in {NOTHING_FOUND, PURPOSE}:
        return "searched" if one.reason == NOTHING_FOUND else "stated"
    if one.reason == REPAIRED:
        return "repaired"
    if one.reason == "insufficient_scope" or (one.reason == "unknown_tool" and one.tool in known):
        return "not_allowed"
    return "missing" if one.reason == "unknown_tool" else "invalid"


def _attempt(kind: Kind, some: Sequence[Tried], known: Mapping[str, frozenset[str]]) -> Attempt:
    texts = [one.error if kind in _STATED else one.tool for one in some]
    words = split_words(texts[0])
    similar = []
    if kind in {"missing", "searched"}:
        compared = ((likeness(words, others), name) for name, others in known.items())
        similar = sorted((-value, name) for value, name in compared if value >= ALIKE)
    return Attempt(
        kind=kind,
        names=_distinct(texts) or ["…"],
        words=sorted(words),
        errors=_distinct(one.error for one in some) if kind in {"invalid", "repaired"} else [],
        similar=_distinct(one.tool for one in some)
        if kind == "stated"
        else [name for _, name in similar[:_MOST_NAMES]],
        times=sum(one.times for one in some),
    )


def _distinct(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(text for text in texts if text))[:_MOST_NAMES]
