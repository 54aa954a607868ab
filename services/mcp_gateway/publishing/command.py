"""`gatepost publish`: bring the gateway into directories, and notice when it differs from their review."""

from pathlib import Path

import click

from gatepost.settings import SettingsError
from gatepost.text.hidden import write_line
from gatepost_cli.terminal import echo, json_option, print_rows
from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.catalogue.lock import LockError, lock_catalogue
from mcp_gateway.directories.approved import (
    DIRECTORIES,
    acknowledged_file,
    approved_file,
    find_drift,
    read_approvals,
)
from mcp_gateway.manifest.entries import ManifestError
from mcp_gateway.manifest.load import Manifest, load_manifest
from mcp_gateway.manifest.several.load_apis import load_apis
from mcp_gateway.publishing.checks import CHECKS, check
from mcp_gateway.publishing.finding import Submission
from mcp_gateway.publishing.first_listing import write_first_listing
from mcp_gateway.publishing.listing import (
    LISTING_FILE,
    REGISTRY_KEY,
    ListingError,
    read_listing,
)
from mcp_gateway.publishing.package import PackageError, write_package
from mcp_gateway.publishing.proof import ProofError, load_proof_key, write_proof
from mcp_gateway.publishing.replace_file import replace_file
from mcp_gateway.settings import McpGatewaySettings


@click.command()
@click.option("--init", is_flag=True, help=f"Write a first {LISTING_FILE} beside the manifest.")
@click.option(
    "--check",
    "checked",
    type=click.Choice(list(CHECKS)),
    help="List what violates the rules of a directory; exits with 1 if anything does.",
)
@click.option(
    "--write",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the package for every directory into a folder.",
)
@click.option(
    "--approved",
    type=click.Choice(DIRECTORIES),
    help="Record that the directory approved the tools as they are.",
)
@click.option(
    "--acknowledge",
    type=click.Choice(DIRECTORIES),
    help="Serve the tools as they are, although the directory approved others.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="Path of gatepost.yaml.  [default: $GATEPOST_CONFIG]",
)
@json_option
def publish(
    init: bool,
    checked: str | None,
    folder: Path | None,
    approved: str | None,
    acknowledge: str | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Publish the gateway in directories: check their rules, write their files, remember their review.

    The manifest and the public URL are those of gatepost.yaml, and publish.yaml beside the manifest holds
    what directories show. Choose one of --init, --check, --write, --approved and --acknowledge.
    """
    chosen = [init, checked, folder, approved, acknowledge]
    if sum(bool(one) for one in chosen) != 1:
        raise click.UsageError(
            "choose one of --init, --check, --write, --approved and --acknowledge"
        )
    try:
        settings = McpGatewaySettings.load(config)
        if init:
            _init(settings)
        elif approved is not None:
            _approve(settings, approved)
        elif acknowledge is not None:
            _acknowledge(settings, acknowledge)
        elif folder is not None:
            _write(_submission(settings), folder, McpGatewaySettings.config_file(config))
        elif checked is not None:
            _check(_submission(settings), checked, as_json=as_json)
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from None
    except (SettingsError, ListingError, LockError, PackageError, ProofError) as error:
        raise click.ClickException(str(error)) from None


def _submission(settings: McpGatewaySettings) -> Submission:
    manifest, catalogue = _load(settings)
    file = manifest.path.with_name(LISTING_FILE)
    return Submission(
        listing=read_listing(file),
        file=file,
        manifest=manifest,
        catalogue=catalogue,
        resource=settings.resource,
        published=settings.published,
        approvals=read_approvals(manifest.path.parent),
        apis=tuple(settings.served_apis),
    )


def _load(settings: McpGatewaySettings) -> tuple[Manifest, Catalogue]:
    """Return the first API's manifest, beside which the files are, and the tools of all APIs."""
    apis = settings.served_apis
    try:
        return load_manifest(apis[0].manifest), load_apis(apis, name=settings.name)
    except ManifestError as error:
        raise click.ClickException(str(error)) from None


def _init(settings: McpGatewaySettings) -> None:
    manifest, catalogue = _load(settings)
    file = manifest.path.with_name(LISTING_FILE)
    try:
        with file.open("x", encoding="utf-8") as new:
            new.write(write_first_listing(catalogue, settings.resource))
    except FileExistsError:
        raise click.ClickException(f"{file} already exists and was not changed") from None
    echo(f"Wrote {file}. Fill it in, then run `gatepost publish --check claude`.")


def _check(submission: Submission, directory: str, *, as_json: bool) -> None:
    found = check(submission, directory)
    print_rows(
        found,
        lambda one: write_line(one.describe()),
        as_json=as_json,
        none=f"{directory}: nothing found.",
    )
    if found:
        click.get_current_context().exit(1)


def _write(submission: Submission, folder: Path, config: Path | None) -> None:
    key = submission.file.with_name(REGISTRY_KEY)
    if folder.resolve() == key.parent.resolve():
        raise click.UsageError(
            f"--write: {folder} holds the manifest and the private key; choose another folder"
        )
    written = write_package(submission, folder, write_proof(load_proof_key(key)))
    for path in written:
        echo(str(path))
    # Relative paths in the settings start at their file's folder.
    beside = folder.resolve(), (config or Path()).resolve().parent
    named = beside[0].relative_to(beside[1]) if beside[0].is_relative_to(beside[1]) else beside[0]
    echo(f"Serve them: set `published: {named}` in section mcp_gateway.", err=True)


def _approve(settings: McpGatewaySettings, directory: str) -> None:
    manifest, catalogue = _load(settings)
    file = approved_file(manifest.path.parent, directory)
    replace_file(file, lock_catalogue(catalogue).write())
    acknowledged_file(manifest.path.parent, directory).unlink(missing_ok=True)
    echo(f"Wrote {file}: {len(catalogue.tools)} tools.")


def _acknowledge(settings: McpGatewaySettings, directory: str) -> None:
    manifest, catalogue = _load(settings)
    approvals = [one for one in read_approvals(manifest.path.parent) if one.directory == directory]
    if not approvals:
        raise click.ClickException(
            f"{approved_file(manifest.path.parent, directory)} does not exist; when {directory} has approved "
            f"the tools, run `gatepost publish --approved {directory}`"
        )
    drift = find_drift(catalogue, approvals)
    for one in drift:
        echo(write_line(one.describe()))
    if not drift:
        echo("No changes.")
        return
    file = acknowledged_file(manifest.path.parent, directory)
    replace_file(file, lock_catalogue(catalogue).write())
    echo(f"Wrote {file}: {len(catalogue.tools)} tools.")
