"""`gatepost mcp-gateway …`. Light to import: what serves is imported when it serves."""

from pathlib import Path
from typing import Any

import click


@click.group()
def mcp_gateway() -> None:
    """The MCP gateway: the resource server in front of your REST API."""


@mcp_gateway.command()
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="gatepost.yaml; GATEPOST_CONFIG where not given.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8401, show_default=True, type=click.IntRange(0, 65535))
def serve(config: Path | None, host: str, port: int) -> None:
    """Serve the MCP endpoint until told to stop; calls under way are finished first."""
    import uvicorn

    from gatepost.logs import configure_logs
    from gatepost.settings import SettingsError
    from mcp_gateway.app import create_app
    from mcp_gateway.events.spool import Spool, SpoolBroken
    from mcp_gateway.settings import McpGatewaySettings
    from mcp_gateway.tools.manifest import ManifestError

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
    uvicorn.run(
        app,
        host=host,
        port=port,
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=30,
    )


def __getattr__(name: str) -> Any:
    """Find `import_` and `tools` where they live, once somebody asks for them."""
    if name == "import_":
        from mcp_gateway.tools.import_command import import_

        return import_
    if name == "tools":
        from mcp_gateway.commands import tools

        return tools
    raise AttributeError(name)
