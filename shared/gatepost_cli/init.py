"""`gatepost init`: write a first configuration of both services."""

import contextlib
import os
import re
import secrets
from pathlib import Path

import click

from gatepost_cli.config import write_schema
from gatepost_cli.terminal import echo

_PLAIN = re.compile(r"https?://[A-Za-z0-9._~%@!$&()*+,;=/:\[\]-]+[A-Za-z0-9./~_-]")
_TEMPLATE = """\
# yaml-language-server: $schema=gatepost.schema.json
# Gatepost. Each service reads its own section of this file. Every key can also be set in the
# environment, which overrides this file: GATEPOST_AUTH_ISSUER, GATEPOST_MCP_RESOURCE, and so on.
# Never write secrets into this file: write {{env: NAME}} or {{file: PATH}} instead.

auth_server:
  # The public URL of the authorization server. Tokens contain it, so never change it in production.
  issuer: {issuer}
  # Protects stored signing keys, forms and refresh tokens. Keep it secret and don't lose it.
  secret_key: {{file: secret_key}}
  # PostgreSQL in production, as {{env: NAME}}: postgresql+psycopg://USER:PASSWORD@HOST/NAME
  database_url: sqlite+aiosqlite:///gatepost.db
  resources:
    # The public URL of the gateway, exactly as people will enter it in their AI app.
    - resource: {resource}

mcp_gateway:
  issuer: {issuer}
  resource: {resource}
  # Your REST API. `gatepost import openapi` writes the manifest from its OpenAPI document.
  upstream_url: {upstream_url}
  manifest: tools.yaml
  # The key that signs the identity assertion sent with each request. Created at the first start.
  signing_key: gateway-key.pem
"""


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False), default=".")
@click.option("--issuer", default="http://127.0.0.1:8400", show_default=True)
@click.option("--resource", default="http://127.0.0.1:8401/mcp", show_default=True)
@click.option("--upstream-url", default="https://api.example.com", show_default=True)
def init(directory: Path, issuer: str, resource: str, upstream_url: str) -> None:
    """Write DIRECTORY/gatepost.yaml for both services, and a new secret beside it."""
    path, secret = directory / "gatepost.yaml", directory / "secret_key"
    for flag, url in (
        ("--issuer", issuer),
        ("--resource", resource),
        ("--upstream-url", upstream_url),
    ):
        if not _PLAIN.fullmatch(url):
            raise click.UsageError(f"{flag}: {url!r} is not an http or https URL")
    directory.mkdir(parents=True, exist_ok=True)
    text = _TEMPLATE.format(issuer=issuer, resource=resource, upstream_url=upstream_url)
    try:
        with path.open("x") as file:
            file.write(text)
    except FileExistsError:
        raise click.ClickException(f"{path} already exists and was not changed") from None
    (directory / "gatepost.schema.json").write_text(write_schema())
    keep_secret(secret)
    echo(f"Wrote {path}, and {secret}, which only you can read. Next:")
    echo("  1. Set your URLs in it.")
    echo(f"  2. gatepost import openapi YOUR-OPENAPI.json --out {directory}")
    echo("  3. Review tools.yaml: agents can call every tool that it exposes.")
    echo(f"  4. gatepost auth-server seed PEOPLE.yaml --config {path}")
    echo(f"  5. gatepost config check --config {path}")
    echo(f"  6. gatepost auth-server serve --config {path}")
    echo(f"     gatepost mcp-gateway serve --config {path}")


def keep_secret(path: Path, secret: str = "") -> None:
    """Write a new secret to a file that only its owner can read; keep an existing one."""
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secret or secrets.token_urlsafe(48))
