"""`gatepost auth-server …`: serve, migrate, seed."""

import asyncio
import json
import logging
import tomllib
from pathlib import Path
from typing import Any

import click
import uvicorn

from auth_server.db.engine import open_database
from auth_server.db.migrate import make_revision, migrate
from auth_server.seed import SeedError, read_seed, store_seed
from auth_server.settings import AuthServerSettings
from gatepost.clock import utc_now
from gatepost.logs import configure_logs
from gatepost.settings import SettingsError

_config = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The TOML file; GATEPOST_CONFIG names it too.",
)


def _load(config: Path | None) -> AuthServerSettings:
    try:
        return AuthServerSettings.load(config)
    except SettingsError as error:
        raise click.ClickException(str(error)) from None


@click.group()
def auth_server() -> None:
    """Run and operate the authorization server."""


@auth_server.command()
@_config
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8400, show_default=True, type=click.IntRange(0, 65535))
def serve(config: Path | None, host: str, port: int) -> None:
    """Serve; brings the database to the newest schema first."""
    from auth_server.app import create_app

    settings = _load(config)
    configure_logs()
    logging.getLogger("alembic").setLevel(logging.WARNING)
    migrate(settings.database_url)
    uvicorn.run(
        create_app(settings),
        host=host,
        port=port,
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=10,
    )


@auth_server.command(name="migrate")
@_config
def migrate_command(config: Path | None) -> None:
    """Bring the database to the newest schema."""
    migrate(_load(config).database_url)


@auth_server.command()
@_config
@click.option("-m", "message", required=True, help="What the migration changes.")
def revision(config: Path | None, message: str) -> None:
    """Write a migration for changed tables (for developers)."""
    make_revision(_load(config).database_url, message)


@auth_server.command()
@_config
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def seed(config: Path | None, file: Path) -> None:
    """Add or replace the tenants, people and managed clients that FILE lists (TOML or JSON)."""
    settings = _load(config)
    try:
        text = file.read_text()
        document: dict[str, Any]
        document = json.loads(text) if file.suffix == ".json" else tomllib.loads(text)
        contents = read_seed(document)
    except (ValueError, SeedError) as error:
        raise click.ClickException(f"{file}: {error}") from None
    migrate(settings.database_url)
    asyncio.run(_store(settings, contents))
    click.echo(
        f"{len(contents.tenants)} tenants, {len(contents.people)} people, "
        f"{len(contents.clients)} managed clients"
    )


async def _store(settings: AuthServerSettings, contents: Any) -> None:
    database = open_database(settings.database_url)
    try:
        async with database.writing() as db, db.begin():
            await store_seed(db, contents, now=utc_now())
    finally:
        await database.engine.dispose()
