"""Name tools: verb first, snake_case, unique, the same at every import.

A name has at most 48 characters, since clients add a prefix and allow 64 in total.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence

from mcp_gateway.openapi.document import FoundOperation

LONGEST = 48
VERBS = frozenset(
    """accept activate add apply approve archive assign attach block cancel change check clear clone
    close complete confirm convert copy count create deactivate delete deny describe detach disable
    download duplicate edit enable end execute export fetch find generate get grant import insert
    install invite join leave link list lock look lookup mark merge move open patch pause pin post
    preview publish purge put query read reject release remove rename reopen replace request reset
    resolve restart restore resume retrieve retry revoke rotate run save schedule search send set
    share show sign skip start stop submit subscribe suspend sync test toggle track transfer
    transition trigger unarchive unassign unblock unlink unlock unpin unpublish unsubscribe update upload
    upsert validate verify view void""".split()  # noqa: SIM905 - read as words
)
_BY_METHOD = {"POST": "create", "PUT": "replace", "PATCH": "update", "DELETE": "delete"}
_PREFIX = re.compile(r"api|rest|v\d+([a-z]+\d*)?|latest", re.IGNORECASE)


def name_operations(operations: Iterable[FoundOperation]) -> dict[str, str]:
    """Map every operation's key (`GET /path`) to a tool name.

    If operations share a name, the first keeps it and the others get a suffix made from their method
    and path, so that adding an operation does not rename others.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for operation in operations:
        name = _shorten(name_operation(operation), operation)
        if name in taken:
            name = f"{name[: LONGEST - 7]}_{_digest(operation)}"
        number, base = 2, name
        while name in taken:
            name, number = f"{base[: LONGEST - 4]}_{number}", number + 1
        taken.add(name)
        names[operation.key] = name
    return names


def is_verb(word: str) -> bool:
    """Tell whether a lower-case word is a verb that tool names start with."""
    return word in VERBS


def name_operation(operation: FoundOperation) -> str:
    """Name one operation by its operationId if that contains words, else by method and path."""
    if operation.operation_id:
        words = _words_of_id(operation.operation_id, operation)
        if words and not words[0].isdigit():
            return "_".join(words)
    return "_".join(_words_of_path(operation))


def _words_of_id(operation_id: str, operation: FoundOperation) -> list[str]:
    # FastAPI makes ids from function name, path and method; only the function's name is useful.
    generated = re.sub(r"\W", "_", operation.path) + "_" + operation.method.lower()
    if operation_id.endswith(generated) and len(operation_id) > len(generated):
        operation_id = operation_id[: -len(generated)]
    groups = [words for part in re.split(r"[/.:]", operation_id) if (words := split_words(part))]
    # `issues/list-for-repo` and `users.get`: the verb goes first, its noun after it.
    if len(groups) > 1 and groups[-1][0] in VERBS and groups[0][0] not in VERBS:
        verb, *rest = groups[-1]
        noun = [word for group in groups[:-1] for word in group]
        return [verb, *noun, *(rest if rest != noun else [])]
    return [word for group in groups for word in group]


def _words_of_path(operation: FoundOperation) -> list[str]:
    path = operation.path.partition("?")[0]
    segments = [part for part in path.split("/") if part and not _PREFIX.fullmatch(part)]
    fixed = [
        (words, "{" in part) for part in segments if (words := split_words(part)) or "{" in part
    ]
    nouns = [words for words, is_parameter in fixed if not is_parameter]
    if not nouns:
        return [_verb(operation, on_one=True), "root" if not segments else _digest(operation)]
    on_one = fixed[-1][1]
    acts = operation.method == "POST" and len(nouns) > 1 and nouns[-1][0] in VERBS and not on_one
    if acts:
        verb, *tail = nouns.pop()
        parents, last = nouns[:-1], [*_singular(nouns[-1]), *tail]
    else:
        verb, parents = _verb(operation, on_one=on_one), nouns[:-1]
        single = on_one or operation.method == "POST"
        last = _singular(nouns[-1]) if single else nouns[-1]
    return [verb, *(word for parent in parents for word in _singular(parent)), *last]


def _verb(operation: FoundOperation, *, on_one: bool) -> str:
    if operation.method in _BY_METHOD:
        return _BY_METHOD[operation.method]
    if operation.method == "HEAD":
        return "check"
    plural = re.search(r"s/?$", operation.path.partition("?")[0])
    return "get" if on_one or not plural else "list"


_WORD_STARTS = re.compile(r"([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])")
_WORD = re.compile(r"[a-z0-9]+")


def split_words(text: str) -> list[str]:
    """Split camelCase and punctuation into lower-case ASCII words."""
    spaced = _WORD_STARTS.sub(r"\1\3 \2\4", text) if not text.islower() else text
    return _WORD.findall(spaced.lower())


def _singular(words: Sequence[str]) -> list[str]:
    last = words[-1]
    if last.endswith("ies") and len(last) > 4:
        last = last[:-3] + "y"
    elif last.endswith(("sses", "shes", "ches", "xes")):
        last = last[:-2]
    elif last.endswith("s") and not last.endswith(("ss", "us", "is")):
        last = last[:-1]
    return [*words[:-1], last]


def _shorten(name: str, operation: FoundOperation) -> str:
    if len(name) <= LONGEST:
        return name
    cut = name[: LONGEST - 7]
    return f"{cut.rpartition('_')[0] or cut}_{_digest(operation)}"


def _digest(operation: FoundOperation) -> str:
    return hashlib.sha256(operation.key.encode()).hexdigest()[:6]
