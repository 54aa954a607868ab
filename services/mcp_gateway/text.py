"""Clean up text from outside before people and models read it."""

from typing import Any

from gatepost.text.hidden import HIDDEN


def strip_text(text: str) -> str:
    """Remove hidden characters from a text, except line breaks and tabs."""
    return HIDDEN.sub("", text)


def tidy_text(text: str) -> str:
    """Remove hidden and control characters and surrounding whitespace."""
    if text.replace("\n", "").replace("\t", "").isprintable():
        return (text if text.isascii() else strip_text(text)).strip()
    return "".join(c for c in strip_text(text) if c.isprintable() or c in "\n\t").strip()


def strip_value(value: Any) -> Any:
    """Remove hidden characters from every text of a JSON value, names of members included."""
    if type(value) is str:
        return strip_text(value)
    if type(value) is list:
        return [strip_value(item) for item in value]
    if type(value) is dict:
        return {strip_text(name): strip_value(item) for name, item in value.items()}
    return value


def shorten_text(text: str, most: int) -> str:
    """Cut a text of more than `most` characters at a word, and mark the cut with an ellipsis."""
    if len(text) <= most:
        return text
    cut = text[: most - 1]
    return f"{(cut.rpartition(' ')[0] or cut).rstrip()}…"
