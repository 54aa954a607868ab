"""Sign-in services for tests: an OpenID provider, and a product that
hands people over. Each sends any response that a test chooses, even an invalid one.
"""

import base64
import hashlib
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from auth_server.sign_in_settings import ClaimMapping, HandOffSignIn, OidcSignIn
from support.in_process.auth_server import AuthServer
from support.in_process.clock import Clock
from support.in_process.person import Page, Person

ISSUER = "https://id.example"
PRODUCT = "https://app.example"
CALLBACK = "http://127.0.0.1:8400/sign-in/return"

CLAIMS: dict[str, Any] = {
    "sub": "idp-77",
    "id": "usr_dee",
    "name": "Dee Ortiz",
    "email": "dee@acme.example",
    "email_verified": True,
    "organisations": [
        {"id": "org_acme", "name": "Acme", "role": "owner", "teams": ["design", "engineering"]},
        {"id": "org_new", "name": "New Ltd", "role": "staff", "teams": ["ops"]},
    ],
}
MAPPING = ClaimMapping(
    person_id="id",
    tenants="organisations",
    role="role",
    roles={"owner": "admin"},
    data_scope=("team:{teams}",),
)


@dataclass
class SigningKey:
    """A signing key."""

    kid: str
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    @property
    def public(self) -> dict[str, Any]:
        """The public part, as a JWK."""
        jwk: dict[str, Any] = jwt.algorithms.ECAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {**jwk, "kid": self.kid, "alg": "ES256", "use": "sig"}

    @property
    def pem(self) -> str:
        """The private part, as its owner keeps it."""
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        """Sign a JWT."""
        headers = {"kid": self.kid, **header}
        return jwt.encode(claims, self.key, algorithm="ES256", headers=headers)


