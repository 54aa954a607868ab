"""Clean up text from outside before people and models read it."""


def tidy_text(text: str) -> str:
    """Remove invisible characters (control and formatting) and surrounding whitespace."""
    if text.isprintable():
        return text.strip()
    return "".join(c for c in text if c.isprintable() or c in "\n\t").strip()


def shorten_text(text: str, most: int) -> str:
    """Cut a text of more than `most` characters at a word, and mark the cut with an ellipsis."""
    if len(text) <= most:
        return text
    cut = text[: most - 1]
    return f"{(cut.rpartition(' ')[0] or cut).rstrip()}…"
