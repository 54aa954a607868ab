"""The only SQL on clients."""

from sqlalchemy.ext.asyncio import AsyncSession

from auth_server.clients.table import LONGEST_CLIENT_ID, Client


async def find_client(db: AsyncSession, client_id: str) -> Client | None:
    """Look up a client that may be used: known and not disabled."""
    if len(client_id) > LONGEST_CLIENT_ID:
        return None
    client = await db.get(Client, client_id)
    return client if client is not None and client.disabled_at is None else None


async def add_client(db: AsyncSession, client: Client) -> None:
    """Register a client."""
    db.add(client)
    await db.flush()


async def put_client(db: AsyncSession, client: Client) -> None:
    """Add a client, or replace the one with the same id."""
    await db.merge(client)
    await db.flush()
