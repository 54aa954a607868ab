"""Words that others wrote, as a reader and a model should get them."""


def tidy_text(text: str) -> str:
    """Take out what a reader can't see (control and formatting characters), and outer spaces."""
    return "".join(c for c in text if c.isprintable() or c in "\n\t").strip()
