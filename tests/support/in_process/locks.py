"""Transactions of a test that wait for each other on PostgreSQL."""

import asyncio

from sqlalchemy import text

from support.in_process.auth_server import AuthServer


async def somebody_waits(server: AuthServer) -> None:
    """Return once a transaction waits for another one's lock."""
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    while True:
        async with server.opened.database.reading() as db:
            if (await db.execute(waiting)).scalar_one():
                return
        await asyncio.sleep(0.01)
