"""Add records to a running server with seed files, as an operator."""

from typing import Any

from auth_server.seed import read_seed, store_seed
from support.in_process.auth_server import AuthServer


async def add(server: AuthServer, **contents: list[dict[str, Any]]) -> None:
    """Add or replace tenants, people, clients or API keys, in the words of a seed file."""
    async with server.opened.database.writing() as db, db.begin():
        await store_seed(db, read_seed(contents), now=server.clock())
