"""`gatepost import openapi`: write a manifest to review from an OpenAPI document."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import orjson

from gatepost.document import DocumentError
from gatepost.text.hidden import write_line
from gatepost_cli.terminal import echo, progress
from mcp_gateway.documents.fetch import FetchError
from mcp_gateway.importing.budget import apply_budget
from mcp_gateway.importing.merge import Drift, Existing, kept_names, merge
from mcp_gateway.importing.proposal import choose, propose, write_manifest
from mcp_gateway.importing.report import report_coverage, report_drift, select_by_number
from mcp_gateway.importing.reviewed import as_reviewed
from mcp_gateway.importing.yaml_edit import UneditableText
from mcp_gateway.manifest.entries import ManifestError
from mcp_gateway.manifest.load import load_catalogue, load_manifest
from mcp_gateway.manifest.schema import SCHEMA, SCHEMA_FILE, claim_problem
from mcp_gateway.manifest.several.load_apis import LONGEST_NAME
from mcp_gateway.openapi.document import FoundOperation, OpenApiDocument, load_openapi
from mcp_gateway.openapi.operation_titles import LONGEST_TITLE
from mcp_gateway.text import shorten_text

MANIFEST = "tools.yaml"
_NOTHING_TO_SERVE = 3
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]")
Select = Callable[[FoundOperation, str], bool]


@dataclass(frozen=True, slots=True)
class Options:
    """The options of one import."""

    out: Path
    name: str | None
    tags: tuple[str, ...]
    paths: tuple[str, ...]
    methods: tuple[str, ...]
    patterns: tuple[str, ...]
    ask: bool
    expose_all: bool
    budget: int | None
    bindings: tuple[str, ...]
    hosts: tuple[str, ...]
    ref_hosts: tuple[str, ...]
    check: bool
    force: bool

    @property
    def manifest(self) -> Path:
        """The path of the manifest."""
        return self.out / MANIFEST


BUDGET = click.option(
    "--budget",
    type=click.IntRange(min=1),
    metavar="TOKENS",
    help="Expose only as many tools as fit into a list of this size.",
)
CHECK = click.option("--check", is_flag=True, help="Write nothing; fail if something would change.")
FORCE = click.option("--force", is_flag=True, help="Start over and replace existing files.")
"""Options that every import has."""


@click.group(name="import")
def import_() -> None:
    """Turn a description of your API into tools to review."""


@import_.command(name="openapi")
@click.argument("source", metavar="FILE_OR_URL")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Folder of tools.yaml and the copy of the document.  [default: this folder]",
)
@click.option("--name", help="The product's name.  [default: the document's title]")
@click.option("--tag", "tags", multiple=True, help="Only operations with this tag.")
@click.option("--path", "paths", multiple=True, metavar="GLOB", help="Only paths like /orders*.")
@click.option("--method", "methods", multiple=True, help="Only this HTTP method.")
@click.option(
    "--match",
    "patterns",
    multiple=True,
    metavar="PATTERN",
    help="Only if this regular expression matches the tool's name, operationId or METHOD /path.",
)
@click.option("--choose", "ask", is_flag=True, help="List the operations and ask which to expose.")
@click.option("--all", "expose_all", is_flag=True, help="Also expose operations that change data.")
@BUDGET
@click.option(
    "--bind",
    "bindings",
    metavar="PARAM=CLAIM",
    multiple=True,
    help="Fill a parameter from the access token wherever it occurs, such as org_id=tenant_id.",
)
@click.option(
    "--host",
    "hosts",
    multiple=True,
    help="Another host to which operations of the document may be sent.",
)
@click.option(
    "--ref-host",
    "ref_hosts",
    multiple=True,
    help="A host from which the document's references may be fetched.",
)
@CHECK
@FORCE
def import_openapi(source: str, **options: Any) -> None:
    """Propose tools for an OpenAPI document (3.x, or Swagger 2.0; JSON or YAML).

    Writes DIR/tools.yaml and a copy of the document beside it, and reports the imported operations,
    the refused ones with the reason, and the decisions that are left to you. Only operations that
    read are exposed; the others are listed with `expose: false`, as are operations for monitoring,
    for signing in, and those that repeat another one.

    If DIR/tools.yaml exists, it is updated: your edits stay, new operations are added unexposed
    (--all and --choose expose them), and changed or removed operations are reported.

    Before it reports success, it loads the files as the gateway does. Exits with 1 on errors and if
    --check finds a change, with 2 on a wrong option, and with 3 if there is nothing to serve.
    """
    given = Options(**options)
    import_document(source, given, lambda: _load(source, given.ref_hosts))


def import_document(source: str, given: Options, read: Callable[[], OpenApiDocument]) -> None:
    """Import what `read` reads from a source, as the options say."""
    bind, select = _parse_bindings(given.bindings), _selection(given)
    tell = click.get_current_context().with_resource(progress())
    tell(f"Reading {place_of(source)}")
    document = read()
    tell("Proposing tools for its operations")
    existing = None if given.force else _read_existing(given.manifest, source)
    if existing is not None and existing.manifest.is_mcp is not document.is_mcp:
        raise click.ClickException(
            f"{given.manifest} is of another kind of API; choose another folder with --out"
        )
    hosts = tuple(host.lower() for host in given.hosts)
    hosts += existing.manifest.hosts if existing else ()
    proposal = propose(
        document,
        name=shorten_text(given.name or document.title or "API", LONGEST_TITLE),
        bind=bind,
        expose_all=given.expose_all,
        select=select or (lambda found, tool: True),
        hosts=hosts,
        kept=_kept_names(document, existing),
    )
    tell("")
    if proposal.unused_bindings:
        missing = ", ".join(proposal.unused_bindings)
        raise click.UsageError(f"--bind: no operation has a parameter named {missing}")
    if given.ask:
        proposal = choose(proposal, select_by_number(proposal))
    elif existing is not None and not given.expose_all:
        proposal = choose(proposal, ())  # A person exposes the additions to a reviewed manifest.
    if given.budget is not None:
        proposal = apply_budget(proposal, given.budget)
    copy = given.out / _copy_name(document, existing)
    drift: Drift | None = None
    if existing is None:
        _require_free(copy, document.content, force=given.force)
        key = "mcp" if document.is_mcp else "openapi"
        text = write_manifest(proposal, {key: copy.name}, hosts)
    else:
        try:
            text, drift = merge(
                existing,
                document,
                proposal,
                selected=select is not None,
                chosen=given.ask,
                openapi=copy.name,
            )
        except UneditableText as error:
            raise click.ClickException(
                f"{given.manifest}: {error}. Nothing was written; --check shows what to change by "
                "hand."
            ) from None
    before = {path: _read(path) for path in (given.manifest, copy, given.out / SCHEMA_FILE)}
    changed = _write(given, {given.manifest: text.encode(), copy: document.content})
    tell("Loading the tools as the gateway does")
    problem = None if given.check and changed else _load_problem(given.manifest)
    tell("")
    if problem is not None and existing is None:
        for path, content in before.items():
            _restore(path, content)
        raise click.ClickException(
            f"the gateway could not load the imported tools, so nothing was written. Please report "
            f"this fault of gatepost:\n{problem}"
        )
    told = proposal if existing is None else as_reviewed(proposal, document, text)
    for line in (*report_coverage(document, told), *(report_drift(drift) if drift else ())):
        echo(write_line(line))
    _conclude(given, changed)
    if problem is not None:
        raise click.ClickException(f"the gateway can't load this manifest yet:\n{problem}")
    if not proposal.proposed:
        click.get_current_context().exit(_NOTHING_TO_SERVE)


def _write(given: Options, files: dict[Path, bytes]) -> list[Path]:
    """Write the files that changed, unless only checking; return which they are."""
    schema = orjson.dumps(SCHEMA, option=orjson.OPT_INDENT_2) + b"\n"
    files = {**files, given.out / SCHEMA_FILE: schema}
    changed = [p for p, new in files.items() if not p.exists() or p.read_bytes() != new]
    if not given.check:
        # Written before any output, so that a closed pipe does not prevent it.
        given.out.mkdir(parents=True, exist_ok=True)
        for path in changed:
            path.write_bytes(files[path])
    return changed


def _load_problem(manifest: Path) -> str | None:
    """Load what was written, as the gateway does; return why it can't, or None."""
    try:
        load_catalogue(manifest)
    except ManifestError as error:
        return str(error)
    return None


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def _restore(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink(missing_ok=True)
    else:
        path.write_bytes(content)


def _conclude(given: Options, changed: list[Path]) -> None:
    """Print the files that were written and the next step.

    Raises:
        click.ClickException: with --check, if something would change.
    """
    if given.check and changed:
        raise click.ClickException(f"would change: {', '.join(map(str, changed))}")
    done = (
        "Nothing would change."
        if given.check
        else f"Review {given.manifest}, then point the gateway at it."
    )
    echo(done if not changed else f"Wrote {' and '.join(map(str, changed))}. {done}")


def _selection(given: Options) -> Select | None:
    """Combine the options: an operation must match one of each kind that is given."""
    if not (given.tags or given.paths or given.methods or given.patterns):
        return None
    tags = {tag.lower() for tag in given.tags}
    methods = {method.upper() for method in given.methods}
    try:
        patterns = [re.compile(pattern, re.IGNORECASE) for pattern in given.patterns]
    except re.error as error:
        raise click.UsageError(f"--match: {error}") from None

    def select(found: FoundOperation, name: str) -> bool:
        said = (name, found.operation_id or "", found.key)
        return (
            (not tags or not tags.isdisjoint(tag.lower() for tag in found.tags))
            and (not given.paths or any(fnmatchcase(found.path, glob) for glob in given.paths))
            and (not methods or found.method in methods)
            and (not patterns or any(p.search(text) for p in patterns for text in said))
        )

    return select


def _load(source: str, ref_hosts: tuple[str, ...]) -> OpenApiDocument:
    try:
        return load_openapi(source, allowed_hosts=ref_hosts)
    except DocumentError as error:
        raise click.ClickException(
            write_line(f"{place_of(source)}: the document {error}")
        ) from None
    except FetchError as error:
        raise click.ClickException(write_line(f"{place_of(source)}: {error}")) from None


def place_of(source: str) -> str:
    """Return a source as it may be printed: a URL without its user name and query."""
    if not source.lower().startswith(("http://", "https://")):
        return source
    parts = urlsplit(source)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _read_existing(path: Path, source: str) -> Existing | None:
    if not path.exists():
        return None
    try:
        manifest = load_manifest(path)
        text = path.read_text(encoding="utf-8")
    except (ManifestError, OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{error}\nFix it, or start over with --force.") from None
    before = manifest.openapi
    # A document that is edited in place doesn't show what the last import read.
    if before is None or not before.exists() or Path(source).resolve() == before.resolve():
        return Existing(text, manifest, None)
    try:
        return Existing(text, manifest, load_openapi(before))
    except DocumentError:
        return Existing(text, manifest, None)


def _copy_name(document: OpenApiDocument, existing: Existing | None) -> str:
    kind = "json" if document.content.lstrip()[:1] == b"{" else "yaml"
    last = existing.manifest.openapi if existing is not None else None
    if last is not None and last.suffix in {f".{kind}", ".yml" if kind == "yaml" else ".json"}:
        return last.name
    return f"{'mcp' if document.is_mcp else 'openapi'}.{kind}"


def _kept_names(document: OpenApiDocument, existing: Existing | None) -> dict[str, str]:
    """Return the names that stay: those of the manifest, then those that an MCP server gave its tools."""
    names = kept_names(existing.manifest, document) if existing else {}
    for found in document.operations if document.is_mcp else ():
        name = _NOT_IN_NAMES.sub("_", found.operation_id or "")
        if found.key not in names and len(name) <= LONGEST_NAME and name not in names.values():
            names[found.key] = name
    return names


def _parse_bindings(bindings: tuple[str, ...]) -> dict[str, str]:
    parsed: dict[str, str] = {}
    for binding in bindings:
        parameter, equals, claim = binding.rpartition("=")
        if not equals or not parameter:
            raise click.UsageError(f"--bind {binding}: write PARAM=CLAIM, such as org_id=tenant_id")
        if problem := claim_problem(claim):
            raise click.UsageError(f"--bind {binding}: {problem}")
        parsed[parameter] = claim
    return parsed


def _require_free(copy: Path, content: bytes, *, force: bool) -> None:
    """Refuse to replace a document that has different content."""
    if copy.exists() and not force and copy.read_bytes() != content:
        raise click.ClickException(f"{copy} exists; --force replaces it")
