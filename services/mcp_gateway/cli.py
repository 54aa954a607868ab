"""`gatepost mcp-gateway …`. Commands import what they need when they run, so this loads fast."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from mcp_gateway.upstream.credentials.sealed_file import SealedFile


@click.group()
def mcp_gateway() -> None:
    """The MCP gateway: the resource server in front of your REST API."""


@mcp_gateway.command()
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="Path of gatepost.yaml.  [default: $GATEPOST_CONFIG]",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8401, show_default=True, type=click.IntRange(0, 65535))
def serve(config: Path | None, host: str, port: int) -> None:
    """Serve the MCP endpoint until stopped; running calls finish first."""
    import gc

    import uvicorn

    from gatepost.logs import configure_logs
    from gatepost.settings import SettingsError
    from mcp_gateway.app import create_app
    from mcp_gateway.call_events.spool import Spool, SpoolBroken
    from mcp_gateway.manifest.entries import ManifestError
    from mcp_gateway.one_write import OneWrite
    from mcp_gateway.settings import McpGatewaySettings

    try:
        settings = McpGatewaySettings.load(config)
        configure_logs(level=settings.level)
        app = create_app(settings)
        Spool(settings.spool).close()
    except (SettingsError, ManifestError) as error:
        raise click.ClickException(str(error)) from None
    except SpoolBroken as error:
        problem = f"event_spool: {settings.spool} can't be used: {error}"
        raise click.ClickException(problem) from None
    # The loaded objects live as long as the process, so the collector need not scan them again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 50)
    uvicorn.run(
        app,
        host=host,
        port=port,
        http=OneWrite,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=30,
    )


@mcp_gateway.group()
def credentials() -> None:
    """Manage the secrets that authenticate your tenants at the API (`per_tenant` credentials)."""


_config = click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="Path of gatepost.yaml.  [default: $GATEPOST_CONFIG]",
)
_name = click.option("--name", help="The credential's name, if several have a file.")


@credentials.command(name="set")
@click.argument("tenant")
@_name
@_config
def set_credential(tenant: str, name: str | None, config: Path | None) -> None:
    """Store a secret for TENANT, encrypted. It is prompted for, or read from a pipe.

    Running gateways use it from their next call on.
    """
    import sys

    with _sealed_file(name, config) as file:
        if sys.stdin.isatty():
            secret = click.prompt(f"Secret of {tenant}", hide_input=True, confirmation_prompt=True)
        else:
            secret = sys.stdin.buffer.readline(1 << 16).decode(errors="replace").strip("\r\n")
        if not secret or not (secret.isascii() and secret.isprintable()):
            raise click.UsageError("a secret is printable ASCII, and not empty")
        file.put(tenant, secret)
    click.echo(f"{tenant}: set.")


@credentials.command(name="list")
@_name
@_config
def list_credentials(name: str | None, config: Path | None) -> None:
    """List the tenants that have a secret, never the secrets."""
    with _sealed_file(name, config) as file:
        for tenant in file.tenants():
            click.echo(tenant)


@credentials.command(name="remove")
@click.argument("tenant")
@_name
@_config
def remove_credential(tenant: str, name: str | None, config: Path | None) -> None:
    """Remove the secret of TENANT. Its calls then fail with a tool error."""
    with _sealed_file(name, config) as file:
        if not file.remove(tenant):
            raise click.ClickException(f"{tenant} does not have a secret")
    click.echo(f"{tenant}: removed.")


@contextmanager
def _sealed_file(name: str | None, config: Path | None) -> "Iterator[SealedFile]":
    """Open the file that the settings name; report problems as command-line errors."""
    from gatepost.settings import SettingsError
    from mcp_gateway.credential_settings import PerTenantCredential
    from mcp_gateway.settings import McpGatewaySettings
    from mcp_gateway.upstream.credentials.open import sealed_file
    from mcp_gateway.upstream.credentials.sealed_file import SealedFileError

    try:
        settings = McpGatewaySettings.load(config)
        files = {
            known: credential
            for known, credential in settings.upstream_credentials.items()
            if isinstance(credential, PerTenantCredential) and credential.file is not None
        }
        if not files:
            raise SettingsError("upstream_credentials has no per_tenant credential with a file")
        if name is None and len(files) > 1:
            raise SettingsError(
                f"several have a file; choose with --name {' or --name '.join(files)}"
            )
        chosen = next(iter(files)) if name is None else name
        if chosen not in files:
            raise SettingsError(f"{chosen} does not have a file; choose one of {', '.join(files)}")
        yield sealed_file(chosen, files[chosen])
    except (SettingsError, SealedFileError) as error:
        raise click.ClickException(str(error)) from None


def __getattr__(name: str) -> Any:
    """Import `import_` and `tools` on first access."""
    if name == "import_":
        from mcp_gateway.importing.command import import_

        return import_
    if name == "tools":
        from mcp_gateway.review.commands import tools

        return tools
    raise AttributeError(name)
