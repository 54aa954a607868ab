"""Describe a tool in few words: first what it does, then as much of the document's text as fits."""

import re

from mcp_gateway.openapi.document import FoundOperation
from mcp_gateway.openapi.words.english import base_form, split_words
from mcp_gateway.openapi.words.verbs import VERBS
from mcp_gateway.text import shorten_text

_LONGEST = 600
_MOST_READ = 4000
"""Characters of the document's text that are looked at."""
_LONGEST_FIRST = 200
"""Characters of a first sentence; before a longer one stands the summary."""
_SAYS_WHAT = VERBS | {"allow", "give", "let", "make", "obtain", "provide", "use"}
_OPENING = re.compile(
    r"(?:(?:you can )?us(?:e|ing) |calling )?"
    r"(?:(?:this|the following) (?:(?:api|rest|http|web) )?"
    r"(?:endpoint|method|operation|call|request|api|route|resource|function)"
    r"|(?:the )?(?:[A-Z]+ )?`/[^`]*`(?: (?:endpoint|method|operation|api|route))?)"
    r"(?: (?:is(?: mainly)?|can be|may be) used (?:by [\w ]+ )?to| will| to|"
    r" (?:allows|enables|lets|permits) (?:you|users?|clients?|developers?|customers?)(?: to)?)? ",
    re.IGNORECASE,
)
_POINTER = re.compile(
    r"(?:^|(?<=[.!?)] )|(?<=\n))(?:"
    r"for (?:more|further|additional|detailed) (?:information|details|info|help)[^.\n]{0,60}"
    r"\b(?:see|refer to|read|check|visit)\b[^.\n]{0,160}"
    r"|learn more\b[^.\n]{0,160}"
    r"|(?:please )?(?:see|refer to|read|check|visit)\b[^.\n]{0,160}"
    r"\b(?:documentation|docs|guide|article|here|reference|section))(?:\.\"?|(?=\n|$))(?=\s|$)",
    re.IGNORECASE,
)
"""A sentence that only says where to read more, which a model can't."""
_OF_REQUESTS = re.compile(
    r"\b(?:(?:get|post|put|patch|delete|head)`? request|status(?: code)? (?:of )?`?[1-5]\d\d|"
    r"[1-5]\d\d (?:\w+ )?status|body of the request|response (?:code|body)|"
    r"json (?:object|array)s? (?:that|with|containing|whose)|accessed anonymously)\b"
)
_NEEDS = re.compile(r"\b(?:must|needs?|requires?|required)\b")
_TOKENS = re.compile(
    r"\b(?:access tokens?|oauth|api (?:keys?|credentials?)|scopes?|authenticat\w+|github apps?)\b"
)
_OF_PERMISSIONS = re.compile(
    r"\W*(?:required )?(?:permissions?|scopes?|authori[sz]ation|authentication|"
    r"rate limit(?: label)?|prerequisites?|oauth(?: 2(?:\.0)?)? scopes?)(?: scopes?)?(?: requirements?| required| needed)?\W*(?::|$)",
    re.IGNORECASE,
)
_LIST = re.compile(r"\s*(?:[-*+]|\d+\.)\s")
_BETWEEN_SENTENCES = re.compile(r"(?<=[.!?])\s+(?=[A-Z`*\[(])")
_HEADING = re.compile(r"^ {0,3}#{1,6} +(.*?)#*$", re.MULTILINE)
_SENTENCE = re.compile(r"(?<!e\.g)(?<!i\.e)(?<!etc)[.!?:](?=\s+[A-Z`*\"(\[-]|\s*\n|\s*$)|\n\s*\n")


def describe(found: FoundOperation, name: str) -> str | None:
    """Describe an operation by its summary and description; None if it has neither.

    Args:
        found: the operation.
        name: the tool's name, for a document that does not say what the operation does.
    """
    summary = _clean(found.summary)
    text = _shorten(_clean(found.description[:_MOST_READ]), _LONGEST)
    if not text:
        return _as_sentence(summary) or None
    first = _first_sentence(text)
    is_clear = len(first) <= _LONGEST_FIRST and _says_what(first)
    if is_clear or (summary and _says_same(summary, first)):
        word = text.partition(" ")[0]
        return text[:1].upper() + text[1:] if word.isalpha() and word.islower() else text
    return f"{_as_sentence(summary or name.replace('_', ' ').capitalize())} {text}"


def _clean(text: str) -> str:
    """Remove marks of headings, and what a model has nothing to do with."""
    text = _POINTER.sub("", _HEADING.sub(r"\1", text)).strip()
    opening = _OPENING.match(text)
    if opening is not None and _says_what(text[opening.end() :]):
        text = text[opening.end() :]
        text = text[:1].upper() + text[1:]
    kept: list[str] = []
    dropped = False
    for paragraph in re.split(r"\n\s*\n", text):
        said = "" if dropped and _LIST.match(paragraph) else _without_wire(paragraph)
        dropped = not said
        kept += [said] if said else []
    return "\n\n".join(kept)


def _without_wire(paragraph: str) -> str:
    lines = [line for line in paragraph.split("\n") if not _OF_PERMISSIONS.match(line)]
    sentences = _BETWEEN_SENTENCES.split("\n".join(lines))
    kept = [sentence for sentence in sentences if not _is_of_the_wire(sentence.lower())]
    return ("\n".join(lines) if len(kept) == len(sentences) else " ".join(kept)).strip()


def _is_of_the_wire(sentence: str) -> bool:
    """Tell whether a sentence is about requests or tokens, with which a model has nothing to do."""
    if _OF_REQUESTS.search(sentence):
        return True
    return _NEEDS.search(sentence) is not None and _TOKENS.search(sentence) is not None


def _shorten(text: str, most: int) -> str:
    """Cut a long text at the end of a paragraph, else of a sentence, else at a word."""
    if len(text) <= most:
        return text
    cut = text[:most]
    paragraph = cut.rpartition("\n\n")[0]
    if len(paragraph) > most // 3:
        return paragraph.strip()
    ends = [found.end() for found in _SENTENCE.finditer(cut)]
    return (cut[: ends[-1]] if ends else cut.rpartition(" ")[0] or cut).strip()


def _first_sentence(text: str) -> str:
    end = _SENTENCE.search(text)
    return text if end is None else text[: end.end()]


def _says_what(sentence: str) -> bool:
    words = [
        word for word in split_words(sentence[:80]) if not word.endswith("ly") or word in VERBS
    ]
    return bool(words) and base_form(words[0], _SAYS_WHAT) in _SAYS_WHAT


def _says_same(summary: str, sentence: str) -> bool:
    said = set(split_words(sentence))
    return all(word in said for word in split_words(summary))


def _as_sentence(summary: str) -> str:
    summary = shorten_text(summary, _LONGEST_FIRST)
    return f"{summary}." if summary and summary[-1] not in ".!?:…" else summary
