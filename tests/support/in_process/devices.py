"""A device without a browser, and the person who enters its code."""

from dataclasses import dataclass
from typing import Any

import httpx2

from auth_server.db.engine import open_database
from auth_server.keys import make_keys
from auth_server.records.audit.seal import sealing_with
from auth_server.seed import read_seed, store_seed
from support.in_process.auth_server import SECRET_KEY, AuthServer
from support.in_process.person import Page, Person

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
CLIENT = {"client_id": "build-bot", "name": "Build Bot", "device": True}


@dataclass
class Device:
    """A device that began an authorization."""

    server: AuthServer
    begun: dict[str, Any]
    client_id: str = "build-bot"

    @property
    def user_code(self) -> str:
        """The code that it shows."""
        return str(self.begun["user_code"])

    async def poll(self, **changes: str) -> httpx2.Response:
        """Ask for the tokens at once."""
        form = {
            "grant_type": DEVICE_CODE,
            "device_code": self.begun["device_code"],
            "client_id": self.client_id,
        }
        return await self.server.http.post("/token", data={**form, **changes})

    async def wait_and_poll(self) -> httpx2.Response:
        """Ask for the tokens after the interval."""
        self.server.clock.advance(seconds=self.begun["interval"])
        return await self.poll()


async def allow_devices(server: AuthServer, **changes: Any) -> None:
    """Register the client that uses device codes, as an operator does."""
    database = open_database(server.database_url, info=sealing_with(make_keys(SECRET_KEY)))
    seed = read_seed({"clients": [{**CLIENT, **changes}]})
    async with database.writing() as db, db.begin():
        await store_seed(db, seed, now=server.clock())
    await database.engine.dispose()


async def begin(server: AuthServer, **form: str) -> Device:
    """Let the device ask for a code."""
    await allow_devices(server)
    asked = {"client_id": "build-bot", "scope": "mcp:read mcp:write", **form}
    answer = await server.http.post("/device_authorization", data=asked)
    assert answer.status_code == 200, answer.text
    return Device(server, answer.json())


async def enter(person: Person, code: str, *, tenant: str = "Acme") -> Page:
    """Sign in at the page for codes, enter one, and choose the organisation if asked."""
    page = await person.open(f"{person.http.base_url}/device".replace("//device", "/device"))
    if page.url.partition("?")[0].endswith("/sign-in"):
        page = await person.sign_in(page)
    page = await person.press(page, "Continue", fill={"code": code})
    if "/tenant" in page.forms and page.url.partition("?")[0].endswith("/tenant"):
        page = await person.press(page, tenant)
    return page


async def approve(person: Person, code: str) -> Page:
    """Enter a code, and approve what the device asked for."""
    return await person.press(await enter(person, code), "Approve")
