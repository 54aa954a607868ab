"""`gatepost auth-server serve`, and the commands that prepare its database."""

import asyncio
import logging
import sys
from pathlib import Path
from typing import Any

import click
import uvicorn

from auth_server.app import create_app
from auth_server.commands.common import config_option, in_transaction, load_settings
from auth_server.configuration import check
from auth_server.db.engine import DbSession
from auth_server.schema.migrate import (
    MigrationBlocked,
    Schema,
    SchemaIsOlder,
    make_revision,
    migrate,
    require_newest_schema,
    telling_migrations,
)
from auth_server.seed import SeedError, read_seed, store_seed
from auth_server.settings import AuthServerSettings
from auth_server.tenancy.own_provider import end_left_domains
from gatepost.clock import utc_now
from gatepost.document import DocumentError, read_document
from gatepost.logs import configure_logs
from gatepost.network.collector import keep_loaded_objects
from gatepost.network.http11 import Http11
from gatepost.network.listen import CannotListen, bind, bind_metrics
from gatepost.network.process import Process
from gatepost.network.serve import DrainingServer, StopTimes
from gatepost.network.stopping import Stopping
from gatepost_cli.terminal import echo, progress


@click.command()
@config_option
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port to listen on.  [default: the issuer's if it is on this machine, else 8400]",
)
@click.option(
    "--no-migrate",
    is_flag=True,
    help="Don't migrate: refuse to start if the database lacks migrations of this release.",
)
def serve(config: Path | None, host: str | None, port: int | None, *, no_migrate: bool) -> None:
    """Migrate the database to the newest schema, and serve."""
    settings = load_settings(config)
    if problems := check(settings):
        raise click.ClickException("\n".join(problems))
    configure_logs()
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        if no_migrate:
            require_newest_schema(settings.database_url)
        bound = bind(settings.issuer, host, port, usual_port=8400)
        metrics = bind_metrics(settings.metrics_host, settings.metrics_port)
    except (CannotListen, SchemaIsOlder) as error:
        raise click.ClickException(str(error)) from None
    if not no_migrate:
        _migrate(settings)
    stopping = Stopping()
    with keep_loaded_objects():
        app = create_app(settings, process=Process(stopping, metrics))
    server = DrainingServer(
        uvicorn.Config(
            app,
            http=Http11,
            ws="none",
            access_log=False,
            log_level="warning",
            server_header=False,
            # `trusted_proxies` decides which proxies may name client addresses.
            proxy_headers=False,
            timeout_keep_alive=settings.idle_connection_seconds,
        ),
        stopping,
        StopTimes(settings.lame_duck(settings.issuer), settings.finish_seconds),
    )
    server.run([bound])
    if not server.started:
        sys.exit(3)  # As `uvicorn.run` does: the log has the reason.


@click.command(name="migrate")
@config_option
def migrate_command(config: Path | None) -> None:
    """Migrate the database to the newest schema."""
    settings = load_settings(config)
    with progress() as tell, telling_migrations(tell):
        schema = _migrate(settings)
    text = "The database has the schema {}, which is {} release's."
    echo(text.format(schema.revision, "a later" if schema.is_newer else "this"))


@click.command()
@config_option
@click.option("-m", "message", required=True, help="What the migration changes.")
def revision(config: Path | None, message: str) -> None:
    """Generate a migration for changed tables (for developers)."""
    make_revision(load_settings(config).database_url, message)


@click.command()
@config_option
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def seed(config: Path | None, file: Path) -> None:
    """Add or replace the tenants, people, managed clients and API keys in FILE (YAML or JSON)."""
    settings = load_settings(config)
    try:
        contents = read_seed(read_document(file))
    except (DocumentError, SeedError) as error:
        raise click.ClickException(f"{file}: {error}") from None
    with progress() as tell, telling_migrations(tell):
        _migrate(settings)
    try:
        asyncio.run(_store(settings, contents))
    except SeedError as error:
        raise click.ClickException(f"{file}: {error}") from None
    counts = (
        _count(len(contents.tenants), "tenant", "tenants"),
        _count(len(contents.people), "person", "people"),
        _count(len(contents.clients), "managed client", "managed clients"),
    )
    echo(", ".join(counts))


def _migrate(settings: AuthServerSettings) -> Schema:
    try:
        return migrate(settings.database_url)
    except MigrationBlocked as error:
        raise click.ClickException(str(error)) from None


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


async def _store(settings: AuthServerSettings, contents: Any) -> None:
    async def work(db: DbSession) -> None:
        now, lifetime = utc_now(), settings.longest_token_lifetime
        await store_seed(db, contents, now=now)
        for person in contents.people:
            await end_left_domains(db, person.id, lifetime=lifetime, now=now)

    await in_transaction(settings, work)