@dataclass
class Provider:
    """An OpenID provider in which one person is signed in.

    What a test puts into `says` changes the claims of ID tokens (None takes one out), `document` the
    discovery document, `answers` what the browser comes back with.
    """

    clock: Clock
    issuer: str = ISSUER
    client_id: str = "gatepost"
    key: SigningKey = field(default_factory=lambda: SigningKey("key-1"))
    published: list[dict[str, Any]] = field(default_factory=list)
    claims: dict[str, Any] = field(default_factory=lambda: dict(CLAIMS))
    says: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] = field(default_factory=dict)
    document: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    token: dict[str, Any] = field(default_factory=dict)
    id_token: str | None = None
    token_answer: Response | None = None
    asked: dict[str, str] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    down: bool = False
    before: Callable[[], Awaitable[None]] | None = None
    """Runs before each answer to a request for the discovery document."""
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def app(self) -> Starlette:
        """Answers the server's own requests."""
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._discovery),
                Route("/jwks", self._jwks),
                Route("/token", self._token, methods=["POST"]),
                Route("/userinfo", self._userinfo),
            ]
        )

    def settings(self, **changes: Any) -> OidcSignIn:
        """How it is configured."""
        given: dict[str, Any] = {
            "kind": "oidc",
            "name": "acme-id",
            "title": "Acme ID",
            "issuer": self.issuer,
            "client_id": self.client_id,
            "client_secret": "hush-hush",
            "claims": MAPPING,
            **changes,
        }
        return OidcSignIn(**given)

    def handle_callback(self, url: str) -> str:
        """Take a browser in at the authorization endpoint; return where it is sent."""
        self.asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        code = secrets.token_urlsafe(16)
        self._codes[code] = self.asked
        answer = {"code": code, "state": self.asked["state"], "iss": self.issuer, **self.answers}
        sent = {name: value for name, value in answer.items() if value is not None}
        return f"{self.asked['redirect_uri']}?{urlencode(sent)}"

    def id_jag(self, **claims: Any) -> str:
        """Issue an identity assertion with these claims; one of None is left out."""
        now = int(self.clock().timestamp())
        header = {"typ": "oauth-id-jag+jwt", **claims.pop("header", {})}
        named = {
            "iss": self.issuer,
            "jti": secrets.token_urlsafe(16),
            "iat": now,
            "exp": now + 300,
            **claims,
        }
        return self.key.sign({k: v for k, v in named.items() if v is not None}, **header)

    def _note(self, request: Request) -> Response | None:
        self.requests.append(f"{request.method} {request.url.path}")
        return Response(status_code=502) if self.down else None

    async def _discovery(self, request: Request) -> Response:
        if self.before is not None:
            await self.before()
        document = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "authorization_response_iss_parameter_supported": True,
            **self.document,
        }
        return self._note(request) or JSONResponse(document)

    async def _jwks(self, request: Request) -> Response:
        return self._note(request) or JSONResponse({"keys": self.published or [self.key.public]})

    async def _token(self, request: Request) -> Response:
        if refused := self._note(request) or self.token_answer:
            return refused
        form = {k: v[0] for k, v in parse_qs((await request.body()).decode()).items()}
        asked = self._codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        given = base64.b64decode(request.headers.get("authorization", "Basic ").partition(" ")[2])
        if (
            asked is None
            or asked["code_challenge"] != challenge
            or asked["redirect_uri"] != form["redirect_uri"]
            or given != f"{self.client_id}:hush-hush".encode()
        ):
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        now = int(self.clock().timestamp())
        claims = {
            "iss": self.issuer,
            "aud": self.client_id,
            "nonce": asked["nonce"],
            "iat": now,
            "exp": now + 300,
            "auth_time": now,
            **self.claims,
            **self.says,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        token = {
            "access_token": "at-1",
            "token_type": "Bearer",
            "id_token": self.id_token or self.key.sign(claims),
            **self.token,
        }
        return JSONResponse({name: value for name, value in token.items() if value is not None})

    async def _userinfo(self, request: Request) -> Response:
        assert request.headers["authorization"] == "Bearer at-1"
        more = {"sub": self.claims["sub"], **self.userinfo}
        return self._note(request) or JSONResponse(more)


@dataclass
class Product:
    """A SaaS with a login page, where one person is signed in, that hands people over."""

    clock: Clock
    key: SigningKey = field(default_factory=lambda: SigningKey("product-1"))
    claims: dict[str, Any] = field(default_factory=lambda: dict(CLAIMS))
    says: dict[str, Any] = field(default_factory=dict)
    assertion: str | None = None
    header: dict[str, Any] = field(default_factory=lambda: {"typ": "hand-off+jwt"})
    asked: dict[str, Any] = field(default_factory=dict)

    def settings(self, **changes: Any) -> HandOffSignIn:
        """How it is configured."""
        given: dict[str, Any] = {
            "kind": "hand_off",
            "name": "orbit",
            "title": "Orbit",
            "issuer": PRODUCT,
            "login_url": f"{PRODUCT}/connect",
            "jwks": {"keys": [self.key.public]},
            "claims": MAPPING,
            **changes,
        }
        return HandOffSignIn(**given)

    async def handle_callback(self, url: str, server: AuthServer) -> str:
        """Check a request as the documentation says, and answer where the browser is sent."""
        keys = jwt.PyJWKSet.from_dict((await server.http.get("/jwks.json")).json())
        request = parse_qs(urlsplit(url).query)["request"][0]
        header = jwt.get_unverified_header(request)
        assert header["typ"] == "hand-off-request+jwt"
        self.asked = jwt.decode(
            request,
            keys[header["kid"]],
            algorithms=["ES256"],
            audience=f"{PRODUCT}/connect",
            issuer=server.issuer,
            options={"verify_exp": False, "verify_iat": False},
        )
        assert self.asked["return_to"].startswith(f"{server.issuer}/sign-in/return/orbit?")
        now = int(self.clock().timestamp())
        claims = {
            "iss": PRODUCT,
            "aud": server.issuer,
            "nonce": self.asked["nonce"],
            "iat": now,
            "exp": now + 60,
            "auth_time": now,
            **self.claims,
            **self.says,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        signed = self.assertion or self.key.sign(claims, **self.header)
        return f"{self.asked['return_to']}&{urlencode({'assertion': signed})}"


class Way(Protocol):
    """One way to sign in, up to its last request, which any browser can be made to send."""

    email: str
    person_id: str
    method: str

    async def begin(self, server: AuthServer, person: Person, page: Page) -> httpx2.Request:
        """Go as far as the last request; answers that."""
        ...

    def spoil(self) -> None:
        """Make the person's credentials invalid from now on."""
        ...


@dataclass
class LocalWay:
    """A password."""

    email: str = "ada@acme.example"
    person_id: str = "usr_ada"
    method: str = "password"
    password: str = "gatepost-demo"

    async def begin(self, server: AuthServer, person: Person, page: Page) -> httpx2.Request:
        """Fill in the form."""
        form = page.forms["/sign-in"].fields
        data = {**form, "email": self.email, "password": self.password}
        return person.http.build_request("POST", f"{server.issuer}/sign-in", data=data)

    def spoil(self) -> None:
        """Forget the password."""
        self.password = "forgotten"


@dataclass
class OidcWay:
    """An OpenID provider."""

    provider: Provider
    email: str = "dee@acme.example"
    person_id: str = "usr_dee"
    method: str = "provider acme-id"

    async def begin(self, server: AuthServer, person: Person, page: Page) -> httpx2.Request:
        """Go there and back."""
        back = self.provider.handle_callback(await leave(person, page))
        return person.http.build_request("GET", back)

    def spoil(self) -> None:
        """Sign with a key that is not the provider's."""
        self.provider.published = [self.provider.key.public]
        self.provider.key = SigningKey("key-1")


@dataclass
class HandOffWay:
    """A product's login page."""

    product: Product
    email: str = "dee@acme.example"
    person_id: str = "usr_dee"
    method: str = "provider orbit"

    async def begin(self, server: AuthServer, person: Person, page: Page) -> httpx2.Request:
        """Go there and back."""
        back = await self.product.handle_callback(await leave(person, page), server)
        return person.http.build_request("GET", back)

    def spoil(self) -> None:
        """Sign with a key that is not the product's."""
        self.product.key = SigningKey("product-1")


async def leave(person: Person, page: Page) -> str:
    """Follow the sign-in page to the provider; return the URL there."""
    link = page.moves_on_to or next(link for link in page.links if "/sign-in/with/" in link)
    answer = await person.http.get(link)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]
