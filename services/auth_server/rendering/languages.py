"""Match the languages that an app or browser asks for with the available ones."""

from collections.abc import Collection, Iterable

SOURCE = "en"
"""The language of the templates."""

_LONGEST_TAG = 64  # RFC 5646 §4.4.1 recommends 35; each part costs a look-up


def parse_accept_language(header: str) -> list[str]:
    """List the tags of an `Accept-Language` header, preferred first (RFC 9110 §12.5.4).

    Malformed entries are skipped, because a browser's preference never causes an error.
    """
    weighted: list[tuple[float, str]] = []
    for entry in header.split(",")[:20]:
        tag, _, parameter = entry.partition(";")
        name, _, value = parameter.partition("=")
        weight = 1.0
        if name.strip() == "q":
            try:
                weight = float(value)
            except ValueError:
                weight = 0.0
        if tag.strip() and weight > 0:
            weighted.append((weight, tag.strip()))
    return [tag for _, tag in sorted(weighted, key=lambda entry: -entry[0])]


def match_language(asked: Iterable[str], known: Collection[str]) -> str | None:
    """Find the first requested language that is known, shortening each tag as needed.

    For example, `de-AT` matches `de` (RFC 4647 §3.4).
    """
    for tag in asked:
        if len(tag) > _LONGEST_TAG:
            continue
        parts = tag.lower().split("-")
        for length in range(len(parts), 0, -1):
            candidate = "-".join(parts[:length])
            if candidate in known:
                return candidate
    return None
