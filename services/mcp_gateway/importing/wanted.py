"""`gatepost tools propose`: manifest entries for what agents tried in vain."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, BinaryIO, NamedTuple

import click
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from gatepost.text.words import ALIKE, likeness, split_words
from gatepost_cli.terminal import echo
from mcp_gateway.importing.merge import kept_names
from mcp_gateway.importing.proposal import Proposed, entry_keys, propose
from mcp_gateway.importing.yaml_write import dump, indent_block
from mcp_gateway.manifest.load import Manifest
from mcp_gateway.openapi.document import FoundOperation, OpenApiDocument
from mcp_gateway.openapi.naming import name_operations
from mcp_gateway.review.commands.options import load, manifest_option

_MOST_BYTES = 10_000_000


class _Attempt(BaseModel):
    model_config = ConfigDict(frozen=True)

    kind: str
    names: Annotated[list[str], Field(min_length=1)]
    times: int


_ATTEMPTS = TypeAdapter(list[_Attempt])


class Wanted(NamedTuple):
    """An operation that the gateway doesn't serve, and the names by which agents asked for it."""

    found: FoundOperation
    names: tuple[str, ...]
    times: int


@click.command(name="propose")
@click.argument("attempts", metavar="ATTEMPTS", type=click.File("rb"))
@manifest_option
def propose_tools(attempts: BinaryIO, path: Path) -> None:
    """Propose entries of the manifest for tools that agents asked for in vain.

    ATTEMPTS is the output of `gatepost usage intent --json`, or - for standard input. Nothing is
    written: put the entries that you want into the manifest.
    """
    tried = _read(attempts)
    manifest, document, _ = load(path)
    wanted = list(match_operations(tried, document, manifest))
    if not wanted:
        echo("No operation that isn't served matches what agents tried.", err=True)
        return
    known = {entry.operation: entry.name for entry in manifest.tools}
    keys = {one.found.key for one in wanted} - known.keys()
    proposal = propose(
        document,
        name=manifest.name,
        bind={},
        select=lambda found, _: found.key in keys,
        hosts=manifest.hosts,
        kept=kept_names(manifest, document),
    )
    entries = {proposed.found.key: proposed for proposed in proposal.proposed}
    refused = dict(proposal.refused)
    for one in wanted:
        echo(f"# Asked for {one.times} times: {', '.join(one.names)}")
        if (name := known.get(one.found.key)) is not None:
            echo(f"# {path} has it as {name}; remove `expose: false` to serve it.\n")
        elif one.found.key in entries:
            echo(_write(entries[one.found.key]))
        else:
            echo(f"# {one.found.key} can't be served: {refused.get(one.found.key)}\n")


def match_operations(
    tried: Sequence[_Attempt], document: OpenApiDocument, manifest: Manifest
) -> Iterator[Wanted]:
    """Find the operation that each attempt means best, unless it is served already."""
    served = {entry.operation for entry in manifest.tools if entry.expose}
    words = _words_of(document, manifest)
    meant: dict[str, tuple[FoundOperation, list[str], int]] = {}
    for one in tried:
        if one.kind not in {"missing", "searched"}:
            continue
        asked = split_words(one.names[0])
        best, found = max(
            (
                (max(likeness(asked, name) for name in words[found.key]), found)
                for found in document.operations
            ),
            key=lambda scored: scored[0],
            default=(0.0, None),
        )
        if found is None or best < ALIKE or found.key in served:
            continue
        _, names, times = meant.get(found.key, (found, [], 0))
        meant[found.key] = found, [*names, *one.names], times + one.times
    for found, names, times in sorted(meant.values(), key=lambda one: -one[2]):
        yield Wanted(found, tuple(dict.fromkeys(names)), times)


def _words_of(
    document: OpenApiDocument, manifest: Manifest
) -> Mapping[str, Sequence[frozenset[str]]]:
    """Return the words of each operation's names: the tool's, its id and its summary."""
    names = name_operations(document.operations)
    in_manifest = {entry.operation: entry.name for entry in manifest.tools}
    return {
        found.key: [
            split_words(text)
            for text in (
                names[found.key],
                in_manifest.get(found.key, ""),
                found.operation_id or "",
                found.summary,
            )
        ]
        for found in document.operations
    }


def _read(attempts: BinaryIO) -> list[_Attempt]:
    try:
        return _ATTEMPTS.validate_json(attempts.read(_MOST_BYTES))
    except ValidationError as error:
        [first, *_] = error.errors(include_url=False)
        place = ".".join(str(part) for part in first["loc"])
        raise click.ClickException(
            f"this is not the output of `gatepost usage intent --json`: "
            f"{f'{place}: ' if place else ''}{first['msg']}"
        ) from None


def _write(proposed: Proposed) -> str:
    notes = "".join(f"# {note}\n" for note in proposed.notes)
    withheld = f"# Don't expose it: {proposed.withheld}\n" if proposed.withheld else ""
    return f"{notes}{withheld}{indent_block(dump({proposed.entry.name: entry_keys(proposed)}))}"
