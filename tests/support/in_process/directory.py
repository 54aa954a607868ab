"""A tenant's provider that keeps its users and groups by SCIM."""

from dataclasses import dataclass
from typing import Any

import httpx2

from auth_server.administration.operator import COMMAND_LINE
from auth_server.administration.tenancy.providers import assign_provider
from auth_server.directory.tokens import make_token
from auth_server.records.tenant_domains.store import add_domain, verify_domain
from auth_server.records.tenant_domains.table import TenantDomain
from auth_server.sign_in_settings import OidcSignIn
from support.in_process.auth_server import AuthServer
from support.in_process.customers_place import Place

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
ACME_ID = OidcSignIn(
    kind="oidc",
    name="acme-id",
    title="Acme ID",
    issuer="https://id.acme.example",
    client_id="gatepost",
    customer=True,
)
"""A provider of Acme that nobody has to reach."""
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


@dataclass
class Scim:
    """Sends requests with a token, as a provider does."""

    server: AuthServer
    token: str

    async def send(
        self, method: str, path: str, body: Any = None, **options: Any
    ) -> httpx2.Response:
        """Send one request."""
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/scim+json",
            **options.pop("headers", {}),
        }
        for _ in range(20):
            answer = await self.server.http.request(
                method, f"/scim/v2{path}", json=body, headers=headers, **options
            )
            # Providers send a request again that came while many others waited for SQLite.
            if answer.status_code != 503:
                break
        return answer

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        """Read what is there."""
        answer = await self.send("GET", path, params=query)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/scim+json"
        return dict(answer.json())

    async def create(self, user_name: str, **more: Any) -> dict[str, Any]:
        """Create a user."""
        body = {"schemas": [USER], "userName": user_name, "active": True, **more}
        answer = await self.send("POST", "/Users", body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def patch(self, path: str, *operations: dict[str, Any]) -> httpx2.Response:
        """Change something."""
        body = {"schemas": [PATCH], "Operations": list(operations)}
        return await self.send("PATCH", path, body)

    async def set_active(self, user_id: str, active: bool) -> httpx2.Response:
        """Deactivate or activate a user, as Okta does."""
        value = {"active": active}
        return await self.patch(f"/Users/{user_id}", {"op": "replace", "value": value})

    async def group(self, name: str, *user_ids: str, **more: Any) -> str:
        """Create a group; return its id."""
        members = [{"value": one} for one in user_ids]
        body = {"displayName": name, "members": members, **more}
        answer = await self.send("POST", "/Groups", body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])


async def add_directory(place: Place, tenant_id: str = "org_acme", *, data_scope: str = "") -> Scim:
    """Make a token of a tenant's provider."""
    return await _add_token(place.server, tenant_id, data_scope)


async def open_directory(server: AuthServer) -> Scim:
    """Give Acme the provider `ACME_ID`, a verified domain and a token."""
    now = server.clock()
    async with server.opened.transaction() as db:
        row = TenantDomain(tenant_id="org_acme", domain="acme.example", token="1", claimed_at=now)
        await add_domain(db, row)
        assert await verify_domain(db, "org_acme", "acme.example", check_at=now, now=now)
        lifetime = server.settings.longest_token_lifetime
        customers = {ACME_ID.name}
        await assign_provider(
            db,
            COMMAND_LINE,
            "org_acme",
            ACME_ID.name,
            customers=customers,
            lifetime=lifetime,
            now=now,
        )
    return await _add_token(server, "org_acme", "")


async def _add_token(server: AuthServer, tenant_id: str, data_scope: str) -> Scim:
    async with server.opened.transaction() as db:
        _, text = await make_token(
            db,
            tenant_id,
            label="Okta",
            data_scope=data_scope,
            secret=server.opened.new_secret(),
            by=None,
            now=server.clock(),
        )
    return Scim(server, text)
