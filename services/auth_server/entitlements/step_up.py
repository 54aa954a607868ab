"""The tools that an app does not have yet, but may ask its person for."""

from typing import NamedTuple

from gatepost.catalogue import CatalogueDocument
from gatepost.scopes import covers


class StepUp(NamedTuple):
    """What a person may still be asked for.

    `decided` contains every scope that the app has asked for, and those of tools that the person
    added: no other tool of these scopes may be added to a token.
    `reads_only` is true if the tenant allows reading only.
    """

    decided: frozenset[str]
    reads_only: bool


def list_within_reach(
    catalogue: CatalogueDocument, step_up: StepUp, requestable: frozenset[str]
) -> frozenset[str]:
    """Return the tools whose only obstacle is a scope that the app has never asked for.

    Args:
        catalogue: the newest catalogue.
        step_up: what the person may still be asked for.
        requestable: the scopes that clients may ask for on this resource.
    """
    return frozenset(
        tool.name
        for tool in catalogue.tools
        if covers(requestable, tool.scope)
        and not covers(step_up.decided, tool.scope)
        and (tool.read_only or not step_up.reads_only)
    )
