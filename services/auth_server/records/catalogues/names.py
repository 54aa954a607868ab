"""Whose the tools' names are: what was granted for one API's tool opens no other API's."""

from collections.abc import Iterable, Mapping

from gatepost.catalogue import CatalogueDocument, ToolSummary

Apis = Mapping[str, str] | None
"""Of granted names that another API had first, the API whose tool was granted. Most grants have none."""
Taken = Mapping[str, tuple[str, str]]
"""Names that were another API's first, with that API and the one whose tool has the name now."""


def keep_own(names: Iterable[str], apis: Apis, taken: Taken) -> frozenset[str]:
    """Keep the names under which the same API answers as when they were granted, and all toolsets."""
    noted = apis or {}
    if not noted and not taken:
        return frozenset(names)
    return frozenset(name for name in names if _is_own(name, noted, taken))


def held_by(catalogue: CatalogueDocument, names: Iterable[str], apis: Apis) -> frozenset[str]:
    """Return what granted names allow now: without what another API took, with what was renamed."""
    return catalogue.include_renamed(keep_own(names, apis, catalogue.taken))


def note_apis(
    shown: CatalogueDocument, names: Iterable[str], latest: CatalogueDocument
) -> dict[str, str] | None:
    """Return what `keep_own` needs to know of granted names, to be stored with them.

    Args:
        shown: the catalogue that whoever grants them saw.
        names: the granted names.
        latest: the newest catalogue, which knows whose each name was first.
    """
    granted = frozenset(names)
    chosen = {tool.name: tool.api for tool in shown.tools if tool.api and tool.name in granted}
    present = {tool.name: tool.api for tool in latest.tools if tool.name in chosen}
    noted = {}
    for name, api in chosen.items():
        known = latest.first_api(name)
        # In a gateway with one API that names none, the tool is the one that was shown.
        first = known if known is not None else present.get(name) or api
        if api != first:
            noted[name] = api
    return noted or None


def follow_names(
    after: CatalogueDocument, before: CatalogueDocument
) -> tuple[dict[str, tuple[str, str]], dict[str, str]]:
    """Return the names that were another API's first, and those that no tool has, for a new catalogue.

    A name is the API's that had it first. When a gateway gets its second API, or has one again, the
    API of a tool gets a name or loses it; it is the same API if the tool is otherwise unchanged.

    Args:
        after: the new catalogue, with the renames that hold.
        before: the one before it.

    Returns:
        `taken` and `gone` of the new catalogue.
    """
    old, new = ({tool.name: tool for tool in one.tools} for one in (before, after))
    taken: dict[str, tuple[str, str]] = {}
    gone: dict[str, str] = {}
    for name in {**old, **before.gone, **before.taken}:
        known = before.first_api(name)
        first = known if known is not None else old[name].api
        tool = new.get(name) or new.get(after.renamed.get(name, ""))
        if tool is None:
            gone[name] = first
            continue
        was = old.get(tool.name)
        if name not in before.taken and was is not None and _is_same_api(tool, was, first):
            first = tool.api
        if first != tool.api:
            taken[name] = (first, tool.api)
        elif tool.name != name:
            gone[name] = first
    return taken, gone


def read_taken(stored: dict[str, list[str]] | None) -> Taken:
    """Read the stored form of `taken`."""
    return {name: (first, now) for name, (first, now) in (stored or {}).items()}


def _is_own(name: str, noted: Mapping[str, str], taken: Taken) -> bool:
    if name not in taken:
        return name not in noted
    first, now = taken[name]
    return noted.get(name, first) == now


def _is_same_api(tool: ToolSummary, was: ToolSummary, first: str) -> bool:
    return was.api == first and "" in {first, tool.api} and _look(tool) == _look(was)


def _look(tool: ToolSummary) -> tuple[str, str, str, bool, bool]:
    return tool.title, tool.description, tool.scope, tool.read_only, tool.destructive
