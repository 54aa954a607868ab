"""Name tools: verb first, snake_case, unique, the same at every import.

A name has at most 48 characters, since clients add a prefix and allow 64 in total.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from mcp_gateway.openapi.document import FoundOperation
from mcp_gateway.openapi.words.english import split_words
from mcp_gateway.openapi.words.ids import PREPOSITIONS, words_of_id
from mcp_gateway.openapi.words.paths import VERSION, digest_key, words_of_path
from mcp_gateway.openapi.words.verbs import VERBS

LONGEST = 48
_FILLERS = PREPOSITIONS | {"a", "an", "and", "the"}


def name_operations(
    operations: Iterable[FoundOperation], kept: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Map every operation's key (`GET /path`) to a tool name.

    If operations share a name, the first keeps it. The others are named by their path, or with a
    suffix made from method and path.

    Args:
        operations: the operations of a document.
        kept: names that stay, by key, and names that are taken by other tools, by any other text.
    """
    names = dict(kept or {})
    taken = set(names.values())
    operations = tuple(operations)
    for operation in operations:
        if operation.key not in names:
            name = next(name for name in _candidates(operation) if name not in taken)
            taken.add(name)
            names[operation.key] = name
    return {operation.key: names[operation.key] for operation in operations}


def is_verb(word: str) -> bool:
    """Tell whether a lower-case word is a verb that tool names start with."""
    return word in VERBS


def name_operation(operation: FoundOperation) -> str:
    """Name one operation by its operationId if a person wrote it, else by method, path and summary."""
    return _join(words_of_id(operation) or words_of_path(operation), operation)


def _candidates(operation: FoundOperation) -> Iterator[str]:
    first = name_operation(operation)
    yield first
    by_path = words_of_path(operation)
    yield _join(by_path, operation)
    if operation.method != "GET" and "get" in operation.path_item:
        yield _join([*by_path, "by", operation.method.lower()], operation)
    named = split_words(operation.operation_id or "")
    if named and named[0] in VERBS:
        yield _join(named, operation)
    parameters = re.findall(r"\{([^{}]*)\}", operation.path)
    if parameters:
        yield _join([*by_path, "by", *split_words(parameters[-1])], operation)
    versions = [part for part in operation.path.split("/") if VERSION.fullmatch(part)]
    if versions:
        yield _join([*by_path, *split_words(versions[0])], operation)
    base = f"{first[: LONGEST - 7]}_{digest_key(operation)}"
    yield base
    number = 2
    while True:
        yield f"{base[: LONGEST - 4]}_{number}"
        number += 1


def _join(words: Sequence[str], operation: FoundOperation) -> str:
    """Join the words; of a long name drop fillers, then the outermost nouns."""
    words = "_".join(words).split("_")
    if len("_".join(words)) > LONGEST:
        words = [words[0], *(word for word in words[1:] if word not in _FILLERS)]
    while len(words) > 3 and len("_".join(words)) > LONGEST:
        words = [words[0], *words[2:]]
    name = "_".join(words)
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 7]}_{digest_key(operation)}"
