"""`python -m demo_saas` serves Orbit; `python -m demo_saas openapi` writes its OpenAPI document."""

import json
import os
import sqlite3
import sys
from pathlib import Path

import click
import uvicorn

from demo_saas.app import create_app
from demo_saas.clock import utc_now
from demo_saas.seed import prepare_database
from demo_saas.settings import Settings, SettingsError, read_settings


@click.group(invoke_without_command=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8402, show_default=True, help="Port to listen on.")
@click.option("--database", type=Path, help="SQLite file, created and seeded if missing.")
@click.option("--public-url", help="Base URL that callers use.  [default: from the port]")
@click.option("--gatepost-issuer", help="The gateway's resource string.")
@click.option("--gatepost-jwks-url", help="URL of the gateway's public keys.")
@click.option("--slow-report-seconds", type=float, help="Duration of the delivery report.")
@click.pass_context
def main(context: click.Context, /, host: str, port: int, **flags: object) -> None:
    """Serve Orbit, the demo SaaS. ORBIT_<OPTION> sets every option except host and port."""
    if context.invoked_subcommand is not None:
        return
    environ = {"ORBIT_PUBLIC_URL": f"http://127.0.0.1:{port}"} | dict(os.environ)
    try:
        settings = read_settings(environ, **flags)
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    try:
        prepare_database(settings.database, now=utc_now())
    except sqlite3.DatabaseError as error:
        raise click.ClickException(f"ORBIT_DATABASE: {settings.database}: {error}") from None
    uvicorn.run(create_app(settings), host=host, port=port, server_header=False)


@main.command()
def openapi() -> None:
    """Write the OpenAPI document to standard output."""
    json.dump(create_app(Settings()).openapi(), sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main(prog_name="python -m demo_saas")
