"""An app that signs people in with this server: Authlib's client of OpenID Connect."""

from dataclasses import dataclass, field
from typing import Any

from authlib.integrations.starlette_client import StarletteOAuth2App

from auth_server.seed import read_seed, store_client
from support.in_process.auth_server import RESOURCE, AuthServer
from support.in_process.oauth_client import answer_of
from support.in_process.person import Person

SECRET = "a-secret-of-the-dashboard-0123456789abcdef"
HOME = "https://dashboard.example"
REDIRECT_URI = f"{HOME}/callback"
IDENTITY = "openid profile email"


@dataclass
class OpenIdApp:
    """A confidential client that an operator registered."""

    server: AuthServer
    client_id: str = "dashboard"
    tokens: dict[str, Any] = field(default_factory=dict)
    """The last answer of the token endpoint."""
    claims: dict[str, Any] = field(default_factory=dict)
    """The claims of its ID token, verified by Authlib."""

    def library(self, scope: str) -> Any:
        """Authlib's client, which reads this server's discovery document."""
        return StarletteOAuth2App(
            None,
            name="orbit",
            client_id=self.client_id,
            client_secret=SECRET,
            server_metadata_url=f"{self.server.issuer}/.well-known/openid-configuration",
            client_kwargs={
                "scope": scope,
                "code_challenge_method": "S256",
                "transport": self.server.http._transport,
            },
        )

    async def ask(self, scope: str = f"mcp:read {IDENTITY}", **parameters: str) -> dict[str, Any]:
        """Begin: the URL to open, with the nonce, state and verifier to come back with."""
        begun: dict[str, Any] = await self.library(scope).create_authorization_url(
            REDIRECT_URI, **{"resource": RESOURCE, **parameters}
        )
        return begun

    async def take(self, begun: dict[str, Any], url: str) -> dict[str, Any]:
        """Redeem the code of a callback; return the verified claims of the ID token."""
        answer = answer_of(url)
        assert answer["state"] == begun["state"]
        library = self.library("")
        self.tokens = await library.fetch_access_token(
            REDIRECT_URI, code=answer["code"], code_verifier=begun["code_verifier"]
        )
        self.claims = dict(await library.parse_id_token(self.tokens, begun["nonce"]))
        return self.claims

    async def connect(self, person: Person, **parameters: str) -> dict[str, Any]:
        """Sign a person in, who approves; return the claims of the ID token."""
        begun = await self.ask(**parameters)
        return await self.take(begun, await person.approve(begun["url"]))

    async def who(self) -> dict[str, Any]:
        """Ask the userinfo endpoint."""
        return dict(await self.library("").userinfo(token=self.tokens))

    async def refresh(self, **form: str) -> dict[str, Any]:
        """Use the refresh token; return the answer."""
        answer = await self.server.http.post(
            "/token",
            data={
                "grant_type": "refresh_token",
                "refresh_token": self.tokens["refresh_token"],
                **form,
            },
            auth=(self.client_id, SECRET),
        )
        assert answer.status_code == 200, answer.text
        self.tokens = answer.json()
        return self.tokens


async def add_openid_app(server: AuthServer, **changes: Any) -> OpenIdApp:
    """Register the app, as an operator does."""
    entry = {
        "client_id": "dashboard",
        "name": "Dashboard",
        "redirect_uris": [REDIRECT_URI],
        "token_endpoint_auth_method": "client_secret_basic",
        "secret": SECRET,
        **changes,
    }
    async with server.opened.transaction() as db:
        for client in read_seed({"clients": [entry]}).clients:
            await store_client(db, client, now=server.clock())
    return OpenIdApp(server, entry["client_id"])
