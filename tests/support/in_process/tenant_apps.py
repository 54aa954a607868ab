"""An app that a tenant's own provider connects, and whoever sends its assertions."""

import base64
from dataclasses import dataclass
from typing import Any

import httpx2
import jwt

from auth_server.records.tenant_apps.table import AppCeiling
from auth_server.seed import read_seed, store_client
from auth_server.tenancy.tenant_apps import AppKey, set_tenant_app
from support.in_process.auth_server import RESOURCE
from support.in_process.customers_place import Place
from support.in_process.providers import Provider

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SECRET = "a-secret-of-the-app-0123456789abcdef"
APP = "claude-for-work"
READING = (AppCeiling("", frozenset({"@read"}), ""),)


@dataclass
class App:
    """A confidential client that sends assertions to the token endpoint."""

    place: Place
    client_id: str = APP
    secret: str | None = SECRET

    async def send(self, assertion: str, **form: Any) -> httpx2.Response:
        """Send one assertion."""
        data = {"grant_type": JWT_BEARER, "assertion": assertion, **form}
        headers = {}
        if self.secret is None:
            data["client_id"] = self.client_id
        else:
            pair = base64.b64encode(f"{self.client_id}:{self.secret}".encode()).decode()
            headers["authorization"] = f"Basic {pair}"
        return await self.place.server.http.post("/token", data=data, headers=headers)

    def assertion(self, provider: Provider | None = None, **claims: Any) -> str:
        """Have a provider, Acme's at first, issue an assertion about Ada for this app."""
        return (provider or self.place.acme).id_jag(
            **{
                "aud": self.place.server.issuer,
                "client_id": self.client_id,
                "resource": RESOURCE,
                "sub": "idp of ada@acme.example",
                "email": "ada@acme.example",
                "email_verified": True,
                **claims,
            },
        )

    async def connect(self, **claims: Any) -> dict[str, Any]:
        """Return the claims of the access token for a new assertion."""
        answer = await self.send(self.assertion(**claims))
        assert answer.status_code == 200, answer.text
        assert "refresh_token" not in answer.json()
        decoded: dict[str, Any] = jwt.decode(
            answer.json()["access_token"], options={"verify_signature": False}
        )
        return decoded

    async def refused(self, assertion: str, **form: Any) -> str:
        """Return the description of the `invalid_grant` that refuses an assertion."""
        answer = await self.send(assertion, **form)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant"), answer.text
        return str(answer.json()["error_description"])


async def add_app(place: Place, client_id: str = APP, **changes: Any) -> App:
    """Register a managed client, which no tenant connects yet."""
    entry = {
        "client_id": client_id,
        "name": "Claude for Work",
        "redirect_uris": ["https://claude.ai/api/mcp/auth_callback"],
        "token_endpoint_auth_method": "client_secret_basic",
        "secret": SECRET,
        **changes,
    }
    async with place.server.opened.transaction() as db:
        (client,) = read_seed({"clients": [entry]}).clients
        await store_client(db, client, now=place.server.clock())
    return App(place, client_id, entry["secret"])


async def set_app(
    place: Place,
    client_id: str = APP,
    ceilings: tuple[AppCeiling, ...] = READING,
    *,
    tenant_id: str = "org_acme",
    by: str | None = None,
) -> None:
    """Let a tenant connect an app."""
    opened = place.server.opened
    # The catalogue is known as soon as somebody asked for it.
    await opened.catalogues.read(opened.settings.resources[0])
    async with opened.transaction() as db:
        await set_tenant_app(
            db,
            AppKey(tenant_id, client_id, RESOURCE),
            ceilings,
            issuers=opened.settings.providers_with_own_issuer,
            by=by,
            lifetime=opened.settings.longest_token_lifetime,
            now=place.server.clock(),
        )
