"""The words of an operationId, if a person wrote it."""

import re
from collections.abc import Sequence
from itertools import chain

from mcp_gateway.openapi.document import FoundOperation
from mcp_gateway.openapi.words.english import is_plural, singular, split_words
from mcp_gateway.openapi.words.paths import (
    deletes_many,
    find_verb,
    is_on_one,
    last_fixed,
    path_segments,
    singular_phrase,
    stems,
    without_echo,
    words_of_one,
)
from mcp_gateway.openapi.words.summaries import acts_as_verb, said_verb
from mcp_gateway.openapi.words.verbs import ALSO_NOUNS, ENDS_OF_IDS, PLAIN, READS, VERBS

PREPOSITIONS = frozenset(["as", "at", "by", "for", "from", "in", "of", "on", "to", "with"])
_NO_WORDS = frozenset(["a", "an", "the"])
_USUAL = frozenset(["create", "delete", "edit", "get", "list", "update"])
_NOUNS_FIRST = ALSO_NOUNS - {"list", "search"}


def words_of_id(operation: FoundOperation) -> list[str]:
    """Return the words of an operationId; none if it only repeats method and path, or has no noun."""
    text = operation.operation_id or ""
    # FastAPI makes ids from function name, path and method; only the function's name is useful.
    generated = re.sub(r"\W", "_", operation.path) + "_" + operation.method.lower()
    if text.endswith(generated) and len(text) > len(generated):
        text = text[: -len(generated)]
    # NestJS: `UsersController_findAll` and `UsersControllerV2_findAll`; gRPC: `UserService_GetUser`.
    text = re.sub(r"(?:V\d+)?(?:Controllers?|Service)(?:V\d+)?[_.](?=[A-Za-z])", "/", text)
    text = re.sub(r"Using(?:GET|POST|PUT|PATCH|DELETE)(?:_\d+)?$", "", text)  # Springfox.
    groups = _groups(text, operation.method.lower())
    groups = [kept for words in groups if (kept := [w for w in words if w not in _NO_WORDS])]
    for words in groups:
        if words[0] == "re" and len(words) > 1:
            words[:2] = [f"re{words[1]}"]  # `re-run-workflow`
    said = [word for group in groups for word in group]
    if said[:1] == ["bulk"] and said[1:2] and said[1] in VERBS:
        acts = 4 if said[2:3] == ["or"] else 2  # `bulk-create-or-update`
        said = [*said[1:acts], "bulk", *(said[acts:] or _second_to_last(operation))]
        groups = [said]
    if not said or said[0].isdigit() or _repeats_path(said, operation, in_groups=len(groups) > 1):
        return []
    is_within = len(groups) == 1 and _has_verb_second(said, operation)
    if is_within:
        groups = [said[:1], said[1:]]
    # `loadBalancers_delete` does not load.
    is_noun = (
        is_within
        or groups[0][0] not in VERBS
        or (len(groups[0]) > 1 and groups[0][0] in _NOUNS_FIRST)
    )
    if len(groups) > 1 and acts_as_verb(groups[-1][0], operation) and is_noun:
        said = _turn_groups(groups, operation)
    elif len(groups) == 1:
        said = _turn(said, operation)
    if not said:
        return []
    if len(said) == 1:
        return (
            [] if said[0] in VERBS else [find_verb(operation, on_one=is_on_one(operation)), *said]
        )
    if operation.method in {"GET", "HEAD", "DELETE"} and not acts_as_verb(said[0], operation):
        said = [find_verb(operation, on_one=is_on_one(operation) or not is_plural(said[-1])), *said]
    verb = PLAIN.get(said[0], said[0])
    if verb in {"patch", "post", "put"} and verb == operation.method.lower() != said_verb(
        operation
    ):
        verb = find_verb(operation, on_one=is_on_one(operation))
    if verb == "get" and not is_on_one(operation) and _lists(said[1:], operation):
        verb = "list"
    return [verb, *without_echo(said[1:])]


def _second_to_last(operation: FoundOperation) -> list[str]:
    """Return the words before a path's last segment: `projects` of `/projects/bulk-delete`."""
    return split_words(next(iter(path_segments(operation)[-2:-1]), ""))


def _groups(text: str, method: str) -> list[list[str]]:
    """Split an id where its parts end, as in `issues/list-for-repo` and `domains_get_record`."""
    ends = r"[/.:#]" if " " not in text else r"$"
    groups = [words for part in re.split(ends, text) if (words := split_words(part))]
    parts = [words for part in text.split("_") if (words := split_words(part))]
    if len(groups) != 1 or len(parts) < 2 or (len(parts[0]) == 1 and parts[0][0] in VERBS):
        return groups
    for index, words in enumerate(parts[1:], 1):
        is_verb_alone = len(words) == 1 and index + 1 < len(parts)
        verbs = VERBS if is_verb_alone else (VERBS - ALSO_NOUNS) | ENDS_OF_IDS | {method}
        if words[0] in verbs:
            return [list(chain(*parts[:index])), list(chain(*parts[index:]))]
    return groups


