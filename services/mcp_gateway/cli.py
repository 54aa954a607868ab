"""`gatepost mcp-gateway …`. Commands import what they need when they run, so this loads fast."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gatepost_cli.lazy_group import LazyGroup
from gatepost_cli.terminal import echo, json_option, print_rows

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
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port to listen on.  [default: the resource's if it is on this machine, else 8401]",
)
def serve(config: Path | None, host: str | None, port: int | None) -> None:
    """Serve the MCP endpoint until stopped; running calls finish first."""
    import sys

    import uvicorn

    from gatepost.logs import configure_logs
    from gatepost.network.collector import keep_loaded_objects
    from gatepost.network.listen import CannotListen, bind, bind_metrics
    from gatepost.network.process import Process
    from gatepost.network.serve import DrainingServer, StopTimes
    from gatepost.network.stopping import Stopping
    from gatepost.settings import SettingsError
    from mcp_gateway.app import create_app
    from mcp_gateway.call_events.spool import Spool, SpoolBroken
    from mcp_gateway.manifest.entries import ManifestError
    from mcp_gateway.one_write import OneWrite
    from mcp_gateway.settings import McpGatewaySettings

    try:
        settings = McpGatewaySettings.load(config)
        configure_logs(level=settings.level)
        stopping = Stopping()
        with keep_loaded_objects():
            metrics = bind_metrics(settings.metrics_host, settings.metrics_port)
            app = create_app(settings, process=Process(stopping, metrics))
        Spool(settings.spool).close()
        bound = bind(settings.resource, host, port, usual_port=8401)
    except (SettingsError, ManifestError, CannotListen) as error:
        raise click.ClickException(str(error)) from None
    except SpoolBroken as error:
        problem = f"event_spool: {settings.spool} can't be used: {error}"
        raise click.ClickException(problem) from None
    server = DrainingServer(
        uvicorn.Config(
            app,
            http=OneWrite,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=settings.idle_connection_seconds,
        ),
        stopping,
        StopTimes(settings.lame_duck(settings.resource), settings.finish_seconds),
    )
    server.run([bound])
    if not server.started:
        sys.exit(3)  # As `uvicorn.run` does: the log has the reason.


@mcp_gateway.group()
def credentials() -> None:
    """Manage the secrets that authenticate your tenants at the API (`per_tenant` credentials)."""


_config = click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="Path of gatepost.yaml.  [default: $GATEPOST_CONFIG]",
)
_name = click.option("--name", help="The credential's name, or API.NAME, if several have a file.")


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
    echo(f"{tenant}: set.")


@credentials.command(name="list")
@_name
@_config
@json_option
def list_credentials(name: str | None, config: Path | None, as_json: bool) -> None:
    """List the tenants that have a secret, never the secrets."""
    from mcp_gateway.upstream.credentials.sealed_file import TenantWithSecret

    with _sealed_file(name, config) as file:
        rows = [TenantWithSecret(tenant_id=tenant) for tenant in file.tenants()]
    print_rows(rows, lambda one: one.tenant_id, as_json=as_json, none="No tenant has a secret.")


@credentials.command(name="remove")
@click.argument("tenant")
@_name
@_config
def remove_credential(tenant: str, name: str | None, config: Path | None) -> None:
    """Remove the secret of TENANT. Its calls then fail with a tool error."""
    with _sealed_file(name, config) as file:
        if not file.remove(tenant):
            raise click.ClickException(f"{tenant} does not have a secret")
    echo(f"{tenant}: removed.")


@contextmanager
def _sealed_file(name: str | None, config: Path | None) -> "Iterator[SealedFile]":
    """Open the file that the settings name; report problems as command-line errors."""
    from gatepost.settings import SettingsError
    from mcp_gateway.apis.credential_settings import PerTenantCredential
    from mcp_gateway.settings import McpGatewaySettings
    from mcp_gateway.upstream.credentials.open import sealed_file
    from mcp_gateway.upstream.credentials.sealed_file import SealedFileError

    try:
        settings = McpGatewaySettings.load(config)
        files = {
            f"{api.name}.{known}" if api.name else known: (known, credential)
            for api in settings.served_apis
            for known, credential in api.credentials.items()
            if isinstance(credential, PerTenantCredential) and credential.file is not None
        }
        if not files:
            raise SettingsError("there is no per_tenant credential with a file")
        if name is None and len(files) > 1:
            raise SettingsError(
                f"several have a file; choose with --name {' or --name '.join(files)}"
            )
        chosen = next(iter(files)) if name is None else name
        if chosen not in files:
            raise SettingsError(f"{chosen} does not have a file; choose one of {', '.join(files)}")
        yield sealed_file(*files[chosen])
    except (SettingsError, SealedFileError) as error:
        raise click.ClickException(str(error)) from None


import_ = LazyGroup(
    "import",
    help="Turn a description of your API into tools to review.",
    places={
        "openapi": (
            "mcp_gateway.importing.command:import_openapi",
            "Propose tools for an OpenAPI document (3.x, or Swagger 2.0; JSON or YAML).",
        ),
        "mcp": (
            "mcp_gateway.importing.mcp_command:import_mcp",
            "Propose tools for those of an MCP server.",
        ),
    },
)
_REVIEW = "mcp_gateway.review.commands"
tools = LazyGroup(
    "tools",
    help="Review the tools of a manifest before a gateway serves them.",
    places={
        "diff": (
            f"{_REVIEW}.diff:diff",
            "Compare the tools with tools.lock.json, the record of the published tools.",
        ),
        "dry-run": (
            f"{_REVIEW}.dry_run:dry_run",
            "Print the exact request that calling NAME with ARGUMENTS (JSON) would send.",
        ),
        "lint": (f"{_REVIEW}.lint:lint_command", "Check the tools."),
        "list": (
            f"{_REVIEW}.list:list_command",
            "List the tools with scope, effect on data, tokens and operation.",
        ),
        "propose": (
            "mcp_gateway.importing.wanted:propose_tools",
            "Propose entries of the manifest for tools that agents asked for in vain.",
        ),
        "show": (
            f"{_REVIEW}.show:show",
            "Show a tool as `tools/list` returns it, and the settings that models don't see.",
        ),
        "tokens": (
            f"{_REVIEW}.tokens:tokens",
            "Estimate the tokens of each tool and of the whole list, the most expensive first.",
        ),
    },
)
_EVALS = "mcp_gateway.evals"
eval_ = LazyGroup(
    "eval",
    help="See whether models choose the right tools with valid arguments.",
    places={
        "cases": (
            f"{_EVALS}.cases_command:cases",
            "Make cases from the tools, and from what agents did wrong, for people to review.",
        ),
        "run": (
            f"{_EVALS}.run_command:run",
            "Ask a model about every case, with the tools as the gateway lists them, and report.",
        ),
    },
)
