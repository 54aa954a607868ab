"""`gatepost init`: the configuration of both services, to be filled in."""

import os
import secrets
from pathlib import Path

import click

_TEMPLATE = """\
# Gatepost. Both services read this file: each its own section. Every key can also be set in the
# environment: GATEPOST_AUTH_ISSUER, GATEPOST_MCP_RESOURCE, and so on; that wins over this file.

[auth_server]
# The public URL of the authorization server. Tokens name it, so never change it in production.
issuer = "{issuer}"
# Signing keys, cookies and refresh tokens hang on this. Keep it secret, and keep it.
secret_key = "{secret_key}"
# PostgreSQL in production: postgresql+psycopg://USER:PASSWORD@HOST/NAME
database_url = "sqlite+aiosqlite:///gatepost.db"

[[auth_server.resources]]
# The public URL of the gateway, exactly as people will type it into their AI app.
resource = "{resource}"

[mcp_gateway]
issuer = "{issuer}"
resource = "{resource}"
# Your REST API. `gatepost import openapi` writes the manifest from its OpenAPI document.
upstream_url = "{upstream_url}"
manifest = "tools.yaml"
# Signs the statement of who is calling that your API gets with each request. Made at first start.
signing_key = "gateway-key.pem"
"""


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False), default=".")
@click.option("--issuer", default="http://127.0.0.1:8400", show_default=True)
@click.option("--resource", default="http://127.0.0.1:8401/mcp", show_default=True)
@click.option("--upstream-url", default="https://api.example.com", show_default=True)
def init(directory: Path, issuer: str, resource: str, upstream_url: str) -> None:
    """Write DIRECTORY/gatepost.toml, with a fresh secret, for both services."""
    path = directory / "gatepost.toml"
    for flag, url in (
        ("--issuer", issuer),
        ("--resource", resource),
        ("--upstream-url", upstream_url),
    ):
        if not url.startswith(("https://", "http://")) or any(c in url for c in '"\\\n#?'):
            raise click.ClickException(f"{flag}: {url!r} is not an http or https URL")
    directory.mkdir(parents=True, exist_ok=True)
    text = _TEMPLATE.format(
        issuer=issuer,
        resource=resource,
        upstream_url=upstream_url,
        secret_key=secrets.token_urlsafe(48),
    )
    try:
        # It holds a secret: for its owner's eyes from the first byte, and never over an older one.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise click.ClickException(f"{path} is there already; it was left as it is") from None
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    click.echo(f"Wrote {path}. Next:")
    click.echo("  1. Look through it and set your URLs.")
    click.echo(f"  2. gatepost import openapi YOUR-OPENAPI.json --out {directory}")
    click.echo("  3. Review tools.yaml: what it exposes is what an agent can do.")
    click.echo(f"  4. gatepost auth-server seed PEOPLE.toml --config {path}")
    click.echo(f"  5. gatepost auth-server serve --config {path}")
    click.echo(f"     gatepost mcp-gateway serve --config {path}")
