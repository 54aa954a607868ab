"""What the service opens once and closes once, handed to every request."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import httpx2

from auth_server.db.engine import Database, open_database
from auth_server.pages.render import Pages, open_pages
from auth_server.people.passwords import Passwords, open_passwords
from auth_server.secrets import DerivedKeys, NewSecret, derive_keys, new_secret
from auth_server.settings import AuthServerSettings, ResourceSettings
from auth_server.tokens.catalogue_reader import read_catalogue
from auth_server.tokens.signer import Signer, open_signer
from gatepost.catalogue import CatalogueDocument
from gatepost.clock import Now, utc_now

ReadCatalogue = Callable[[ResourceSettings, datetime], Awaitable[CatalogueDocument]]


@dataclass(frozen=True, slots=True)
class Resources:
    """Open parts and the arguments of time and chance."""

    settings: AuthServerSettings
    database: Database
    signer: Signer
    keys: DerivedKeys
    pages: Pages
    passwords: Passwords
    read_catalogue: ReadCatalogue
    now: Now
    new_secret: NewSecret


OpenResources = Callable[[AuthServerSettings], AbstractAsyncContextManager[Resources]]


@asynccontextmanager
async def open_resources(
    settings: AuthServerSettings, *, now: Now = utc_now
) -> AsyncIterator[Resources]:
    """Open everything for real."""
    database = open_database(settings.database_url)
    keys = derive_keys(settings.secret_key.get_secret_value())
    limits = httpx2.Limits(max_connections=20)
    async with httpx2.AsyncClient(
        timeout=3, follow_redirects=False, trust_env=False, limits=limits
    ) as http:
        signer = await open_signer(database, keys.at_rest, now=now())
        passwords = await asyncio.to_thread(open_passwords)

        async def read(resource: ResourceSettings, at: datetime) -> CatalogueDocument:
            return await read_catalogue(http, signer, settings.issuer, resource, now=at)

        try:
            yield Resources(
                settings=settings,
                database=database,
                signer=signer,
                keys=keys,
                pages=open_pages(settings),
                passwords=passwords,
                read_catalogue=read,
                now=now,
                new_secret=new_secret,
            )
        finally:
            await database.engine.dispose()
