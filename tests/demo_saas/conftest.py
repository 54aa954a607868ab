"""Orbit with its seeded data, a clock that stands still, and a gateway that signs for its callers."""

import base64
import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Request, Response
from joserfc import jwt
from joserfc.jwk import ECKey
from starlette.testclient import TestClient

from demo_saas.app import create_app
from demo_saas.seed import DEMO_PASSWORD, prepare_database
from demo_saas.settings import Settings

WEBHOOK_SECRET = "whsec_c2VjcmV0LW9mLTI0LWJ5dGVzLWxvbmc="
START = datetime(2026, 11, 2, 9, tzinfo=UTC)


@dataclass
class Clock:
    """Tells the time it was set to."""

    moment: datetime = START

    def __call__(self) -> datetime:
        return self.moment


@dataclass
class Gateway:
    """Signs assertions as Gatepost does; what it signs can be altered claim by claim."""

    clock: Clock
    settings: Settings
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "gw-1"}))
    publishes: Any = "its key"
    fetches: int = 0
    calls: int = 0

    def fetch_jwks(self, url: str) -> Any:
        """Answer the JWKS, or a test's own answer, and count."""
        assert url == self.settings.gatepost_jwks_url
        self.fetches += 1
        if self.publishes == "its key":
            return {"keys": [self.key.as_dict(private=False)]}
        if isinstance(self.publishes, type):
            raise self.publishes
        return self.publishes

    def claims(self, request: Request) -> dict[str, Any]:
        """Write the claims for a request."""
        self.calls += 1
        now = int(self.clock().timestamp())
        digest = hashlib.sha256(request.read()).digest()
        return {
            "iss": self.settings.gatepost_issuer,
            "aud": self.settings.public_url,
            "client_id": "client_1",
            "env": "live",
            "tool": "a_tool",
            "jti": f"call-{self.calls}",
            "iat": now,
            "exp": now + 60,
            "htm": request.method,
            "htu": str(request.url),
            "body_sha256": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        }

    def sign(
        self, claims: dict[str, Any], *, header: dict[str, Any] | None = None, key: Any = None
    ) -> str:
        """Write the compact JWS."""
        full = {"alg": "ES256", "typ": "gatepost-assertion+jwt", "kid": "gw-1"} | (header or {})
        full = {name: value for name, value in full.items() if value is not None}
        algorithms = [full["alg"]]
        return jwt.encode(full, claims, key or self.key, algorithms, default_type=None)


@dataclass
class Caller:
    """Someone with a credential; every request they make carries it."""

    client: TestClient
    authorize: Callable[[Request], None]

    def request(self, method: str, path: str, **content: Any) -> Response:
        """Send a request with the credential."""
        request = self.client.build_request(method, path, **content)
        self.authorize(request)
        return self.client.send(request)

    def get(self, path: str, **content: Any) -> Response:
        """GET."""
        return self.request("GET", path, **content)

    def post(self, path: str, **content: Any) -> Response:
        """POST."""
        return self.request("POST", path, **content)

    def patch(self, path: str, **content: Any) -> Response:
        """PATCH."""
        return self.request("PATCH", path, **content)

    def delete(self, path: str) -> Response:
        """DELETE."""
        return self.request("DELETE", path)


@dataclass
class Orbit:
    """The running API and the ways to call it."""

    client: TestClient
    gateway: Gateway
    clock: Clock
    slept: list[float]
    database: Path
    posted: list[tuple[str, bytes, dict[str, str]]]
    """The messages of the webhook: URL, body and headers."""
    answers: list[int]
    """The statuses that the receiver answers with before it takes everything; 0: nobody answers."""

    def sign_in(self, email: str) -> Caller:
        """Call with Orbit's own session token."""
        credentials = {"email": email, "password": DEMO_PASSWORD}
        answer = self.client.post("/v1/sessions", json=credentials)
        assert answer.status_code == 201, answer.text
        token = answer.json()["token"]
        return Caller(
            self.client,
            lambda request: request.headers.update({"Authorization": f"Bearer {token}"}),
        )

    def through_gateway(
        self,
        sub: str = "usr_ada",
        tenant_id: str = "org_acme",
        data_scope: str = "",
        *,
        header: dict[str, Any] | None = None,
        key: Any = None,
        **altered: Any,
    ) -> Caller:
        """Call with an assertion made for each request; a claim altered to None is left out."""

        def authorize(request: Request) -> None:
            claims = self.gateway.claims(request)
            claims |= {"sub": sub, "tenant_id": tenant_id, "data_scope": data_scope} | altered
            claims = {name: value for name, value in claims.items() if value is not None}
            signed = self.gateway.sign(claims, header=header, key=key)
            request.headers["Gatepost-Assertion"] = signed

        return Caller(self.client, authorize)


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seed a database once; each test gets a copy."""
    path = tmp_path_factory.mktemp("orbit") / "seeded.sqlite"
    prepare_database(path, now=START)
    return path


@pytest.fixture
def orbit(seeded: Path, tmp_path: Path) -> Iterator[Orbit]:
    """Run Orbit on its own copy of the seeded database."""
    database = tmp_path / "orbit.sqlite"
    shutil.copy(seeded, database)
    settings = Settings(
        database=database,
        public_url="https://orbit.example",
        webhook_url="https://mcp.example/mcp/events/orbit",
        webhook_secret=WEBHOOK_SECRET,
    )
    clock = Clock()
    gateway = Gateway(clock, settings)
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    posted: list[tuple[str, bytes, dict[str, str]]] = []
    answers: list[int] = []

    def post(url: str, body: bytes, headers: Mapping[str, str]) -> int:
        posted.append((url, body, dict(headers)))
        answer = answers.pop(0) if answers else 202
        if not answer:
            raise OSError("nobody answers")
        return answer

    app = create_app(settings, now=clock, sleep=sleep, fetch_jwks=gateway.fetch_jwks, post=post)
    with TestClient(app, base_url=settings.public_url, follow_redirects=False) as client:
        yield Orbit(client, gateway, clock, slept, database, posted, answers)


@pytest.fixture
def ada(orbit: Orbit) -> Caller:
    """Ada, signed in to Orbit itself."""
    return orbit.sign_in("ada@acme.example")


@pytest.fixture
def bo(orbit: Orbit) -> Caller:
    """Bo, signed in to Orbit itself."""
    return orbit.sign_in("bo@globex.example")
