"""`gatepost auth-server events-worker`: copy call events from Redis into the call log."""

import asyncio
import secrets
import signal
import socket
from pathlib import Path

import click

from auth_server.commands.common import config_option, load_settings
from auth_server.db.engine import open_database
from auth_server.settings import AuthServerSettings
from gatepost.clock import utc_now
from gatepost.logs import configure_logs
from gatepost.tracing.open import opened_tracing


@click.command(name="events-worker")
@config_option
def events_worker(config: Path | None) -> None:
    """Copy the call events that gateways write to Redis into the call log, until stopped.

    Several workers can run at the same time.
    """
    settings = load_settings(config)
    if settings.redis_url is None:
        raise click.ClickException(
            "redis_url is not set; without Redis, gateways send events to the server itself, and "
            "a worker is not needed"
        )
    configure_logs()
    asyncio.run(_work(settings, settings.redis_url.get_secret_value()))


async def _work(settings: AuthServerSettings, url: str) -> None:
    from auth_server.gateway_api.events_worker import (
        EventsWorker,  # slow to import, and used only with Redis
    )

    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    name = f"{socket.gethostname()}-{secrets.token_hex(4)}"
    async with opened_tracing(settings.tracing, "gatepost-events-worker", utc_now) as tracing:
        database = open_database(settings.database_url)
        if tracing is not None:
            from auth_server.db.traced import trace_statements  # imports OpenTelemetry

            database = trace_statements(database)
        worker = EventsWorker(
            url, issuer=settings.issuer, database=database, name=name, now=utc_now, tracing=tracing
        )
        try:
            await worker.run(stopped)
        finally:
            await worker.close()
            await database.close()
