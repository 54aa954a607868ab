"""Import again: update a reviewed manifest for a new document without losing a person's edits.

The document of the last import, which is beside the manifest, shows which texts a person edited: a
text that the last import wrote follows the document, and any other stays.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from mcp_gateway.catalogue.lock import lock_tool
from mcp_gateway.importing.proposal import Proposal, Proposed, entry_keys, propose
from mcp_gateway.importing.yaml_edit import YamlText
from mcp_gateway.manifest.entries import ManifestError, ToolEntry
from mcp_gateway.manifest.load import Manifest
from mcp_gateway.manifest.make_tool import make_tool
from mcp_gateway.openapi.document import FoundOperation, OpenApiDocument, UnknownOperation
from mcp_gateway.review.diff import Change, compare_tools

_TEXTS = ("title", "description")


@dataclass(slots=True)
class Drift:
    """How the manifest's tools changed since the last import."""

    new: list[str] = field(default_factory=list)
    exposed: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    changed: list[Change] = field(default_factory=list)
    reworded: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    """Texts that a person wrote and whose originals in the document changed."""
    gone: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    """Tools that the new document can't serve as they are; a person must decide."""


@dataclass(frozen=True, slots=True)
class Existing:
    """An existing manifest, with the document of its last import."""

    text: str
    manifest: Manifest
    document: OpenApiDocument | None
    """None if it isn't known."""


def merge(
    existing: Existing,
    after: OpenApiDocument,
    proposal: Proposal,
    *,
    selected: bool,
    chosen: bool,
    openapi: str,
) -> tuple[str, Drift]:
    """Update a manifest's text for a new document.

    A person left out the operations that the last document had and the manifest doesn't name; they
    stay out unless they are selected now. The proposal decides whether additions are exposed; tools
    whose operation is gone stay in the text, unexposed.

    Args:
        existing: the manifest.
        after: the new document.
        proposal: the tools that an import of `after` proposes.
        selected: whether a person selected the proposed tools.
        chosen: whether a person decided for each proposed tool if it is exposed.
        openapi: the new document's path, relative to the manifest.

    Returns:
        The new text and the changes.

    Raises:
        UneditableText: the text can't be changed in place.
    """
    manifest, before = existing.manifest, existing.document
    was = None
    if before is not None:
        kept = kept_names(manifest, before)
        was = propose(before, name="", bind={}, hosts=manifest.hosts, kept=kept)
    edit, drift = YamlText(existing.text), Drift()
    if manifest.openapi is None or manifest.openapi.name != openapi:
        edit.set(("mcp" if after.is_mcp else "openapi",), openapi)
    wrote = {} if was is None else {p.found.key: p for p in was.proposed}
    writes = {p.found.key: p for p in proposal.proposed}
    named: set[str] = set()
    for entry in manifest.tools:
        if not entry.operation:
            continue
        old = None if before is None else _find(before, entry.operation)
        new = _find(after, entry.operation) or _moved(old, after)
        if new is None:
            _take_out(edit, drift, entry)
            continue
        named.add(new.key)
        if _find(after, entry.operation) is None:
            edit.set(("tools", entry.name, "operation"), new.key)
            drift.moved.append(f"{entry.name}: {entry.operation} is {new.key} now")
        _bind(edit, entry, writes.get(new.key))
        if chosen and not entry.expose and new.key in writes and writes[new.key].entry.expose:
            edit.set(("tools", entry.name, "expose"), True)
            drift.exposed.append(f"{entry.name}: {new.key}")
        if old is not None:
            _follow(edit, drift, entry, wrote.get(old.key), writes.get(new.key))
        _compare(drift, manifest, entry, before, after, new)
    known = {op.key for op in before.operations} if before is not None else set()
    added = [
        p
        for p in proposal.proposed
        if p.found.key not in named
        and (selected or (p.found.key not in known and _find_id(before, p.found) is None))
    ]
    entries = {}
    for proposed in added:
        name = proposed.entry.name
        entries[name] = entry_keys(proposed)
        shown = "" if proposed.entry.expose else ", not exposed"
        drift.new.append(f"{name}: {proposed.found.key}{shown}")
    edit.add(("tools",), entries)
    return edit.write(), drift


def kept_names(manifest: Manifest, document: OpenApiDocument) -> dict[str, str]:
    """Map a document's operations to the names of their tools in a manifest, which stay.

    The names of other tools are there too, so that no new tool gets one.
    """
    kept = {entry.name: entry.name for entry in manifest.tools}
    for entry in reversed(manifest.tools):
        found = None if not entry.operation else _find(document, entry.operation)
        if found is not None:
            kept[found.key] = entry.name
    return kept


def _find(document: OpenApiDocument, reference: str) -> FoundOperation | None:
    try:
        return document.find(reference)
    except UnknownOperation:
        return None


def _find_id(document: OpenApiDocument | None, found: FoundOperation) -> FoundOperation | None:
    if document is None or found.operation_id is None:
        return None
    return _find(document, found.operation_id)


def _moved(old: FoundOperation | None, after: OpenApiDocument) -> FoundOperation | None:
    """Find an operation that kept its operationId under another method or path."""
    return _find_id(after, old) if old is not None else None


def _take_out(edit: YamlText, drift: Drift, entry: ToolEntry) -> None:
    if entry.expose:
        edit.set(
            ("tools", entry.name, "expose"), False, "the document does not have this operation"
        )
    drift.gone.append(f"{entry.name}: {entry.operation}")


def _bind(edit: YamlText, entry: ToolEntry, proposed: Proposed | None) -> None:
    """Add the requested bindings; existing ones stay as they are."""
    bound = dict(entry.bind)
    missing = {a: c for a, c in (proposed.entry.bind if proposed else ()) if a not in bound}
    if missing and not bound:
        edit.set(("tools", entry.name, "bind"), missing)
    elif missing:
        edit.add(("tools", entry.name, "bind"), missing)


def _follow(
    edit: YamlText,
    drift: Drift,
    entry: ToolEntry,
    wrote: Proposed | None,
    writes: Proposed | None,
) -> None:
    if wrote is None or writes is None:
        return
    before, after = entry_keys(wrote), entry_keys(writes)
    mine: Mapping[str, str | None] = {"title": entry.title, "description": entry.description}
    for key in _TEXTS:
        if before[key] == after[key] or mine[key] is None:
            continue
        if mine[key] == before[key]:
            edit.set(("tools", entry.name, key), after[key])
            drift.reworded.append(f"{entry.name}.{key}")
        elif mine[key] != after[key]:
            drift.kept.append(f"{entry.name}.{key}")


def _compare(
    drift: Drift,
    manifest: Manifest,
    entry: ToolEntry,
    before: OpenApiDocument | None,
    after: OpenApiDocument,
    new: FoundOperation,
) -> None:
    """Record changes for callers, and tools that can no longer be served."""
    try:
        tool = make_tool(replace(entry, operation=new.key), after, manifest.hosts)
    except ManifestError as error:
        drift.broken.append(f"tools.{entry.name}{error}")
        return
    try:
        old = make_tool(entry, before, manifest.hosts) if before is not None else None
    except ManifestError:
        old = None
    if old is not None:
        changes = compare_tools(entry.name, lock_tool(old), lock_tool(tool))
        drift.changed += [change for change in changes if change.kind != "wording"]
