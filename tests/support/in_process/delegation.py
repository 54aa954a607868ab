"""An app that hands parts of what it may do to sub-agents."""

from dataclasses import dataclass
from typing import Any

import httpx2

from gatepost.api_keys import ACCESS_TOKEN_TYPE, TOKEN_EXCHANGE
from support.in_process.auth_server import AuthServer
from support.in_process.grants import connect_without_pages
from support.in_process.oauth_client import OAuthClient
from support.in_process.operator import add

GRANT_TYPES = ["authorization_code", "refresh_token", TOKEN_EXCHANGE]
BUSY = 503
SECRET = "a-secret-of-43-characters-0123456789-abcdef"


@dataclass
class Agent:
    """An app that Ada connected for Acme, with the tokens it holds."""

    server: AuthServer
    client: OAuthClient
    tokens: dict[str, Any]

    @property
    def token(self) -> str:
        """Its newest access token."""
        return str(self.tokens["access_token"])

    async def refresh(self) -> None:
        """Get the next tokens."""
        answer = await self.client.refresh(self.tokens["refresh_token"])
        assert answer.status_code == 200, answer.text
        self.tokens = answer.json()

    async def ask(self, token: str | None = None, **form: str | None) -> httpx2.Response:
        """Ask for a sub-agent's token; None leaves a parameter out."""
        asked: dict[str, str | None] = {
            "grant_type": TOKEN_EXCHANGE,
            "subject_token": token or self.token,
            "subject_token_type": ACCESS_TOKEN_TYPE,
            **({} if "actor_token" in form else {"actor_name": "researcher"}),
            **form,
        }
        # SQLite gives up on a busy machine if many transactions wait for one another.
        while (answer := await self.client.token(**asked)).status_code == BUSY:
            pass
        return answer

    async def delegate(self, token: str | None = None, **form: str | None) -> str:
        """Return a sub-agent's token."""
        answer = await self.ask(token, **form)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    async def refused(self, token: str | None = None, **form: str | None) -> tuple[str, str]:
        """Return the error and its description."""
        answer = await self.ask(token, **form)
        assert answer.status_code == 400, answer.text
        body = answer.json()
        return body["error"], body["error_description"]

    async def revoke(self, token: str) -> None:
        """Revoke a token as its client."""
        form = {"client_id": self.client.client_id, "token": token}
        while (answer := await self.client.http.post("/revoke", data=form)).status_code == BUSY:
            pass
        assert answer.status_code == 200, answer.text


async def connect_agent(server: AuthServer, **metadata: Any) -> Agent:
    """Register an app that delegates, and connect it."""
    await server.opened.catalogues.read(server.settings.resources[0])
    client = await server.client(**{"grant_types": GRANT_TYPES, **metadata})
    return Agent(server, client, await connect_without_pages(server, client))


async def add_service_client(
    server: AuthServer, client_id: str = "summariser", *, tenant: str = "org_acme"
) -> str:
    """Add a sub-agent's own client, and return its access token."""
    ceiling = {
        "resource": server.resource,
        "tenant": tenant,
        "scope": "mcp:read",
        "tools": ["list_tasks"],
    }
    client = {
        "client_id": client_id,
        "name": f"The {client_id}",
        "token_endpoint_auth_method": "client_secret_post",
        "secret": SECRET,
        "ceilings": [ceiling],
    }
    await add(server, clients=[client])
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": SECRET}
    answer = await server.http.post("/token", data=form)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])
