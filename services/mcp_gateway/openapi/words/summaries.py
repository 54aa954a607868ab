"""The verb and the noun of a summary."""

from mcp_gateway.openapi.document import FoundOperation
from mcp_gateway.openapi.words.english import base_form, is_plural, split_words
from mcp_gateway.openapi.words.verbs import VERBS

ARTICLES = frozenset("a all an for multiple new one several the this your".split())  # noqa: SIM905
"""Words after which a noun follows, so that the word before is a verb."""
_PREPOSITIONS = frozenset(["and", "as", "at", "by", "from", "in", "of", "on", "to", "with"])


def said_words(operation: FoundOperation) -> list[str]:
    """Return the first words of the summary, or else of the description."""
    return split_words((operation.summary or operation.description)[:80])


def said_verb(operation: FoundOperation) -> str:
    """Return the first word of the summary, as a verb: `Lists all tasks` says `list`."""
    words = said_words(operation)
    said = base_form(words[0], VERBS) if words else ""
    return (
        "upsert"
        if said == "create" and words[1:3] in (["or", "update"], ["or", "replace"])
        else said
    )


def said_noun(operation: FoundOperation) -> list[str]:
    """Return the first noun of the summary."""
    words = said_words(operation)[1:]
    return [word for word in words if word not in ARTICLES | _PREPOSITIONS][:1] or ["everything"]


def acts_as_verb(word: str, operation: FoundOperation) -> bool:
    """Tell whether a word is a verb, or the summary begins with it and an article follows."""
    words = said_words(operation)[:2]
    is_said = words[:1] == [word] and words[1:] in (["a"], ["an"], ["the"])
    return word in VERBS or (is_said and not is_plural(word))