def _has_verb_second(words: Sequence[str], operation: FoundOperation) -> bool:
    """Tell whether a noun, a verb and another noun are an id: `orgListHooks`, `issueGetComment`."""
    if len(words) < 3 or words[1] not in VERBS:
        return False
    if words[1] == said_verb(operation):
        return words[0] not in VERBS or words[0] in _NOUNS_FIRST - _USUAL
    return words[0] not in VERBS and words[1] in _USUAL


def _turn_groups(groups: list[list[str]], operation: FoundOperation) -> list[str]:
    """Put the verb of `issues/list-for-repo` or `users.get` first, and the noun after it."""
    verb, *rest = groups[-1]
    if rest[:1] == ["or"] and len(rest) > 1:  # `create-or-update`
        verb, rest = f"{verb}_or_{rest[1]}", rest[2:]
    if rest in (["all"], ["one"], ["many"]):
        return []
    noun = [word for group in groups[:-1] for word in group]
    if rest[-1:] in (["partial"], ["bulk"]) or noun[-1:] in (["partial"], ["bulk"]):
        return []  # `users_partial_update`: the path tells it better.
    if verb == "update" and operation.method == "PUT" and "patch" in operation.path_item:
        verb = "replace"
    if rest and {singular(word) for word in noun} <= {singular(word) for word in rest}:
        return [verb, *rest]
    is_whole = not rest or rest[0] in PREPOSITIONS
    if not is_whole or verb != "list":
        makes = operation.method == "POST" and verb not in READS and is_whole
        makes = makes and not deletes_many(verb, noun, operation)
        if makes or noun[-1] in words_of_one(operation):
            noun[-1] = singular(noun[-1])
    return [verb, *noun, *rest]


def _turn(words: list[str], operation: FoundOperation) -> list[str]:
    """Put the verb of `accounts_get` or `ContainerStop` first, if its last word is the verb."""
    *noun, last = words
    ends_path = last_fixed(operation)[-1:] == [last]
    ends = last in ENDS_OF_IDS
    is_last = ends or (last in VERBS and (ends_path or last == said_verb(operation)))
    # `link_token_create` creates a link token.
    is_noun = words[0] in _NOUNS_FIRST and ends and ends_path
    if not noun or not is_last or (words[0] in VERBS and not is_noun):
        return _many(words, operation)
    makes = operation.method == "POST" and last not in READS
    if last != "list" and (makes or is_on_one(operation)):
        noun = singular_phrase(noun)
    return _many([last, *noun], operation)


def _many(words: list[str], operation: FoundOperation) -> list[str]:
    """Write the plural of what is listed, if the path has it: `ListMessage` is `list_messages`."""
    if words[0] == "list" and len(words) > 1:
        plurals = {singular(word): word for word in last_fixed(operation) if is_plural(word)}
        words = [*words[:-1], plurals.get(words[-1], words[-1])]
    return words


def _lists(nouns: Sequence[str], operation: FoundOperation) -> bool:
    """Tell whether the plural at a path's end is among the nouns: `getUsersForTeam`."""
    last = last_fixed(operation)[-1:]
    return operation.method == "GET" and last[:1] != [] and is_plural(last[0]) and last[0] in nouns


def _repeats_path(said: Sequence[str], operation: FoundOperation, *, in_groups: bool) -> bool:
    """Tell whether an id has the words of method and path, and no others."""
    path, method = operation.path.partition("?")[0], operation.method.lower()
    parameters = [split_words(name) for name in re.findall(r"\{([^{}]*)\}", path)]
    fixed = stems(split_words(re.sub(r"\{[^{}]*\}", " ", path)))
    forms = [
        said,
        said[1:] if said[:1] == [method] else said,
        said[:-1] if said[-1:] == [method] else said,
    ]
    whole = said
    for parameter in reversed(parameters):  # `getCardsBoardByIdCard`
        whole = whole[: -len(parameter) - 1] if _ends_with_by(whole, parameter) else []
    if parameters and whole[:1] in (["add"], ["delete"], ["get"], ["update"]):
        forms.append(whole[1:])
    # The last word of `repos/merge` is a verb, whatever the path has.
    wholes = [stems(split_words(path)), *([] if in_groups else [fixed])]
    return any(stems(words) in wholes for words in forms if words)


def _ends_with_by(said: Sequence[str], parameter: Sequence[str]) -> bool:
    return bool(parameter) and list(said[-len(parameter) - 1 :]) == ["by", *parameter]
