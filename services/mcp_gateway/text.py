"""Clean up text from outside before people and models read it."""


def tidy_text(text: str) -> str:
    """Remove invisible characters (control and formatting) and surrounding whitespace."""
    return "".join(c for c in text if c.isprintable() or c in "\n\t").strip()
