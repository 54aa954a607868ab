"""Shared by the commands: loading the manifest and finding a tool."""

import difflib
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from gatepost.settings import SettingsError
from mcp_gateway.apis.api import Api
from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.catalogue.tool import Tool
from mcp_gateway.manifest.entries import ManifestError
from mcp_gateway.manifest.load import Manifest, load_document, load_manifest, make_catalogue
from mcp_gateway.manifest.several.load_apis import load_apis
from mcp_gateway.openapi.document import OpenApiDocument
from mcp_gateway.settings import McpGatewaySettings

_Command = TypeVar("_Command", bound=Callable[..., Any])


def manifest_option(command: _Command) -> _Command:
    """Add `--manifest`."""
    return click.option(
        "--manifest",
        "path",
        type=click.Path(dir_okay=False, path_type=Path),
        default=Path("tools.yaml"),
        show_default=True,
        help="Path of the manifest.",
    )(command)


def config_option(command: _Command) -> _Command:
    """Add `--config`, which stands for the manifests of all APIs of a gateway."""
    return click.option(
        "--config",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Path of a gatepost.yaml: take the tools of all its APIs instead of one manifest.",
    )(command)


def manifest_file(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--manifest`, and the manifest as an optional argument."""

    @functools.wraps(command)
    def run(given: Path | None, path: Path, **options: Any) -> Any:
        return command(path=given or path, **options)

    named = click.argument(
        "given",
        metavar="[MANIFEST]",
        required=False,
        type=click.Path(dir_okay=False, path_type=Path),
    )
    return named(manifest_option(run))


def load(path: Path) -> tuple[Manifest, OpenApiDocument, Catalogue]:
    """Read a manifest and the files that it names.

    Raises:
        click.ClickException: the manifest can't be served; the message lists every problem.
    """
    try:
        manifest = load_manifest(path)
        document = load_document(manifest)
        return manifest, document, make_catalogue(manifest, document)
    except ManifestError as error:
        hint = "" if path.exists() else "; name the manifest with --manifest"
        raise click.ClickException(f"{error}{hint}") from None


def load_gateway(config: Path) -> tuple[tuple[Api, ...], Catalogue]:
    """Read the APIs of a `gatepost.yaml`, and the catalogue that its gateway serves.

    Raises:
        click.ClickException: it can't be served; the message lists every problem.
    """
    try:
        settings = McpGatewaySettings.load(config)
        apis = settings.served_apis
        return apis, load_apis(apis, name=settings.name)
    except (SettingsError, ManifestError) as error:
        raise click.ClickException(str(error)) from None


def load_catalogue(path: Path, config: Path | None) -> Catalogue:
    """Read the tools of one manifest, or with a `gatepost.yaml` of its gateway.

    Raises:
        click.ClickException: they can't be served; the message lists every problem.
    """
    return load(path)[2] if config is None else load_gateway(config)[1]


def require_callable(catalogue: Catalogue, name: str) -> Tool:
    """Find a tool by name, or one that is not exposed and that an exposed one calls or asks about its job.

    Raises:
        click.ClickException: it does not exist; the message suggests similar ones.
    """
    hidden = (tool for api in catalogue.apis for tool in catalogue.tools_of(api))
    found = None if name in catalogue.tools else next((t for t in hidden if t.name == name), None)
    return found or require_tool(catalogue, name)


def require_tool(catalogue: Catalogue, name: str) -> Tool:
    """Find a tool by name.

    Raises:
        click.ClickException: it does not exist; the message suggests similar ones.
    """
    tool = catalogue.tools.get(name)
    if tool is None:
        near = difflib.get_close_matches(name, catalogue.tools, n=3)
        hint = (
            f"did you mean {' or '.join(near)}?" if near else "list all with `gatepost tools list`"
        )
        raise click.ClickException(f"no tool {name} is exposed; {hint}")
    return tool
