"""Descriptions must tell a model when to use a tool, and how tools differ."""

from collections import defaultdict
from collections.abc import Iterator

from mcp_gateway.review.lint.finding import Finding, ReviewedManifest

_FEWEST_WORDS = 4
_LONGEST = 2000


def descriptions(reviewed: ReviewedManifest) -> Iterator[Finding]:
    """Report descriptions that only repeat the title, repeat each other, or are too long."""
    alike: dict[str, list[str]] = defaultdict(list)
    for name, tool in reviewed.catalogue.tools.items():
        said = tool.description.strip()
        alike[said.lower()].append(name)
        words = said.split()
        if said.rstrip(".").lower() in {tool.title.rstrip(".").lower(), name.replace("_", " ")}:
            message = "the description only repeats the title"
        elif len(words) < _FEWEST_WORDS:
            message = f"the description is {len(words)} words long"
        elif len(said) > _LONGEST:
            message = f"the description has {len(said)} characters, which every list includes"
        else:
            continue
        yield Finding(
            name, "warning", message, "say in a sentence or two what it does and when to use it"
        )
    for names in alike.values():
        for name in names[1:]:
            yield Finding(
                name,
                "warning",
                f"it is described exactly as {names[0]}",
                "describe how the two differ",
            )
