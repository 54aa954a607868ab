"""The words of a method and a path."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise

from mcp_gateway.openapi.document import FoundOperation
from mcp_gateway.openapi.words.english import is_plural, singular, split_words
from mcp_gateway.openapi.words.summaries import (
    ARTICLES,
    acts_as_verb,
    said_noun,
    said_verb,
    said_words,
)
from mcp_gateway.openapi.words.verbs import ALSO_NOUNS, PLAIN, READS, VERBS

VERSION = re.compile(r"v\d+(\.\d+)*([a-z]+\d*)?|\d{4}-\d{2}-\d{2}", re.IGNORECASE)
_BY_METHOD = {"POST": "create", "PUT": "replace", "PATCH": "update", "DELETE": "delete"}
_PREFIX = re.compile(rf"api|rest|latest|{VERSION.pattern}", re.IGNORECASE)
_FILE_TYPE = re.compile(r"\.(json|xml)$")
_BETWEEN = re.compile(r"/|:(?![^{}]*\})|\.(?=[a-z])(?![^{}]*\})")
_NOT_SAID = frozenset(["api", "id", "rest"])
"""Words that ids made from a path have more or fewer of than the path."""


def words_of_path(operation: FoundOperation) -> list[str]:
    """Return a verb and the nouns of a path, of which those in front are in the singular."""
    segments = path_segments(operation)
    fixed = [
        (words, "{" in part) for part in segments if (words := split_words(part)) or "{" in part
    ]
    nouns = [
        (words, fixed[index + 1 : index + 2] and fixed[index + 1][1])
        for index, (words, is_parameter) in enumerate(fixed)
        if not is_parameter
    ]
    if not nouns:
        return [
            find_verb(operation, on_one=True),
            "root" if not segments else digest_key(operation),
        ]
    on_one = fixed[-1][1] and not _says_list(operation)
    last = nouns[-1][0]
    # `POST /order` may well order something or create an order.
    if (
        not on_one
        and (len(nouns) > 1 or last[0] == said_verb(operation))
        and _acts(last, operation)
    ):
        verb, *tail = last
        parents = nouns[:-2]
        if len(nouns) > 1:
            noun, of_one = nouns[-2]
            makes = operation.method == "POST" and verb not in READS
            makes = makes and not deletes_many(verb, noun, operation)
            last = [*(singular_phrase(noun) if of_one or makes else noun), *tail]
        else:
            last = tail or said_noun(operation)
    else:
        single = on_one or operation.method == "POST"
        verb, parents = find_verb(operation, on_one=on_one), nouns[:-1]
        if operation.method == "POST" and last != [verb] == singular_phrase(last):
            verb = "create"  # `POST /invites` with the summary `Invite people`.
        last = singular_phrase(last) if single else last
    words = [
        word
        for parent, of_one in parents
        for word in (singular_phrase(parent) if of_one else parent)
    ]
    words += last
    if len(words) > 1 and words[0] == "search" and operation.method == "GET":
        verb, *words = words  # `/search/messages`
    return [PLAIN.get(verb, verb), *without_echo(words)]


def find_verb(operation: FoundOperation, *, on_one: bool) -> str:
    """Return the verb for an operation on a path's last noun."""
    said, method = said_verb(operation), operation.method
    if method == "HEAD":
        return "check"
    if method in {"GET", "QUERY"}:
        if said in {"count", "download", "export", "preview", "search"}:
            return said
        many = bool(is_plural((last_fixed(operation) or [""])[-1])) or said == "list"
        return "list" if many and not on_one else "get"
    if said not in VERBS and (named := split_words(operation.operation_id or "")[:1]):
        said = named[0] if named[0] in {"add", "update"} else said
    # `Export a list` exports, and `Export jobs` are things.
    second = (said_words(operation)[1:2] or [""])[0]
    is_said = said not in ALSO_NOUNS or said == "update" or second in ARTICLES
    if said in VERBS - {"get", "post", "put", "patch", "delete", "return"} and is_said:
        replaces = method == "PUT" and said == "update" and "patch" in operation.path_item
        return "replace" if replaces else {"insert": "create"}.get(said, said)
    if method == "POST" and on_one:
        return "update"
    return _BY_METHOD.get(method, method.lower())


def _acts(words: Sequence[str], operation: FoundOperation) -> bool:
    """Tell whether the path's last segment is what is done: `/tasks/{id}/close`."""
    verb, said = words[0], said_verb(operation)
    if operation.method in {"GET", "HEAD"}:
        return said == verb in VERBS or (
            verb in READS - {"read", "show", "view"} and said != "list"
        )
    if operation.method == "DELETE" or not acts_as_verb(verb, operation):
        return False
    return said == verb or verb not in ALSO_NOUNS or said not in {"add", "create", "update"}


def deletes_many(verb: str, noun: Sequence[str], operation: FoundOperation) -> bool:
    """Tell whether a summary says that things are deleted, and not one: `Delete projects`."""
    return verb in {"delete", "remove"} and noun[-1] in said_words(operation)


def path_segments(operation: FoundOperation) -> tuple[str, ...]:
    """Return a path's segments without version and file type; `tasks:close` has two."""
    return _segments(operation.path)


@lru_cache(10_000)
def _segments(path: str) -> tuple[str, ...]:
    path = _FILE_TYPE.sub("", path.partition("?")[0])
    return tuple(p for p in _BETWEEN.split(path) if p and not _PREFIX.fullmatch(p))


def last_fixed(operation: FoundOperation) -> list[str]:
    """Return the words of a path's last segment that is not a parameter."""
    return next(
        (split_words(part) for part in reversed(path_segments(operation)) if "{" not in part), []
    )


def words_of_one(operation: FoundOperation) -> set[str]:
    """Return the words of the path that a parameter follows: one of them is meant."""
    segments = path_segments(operation)
    return {
        word
        for part, after in pairwise(segments)
        if "{" in after and "{" not in part
        for word in split_words(part)
    }


def is_on_one(operation: FoundOperation) -> bool:
    """Tell whether a path ends with a parameter, and so means one thing."""
    is_one = "{" in next(iter(reversed(path_segments(operation))), "")
    return is_one and not _says_list(operation)


def _says_list(operation: FoundOperation) -> bool:
    return operation.method == "GET" and said_verb(operation) == "list"


def stems(words: Iterable[str]) -> list[str]:
    """Return the nouns in the singular, without prefixes and repetitions."""
    stems: list[str] = []
    for word in words:
        stem = singular(word)
        if word not in _NOT_SAID and not _PREFIX.fullmatch(word) and stems[-1:] != [stem]:
            stems.append(stem)
    return stems


def without_echo(words: Sequence[str]) -> list[str]:
    """Say `circuit types` for `circuits/circuit-types`."""
    if not words:
        return []
    following = [*words[1:], ""]
    pairs = zip(words, following, strict=True)
    return [word for word, after in pairs if singular(word) != singular(after)]


def singular_phrase(words: Sequence[str]) -> list[str]:
    """Return a phrase with its last word in the singular."""
    return [*words[:-1], *(singular(word) for word in words[-1:])]


def digest_key(operation: FoundOperation) -> str:
    """Return six characters made from method and path."""
    return hashlib.sha256(operation.key.encode()).hexdigest()[:6]
