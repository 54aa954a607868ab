"""`gatepost import openapi`: from an OpenAPI document to a manifest to review."""

from pathlib import Path

import click

from mcp_gateway.tools.document import LARGEST, DocumentError, parse_document
from mcp_gateway.tools.fetch import FetchError, fetch
from mcp_gateway.tools.manifest import claim_problem
from mcp_gateway.tools.openapi import OpenApiDocument, read_openapi
from mcp_gateway.tools.proposal import Proposal, propose, write_manifest

_MOST_SHOWN = 50


@click.group(name="import")
def import_() -> None:
    """Turn a description of your API into tools to review."""


@import_.command(name="openapi")
@click.argument("source", metavar="FILE_OR_URL")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Folder that gets tools.yaml and a copy of the document.  [default: this folder]",
)
@click.option("--name", help="What people call the product.  [default: the document's title]")
@click.option("--all", "expose_all", is_flag=True, help="Expose everything, not only what reads.")
@click.option(
    "--bind",
    "bindings",
    metavar="PARAM=CLAIM",
    multiple=True,
    help="Fill a parameter from the access token wherever it occurs, as org_id=tenant_id.",
)
@click.option("--force", is_flag=True, help="Replace files that exist.")
def import_openapi(
    source: str,
    out: Path,
    name: str | None,
    expose_all: bool,
    bindings: tuple[str, ...],
    force: bool,
) -> None:
    """Propose tools for an OpenAPI 3.0 or 3.1 document (JSON or YAML).

    Writes DIR/tools.yaml and a copy of the document beside it, and says what was imported, what
    was refused and why, and what is left to decide. Only reading operations are exposed; the
    others are listed with `expose: false`.
    """
    bind = _parse_bindings(bindings)
    data = _read(source)
    try:
        document = read_openapi(parse_document(data))
    except DocumentError as error:
        raise click.ClickException(f"{source} {error}") from None
    proposal = propose(
        document,
        name=name or document.title or "API",
        bind=bind,
        expose_all=expose_all,
    )
    if proposal.unused_bindings:
        missing = ", ".join(proposal.unused_bindings)
        raise click.UsageError(f"--bind: no operation has a parameter named {missing}")
    copy = out / ("openapi.json" if data.lstrip()[:1] == b"{" else "openapi.yaml")
    manifest = out / "tools.yaml"
    _require_free({manifest: None, copy: data}, force=force)
    out.mkdir(parents=True, exist_ok=True)
    copy.write_bytes(data)
    manifest.write_text(write_manifest(proposal, copy.name), encoding="utf-8")
    for line in report(document, proposal):
        click.echo(line)
    click.echo(f"Wrote {manifest} and {copy}. Review {manifest}, then point the gateway at it.")


def report(document: OpenApiDocument, proposal: Proposal) -> list[str]:
    """Say what became of every operation, and what a person must decide."""
    exposed = [p for p in proposal.proposed if p.entry.expose]
    hidden = [p for p in proposal.proposed if not p.entry.expose]
    total = len(proposal.proposed) + len(proposal.refused)
    lines = [
        f"{proposal.name}: {total} operations",
        f"  {len(exposed):5} exposed",
        f"  {len(hidden):5} not exposed until you take out their `expose: false`",
        f"  {len(proposal.refused):5} refused",
    ]
    if proposal.refused:
        lines += ["", "Refused, with the reason:"]
        lines += _bounded([f"  {key}: {reason}" for key, reason in proposal.refused])
    notes = [f"  {p.entry.name}: {note}" for p in proposal.proposed for note in p.notes]
    if notes:
        lines += ["", "Good to know:", *_bounded(notes)]
    lines += ["", "To decide:"]
    for parameter, tools in proposal.unbound_tenants.items():
        count = "1 tool" if len(tools) == 1 else f"{len(tools)} tools"
        lines.append(
            f"  {parameter} in {count} looks like the tenant, and the model chooses it now; "
            f"if it is, import with --bind {parameter}=tenant_id"
        )
    server = document.servers[0] if document.servers else "none"
    lines.append(f"  the gateway's upstream_url (the document's server: {server})")
    lines.append("")
    return lines


def _bounded(lines: list[str]) -> list[str]:
    more = len(lines) - _MOST_SHOWN
    return lines if more <= 0 else [*lines[:_MOST_SHOWN], f"  and {more} more"]


def _parse_bindings(bindings: tuple[str, ...]) -> dict[str, str]:
    parsed: dict[str, str] = {}
    for binding in bindings:
        parameter, equals, claim = binding.rpartition("=")
        if not equals or not parameter:
            raise click.UsageError(f"--bind {binding}: write PARAM=CLAIM, as org_id=tenant_id")
        if problem := claim_problem(claim):
            raise click.UsageError(f"--bind {binding}: {problem}")
        parsed[parameter] = claim
    return parsed


def _read(source: str) -> bytes:
    if source.lower().startswith(("http://", "https://")):
        try:
            return fetch(source)
        except FetchError as error:
            raise click.ClickException(f"{source}: {error}") from None
    try:
        with Path(source).open("rb") as file:
            return file.read(LARGEST + 1)
    except OSError as error:
        raise click.ClickException(f"{source}: {error.strerror}") from None


def _require_free(files: dict[Path, bytes | None], *, force: bool) -> None:
    """Refuse to replace a file that holds something else."""
    for path, content in files.items():
        if path.exists() and not force and (content is None or path.read_bytes() != content):
            raise click.ClickException(f"{path} exists; --force replaces it")
