"""Names must say the action and its object: `create_task`, not `tasks` or `TaskController_create`."""

import re
from collections.abc import Iterator

from mcp_gateway.openapi.naming import is_verb
from mcp_gateway.review.lint.finding import Finding, ReviewedManifest

_SNAKE_CASE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)+")


def verb_noun(reviewed: ReviewedManifest) -> Iterator[Finding]:
    """Report names that are not snake_case or don't start with a verb."""
    for name in reviewed.catalogue.tools:
        if not _SNAKE_CASE.fullmatch(name):
            message = "the name is not two or more words in snake_case"
        elif not is_verb(name.partition("_")[0]):
            message = f"the name starts with {name.partition('_')[0]!r}, which is not a known verb"
        else:
            continue
        yield Finding(
            name, "warning", message, "rename it to a verb and a noun, such as create_task"
        )
