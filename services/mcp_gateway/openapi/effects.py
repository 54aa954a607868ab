"""Tell from an operation's words what it changes, if the method does not.

The method says it for most operations. Many APIs use GET or POST for everything, and name the effect
in the operation's id, path and summary.
"""

import re

from mcp_gateway.openapi.document import FoundOperation
from mcp_gateway.openapi.words.english import base_form, split_words
from mcp_gateway.openapi.words.paths import path_segments
from mcp_gateway.openapi.words.verbs import ALSO_NOUNS, VERBS

_DESTROYING = frozenset(
    """ban cancel delete deprovision deregister destroy discard drop erase evict expunge kick kill
    purge remove revoke terminate trash truncate uninstall unregister void wipe""".split()  # noqa: SIM905 - read as words
)
_READING = frozenset(
    """calculate compare count describe estimate fetch find get list lookup preview query read
    retrieve return search show validate view""".split()  # noqa: SIM905 - read as words
)
_MAY_CHANGE = ALSO_NOUNS - {"change", "import", "mark", "merge", "move", "post", "set", "sync"}
_CHANGING = ((VERBS - _MAY_CHANGE) | _DESTROYING) - _READING
_CHANGING_BY_GET = _DESTROYING | frozenset(
    """activate add approve archive assign attach create deactivate decline detach disable enable
    invite logout mute pause publish redeem reject renew reset restart restore resume rotate send
    submit subscribe suspend trigger unarchive uninstall unlock unsubscribe update upsert""".split()  # noqa: SIM905 - read as words
)
"""Verbs of which a GET is believed that it changes something."""
_SENDING = frozenset(["mark", "post", "share"])
"""Verbs of which a GET is believed it before an article; they are nouns too."""
_SETTING = frozenset(
    """activate archive block cancel close deactivate disable enable favorite follow hide like lock
    mark mute pause pin publish reopen resume revoke set star suspend unarchive unblock unfavorite
    unfollow unhide unlike unlock unmark unmute unpin unpublish unstar unsuspend unwatch
    void""".split()  # noqa: SIM905 - read as words
)
"""Verbs that bring about a state, which is the same after a second call."""
_ADDING = frozenset(
    ["add", "append", "create", "decrement", "increment", "resend", "send", "toggle"]
)
"""Verbs that may change something more at every call, also with PUT."""
_REACHING = frozenset(["broadcast", "email", "invite", "notify", "resend", "send"])
_SENT = frozenset(
    ["call", "email", "fax", "invitation", "invite", "letter", "message", "sms", "tweet"]
)
_FINAL = re.compile(
    r"\b(?:can(?:no|')t be (?:undone|reversed|recovered|restored|reverted)|irreversibl[ey]|"
    r"(?<!not )(?<!n't )permanently (?:delete|remove|erase|destroy|cancel)s?)\b",
    re.IGNORECASE,
)
_IS_IDEMPOTENT = re.compile(
    r"\b(?:this|the) (?:operation|endpoint|method|call|request|api) is idempotent\b", re.IGNORECASE
)


def destroys(found: FoundOperation) -> bool:
    """Tell whether the operation's changes probably can't be undone.

    The document decides with `destructive` in its `x-mcp` extension; else the method or a word does.
    """
    extension = found.node.get("x-mcp")
    said = extension.get("destructive") if isinstance(extension, dict) else None
    if isinstance(said, bool):
        return said
    words = {*split_words(found.operation_id or ""), *_last_segment(found)}
    words |= {_base_form(word) for word in split_words(found.summary)[:2]}
    if found.method == "DELETE" or not words.isdisjoint(_DESTROYING):
        return True
    return _FINAL.search(found.description) is not None


def only_reads(found: FoundOperation) -> bool:
    """Tell whether a POST only reads: its path and its summary both say so, and nothing else."""
    if found.method != "POST":
        return False
    path, said = _last_segment(found), split_words(found.summary or found.description)
    if not said:
        said = split_words(found.operation_id or "")
        said = said[-1:] if said and said[0] not in _READING else said
    # Frameworks end an id with the method: `search_items_search_post`.
    named = re.sub(r"post$", "", found.operation_id or "", flags=re.IGNORECASE)
    changes = {*path, *split_words(found.summary), *split_words(named)}
    ends = {path[0], path[-1]} if path else set()
    if "search" in split_words(found.path):  # `/search/jql`
        ends.add("search")
    return (
        bool(path and said)
        and not ends.isdisjoint(_READING)
        and _base_form(said[0]) in _READING
        and changes.isdisjoint(_CHANGING)
    )


def changes_by_get(found: FoundOperation) -> bool:
    """Tell whether a GET changes something, as its summary says, or else its id or its path's end."""
    if found.method not in {"GET", "HEAD"}:
        return False
    named = split_words(found.operation_id or "")[:1]
    if not _READING.isdisjoint(named):
        return False
    said = split_words((found.summary or found.description)[:80])
    if said:
        verb = base_form(said[0], _CHANGING_BY_GET | _SENDING)
        return verb in _CHANGING_BY_GET or (verb in _SENDING and said[1:2] == ["a"])
    path = split_words((path_segments(found) or ("",))[-1])
    ends = len(path) == 1 and path[0] in _CHANGING_BY_GET
    return ends or not _CHANGING_BY_GET.isdisjoint(named)


def can_be_repeated(found: FoundOperation, verb: str) -> bool | None:
    """Tell whether a second, equal call changes nothing more, where the method does not say it.

    Args:
        found: an operation that changes something.
        verb: the verb of its name.

    Returns:
        None if the method decides: PUT and DELETE can be repeated, others can't.
    """
    if found.method in {"PUT", "DELETE"}:
        return False if verb in _ADDING else None
    said = verb in _SETTING or _IS_IDEMPOTENT.search(found.description) is not None
    return True if said else None


def undoes(found: FoundOperation, verb: str) -> bool:
    """Tell whether a DELETE only takes back a state, such as a lock or a star."""
    return found.method == "DELETE" and verb in _SETTING and verb not in _DESTROYING


def reaches_people(found: FoundOperation, name: str) -> bool:
    """Tell whether an operation sends something to people, who may be outside of the API's data.

    Args:
        found: an operation that changes something.
        name: the tool's name.
    """
    verb, _, noun = name.partition("_")
    summary = split_words(found.summary or found.description[:80])
    said = base_form(summary[0], _REACHING) if summary else ""
    creates = verb == "create" and noun in _SENT
    return creates or verb in _REACHING or said in _REACHING


def _last_segment(found: FoundOperation) -> list[str]:
    """Return the words of the path's last segment that is not a parameter."""
    segments = found.path.partition("?")[0].split("/")
    fixed = [re.sub(r"\{[^{}]*\}", " ", segment) for segment in segments]
    return next((words for part in reversed(fixed) if (words := split_words(part))), [])


def _base_form(word: str) -> str:
    """Return the verb of a third person: `lists` is `list`, and `searches` is `search`."""
    return base_form(word, _CHANGING | _READING)
