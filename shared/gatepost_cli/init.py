"""`gatepost init`: the configuration of both services, to be filled in."""

import contextlib
import os
import re
import secrets
from pathlib import Path

import click

from gatepost_cli.config import write_schema

_PLAIN = re.compile(r"https?://[A-Za-z0-9._~%@!$&()*+,;=/:\[\]-]+[A-Za-z0-9./~_-]")
_TEMPLATE = """\
# yaml-language-server: $schema=gatepost.schema.json
# Gatepost. Both services read this file: each its own section. Every key can also be set in the
# environment: GATEPOST_AUTH_ISSUER, GATEPOST_MCP_RESOURCE, and so on; that wins over this file.
# Secrets never stand here: write {{env: NAME}} or {{file: PATH}} for them.

auth_server:
  # The public URL of the authorization server. Tokens name it, so never change it in production.
  issuer: {issuer}
  # Signing keys, cookies and refresh tokens hang on this. Keep it secret, and keep it.
  secret_key: {{file: secret_key}}
  # PostgreSQL in production, as {{env: NAME}}: postgresql+psycopg://USER:PASSWORD@HOST/NAME
  database_url: sqlite+aiosqlite:///gatepost.db
  resources:
    # The public URL of the gateway, exactly as people will type it into their AI app.
    - resource: {resource}

mcp_gateway:
  issuer: {issuer}
  resource: {resource}
  # Your REST API. `gatepost import openapi` writes the manifest from its OpenAPI document.
  upstream_url: {upstream_url}
  manifest: tools.yaml
  # Signs the statement of who is calling that your API gets with each request. Made at first start.
  signing_key: gateway-key.pem
"""


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False), default=".")
@click.option("--issuer", default="http://127.0.0.1:8400", show_default=True)
@click.option("--resource", default="http://127.0.0.1:8401/mcp", show_default=True)
@click.option("--upstream-url", default="https://api.example.com", show_default=True)
def init(directory: Path, issuer: str, resource: str, upstream_url: str) -> None:
    """Write DIRECTORY/gatepost.yaml for both services, and a fresh secret beside it."""
    path, secret = directory / "gatepost.yaml", directory / "secret_key"
    for flag, url in (
        ("--issuer", issuer),
        ("--resource", resource),
        ("--upstream-url", upstream_url),
    ):
        if not _PLAIN.fullmatch(url):
            raise click.ClickException(f"{flag}: {url!r} is not an http or https URL")
    directory.mkdir(parents=True, exist_ok=True)
    text = _TEMPLATE.format(issuer=issuer, resource=resource, upstream_url=upstream_url)
    try:
        with path.open("x") as file:
            file.write(text)
    except FileExistsError:
        raise click.ClickException(f"{path} is there already; it was left as it is") from None
    (directory / "gatepost.schema.json").write_text(write_schema())
    keep_secret(secret)
    click.echo(f"Wrote {path}, and {secret} for nobody else to see. Next:")
    click.echo("  1. Look through it and set your URLs.")
    click.echo(f"  2. gatepost import openapi YOUR-OPENAPI.json --out {directory}")
    click.echo("  3. Review tools.yaml: what it exposes is what an agent can do.")
    click.echo(f"  4. gatepost auth-server seed PEOPLE.yaml --config {path}")
    click.echo(f"  5. gatepost config check --config {path}")
    click.echo(f"  6. gatepost auth-server serve --config {path}")
    click.echo(f"     gatepost mcp-gateway serve --config {path}")


def keep_secret(path: Path) -> None:
    """Write a fresh secret for its owner's eyes from the first byte; one that is there stays."""
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))
