"""The commands `gatepost auth-server …` and `gatepost keys …`."""

import asyncio
import logging
from pathlib import Path
from socket import socket
from typing import Any

import click
import uvicorn

from auth_server.commands.api_keys import api_keys
from auth_server.commands.audit_verify import audit_verify
from auth_server.commands.clients import clients
from auth_server.commands.common import config_option as _config
from auth_server.commands.common import in_transaction as _in_transaction
from auth_server.commands.common import load_settings as _load
from auth_server.commands.events_worker import events_worker
from auth_server.commands.grants import grants
from auth_server.commands.memberships import memberships
from auth_server.commands.people import people
from auth_server.commands.tenants import tenants
from auth_server.db.engine import DbSession
from auth_server.records.signing_keys.store import list_published_keys
from auth_server.runtime import keys_of
from auth_server.schema.migrate import make_revision, migrate
from auth_server.seed import SeedError, read_seed, store_seed
from auth_server.settings import AuthServerSettings
from auth_server.tokens.keyring import rotate, withdraw
from gatepost.clock import utc_now
from gatepost.document import DocumentError, read_document
from gatepost.logs import configure_logs
from gatepost.network.http11 import Http11


@click.group()
def auth_server() -> None:
    """Run and operate the authorization server."""


auth_server.add_command(tenants)
auth_server.add_command(people)
auth_server.add_command(memberships)
auth_server.add_command(clients)
auth_server.add_command(grants)
auth_server.add_command(api_keys)
auth_server.add_command(events_worker)
auth_server.add_command(audit_verify)


@auth_server.command()
@_config
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8400, show_default=True, type=click.IntRange(0, 65535))
def serve(config: Path | None, host: str, port: int) -> None:
    """Migrate the database to the newest schema, and serve."""
    from auth_server.app import create_app
    from auth_server.configuration import check

    settings = _load(config)
    if problems := check(settings):
        raise click.ClickException("\n".join(problems))
    configure_logs()
    logging.getLogger("alembic").setLevel(logging.WARNING)
    migrate(settings.database_url)
    app = create_app(settings)

    class Server(uvicorn.Server):
        async def shutdown(self, sockets: list[socket] | None = None) -> None:
            # Gateways wait for revocations in open requests, which would delay the shutdown.
            app.state.stop_waiting()
            await super().shutdown(sockets)

    Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            http=Http11,
            ws="none",
            access_log=False,
            log_level="warning",
            server_header=False,
            # `trusted_proxies` decides which proxies may name client addresses.
            proxy_headers=False,
            timeout_graceful_shutdown=10,
        )
    ).run()


@auth_server.command(name="migrate")
@_config
def migrate_command(config: Path | None) -> None:
    """Migrate the database to the newest schema."""
    migrate(_load(config).database_url)


@auth_server.command()
@_config
@click.option("-m", "message", required=True, help="What the migration changes.")
def revision(config: Path | None, message: str) -> None:
    """Generate a migration for changed tables (for developers)."""
    make_revision(_load(config).database_url, message)


@auth_server.command()
@_config
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def seed(config: Path | None, file: Path) -> None:
    """Add or replace the tenants, people, managed clients and API keys in FILE (YAML or JSON)."""
    settings = _load(config)
    try:
        contents = read_seed(read_document(file))
    except (DocumentError, SeedError) as error:
        raise click.ClickException(f"{file}: {error}") from None
    migrate(settings.database_url)
    try:
        asyncio.run(_store(settings, contents))
    except SeedError as error:
        raise click.ClickException(f"{file}: {error}") from None
    click.echo(
        f"{len(contents.tenants)} tenants, {len(contents.people)} people, "
        f"{len(contents.clients)} managed clients"
    )


async def _store(settings: AuthServerSettings, contents: Any) -> None:
    async def work(db: DbSession) -> None:
        await store_seed(db, contents, now=utc_now())

    await _in_transaction(settings, work)


@click.group()
def keys() -> None:
    """List and rotate the keys that sign access tokens."""


@keys.command(name="list")
@_config
def list_keys(config: Path | None) -> None:
    """List the published keys."""

    async def show(db: DbSession) -> str:
        rows = await list_published_keys(db)
        lines = (f"{key.state:<9} since {key.changed_at:%Y-%m-%d %H:%M}  {key.kid}" for key in rows)
        return "\n".join(lines) or "There are no keys yet."

    click.echo(asyncio.run(_in_transaction(_load(config), show)))


@keys.command(name="rotate")
@_config
@click.option("--now", "at_once", is_flag=True, help="Withdraw a compromised key at once.")
def rotate_keys(config: Path | None, at_once: bool) -> None:
    """Rotate the signing key without failing a call at the gateways."""
    settings = _load(config)
    keys_to_seal_with = keys_of(settings)

    async def change(db: DbSession) -> str:
        return await (withdraw if at_once else rotate)(db, keys_to_seal_with, now=utc_now())

    click.echo(asyncio.run(_in_transaction(settings, change)))
