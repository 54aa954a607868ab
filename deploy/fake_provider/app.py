"""The HTTP interface of the imitation: OpenID Connect, token exchange, and the switches of its admin."""

import base64
import hashlib
import html
import secrets
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl, unquote, urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from fake_provider.directory import App, Directory, Refused

TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 - a name
ID_JAG = "urn:ietf:params:oauth:token-type:id-jag"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105 - a name
Post = Callable[[str, dict[str, str]], Awaitable[int]]
"""Posts a form to a URL; returns the status, or 0."""


class Imitation:
    """The endpoints of one directory."""

    def __init__(self, directory: Directory, post: Post) -> None:
        """Take the directory, and what tells apps about people who left."""
        self.directory = directory
        self._post = post

    async def discovery(self, _: Request) -> Response:
        """Answer OpenID Connect Discovery, and what the provider exchanges."""
        return JSONResponse(
            {
                "issuer": self.directory.issuer,
                "authorization_endpoint": f"{self.directory.issuer}/authorize",
                "token_endpoint": f"{self.directory.issuer}/token",
                "jwks_uri": f"{self.directory.issuer}/jwks",
                "response_types_supported": ["code"],
                "grant_types_supported": ["authorization_code", TOKEN_EXCHANGE],
                "identity_chaining_requested_token_types_supported": [ID_JAG],
                "code_challenge_methods_supported": ["S256"],
                "backchannel_logout_supported": True,
                "authorization_response_iss_parameter_supported": True,
            }
        )

    async def jwks(self, _: Request) -> Response:
        """Publish the key."""
        return JSONResponse({"keys": [self.directory.key.as_dict(private=False)]})

    async def authorize(self, request: Request) -> Response:
        """Let whoever is at the browser choose who they are: this imitation has no passwords."""
        query = dict(request.query_params)
        app = self.directory.apps.get(query.get("client_id", ""))
        if app is None or query.get("redirect_uri") not in app.redirect_uris:
            return HTMLResponse("unknown app", status_code=400)
        chosen = query.pop("as", None)
        if chosen is None:
            links = "".join(
                f'<li><a href="?{html.escape(urlencode({**query, "as": one.subject}))}">'
                f"{html.escape(one.name)}</a> {html.escape(one.email)}</li>"
                for one in self.directory.people.values()
                if not one.left
            )
            return HTMLResponse(
                f"<!doctype html><title>Acme ID</title><h1>Acme ID</h1><ul>{links}</ul>"
            )
        self.directory.require(chosen)
        code = secrets.token_urlsafe(16)
        self.directory.codes[code] = {**query, "subject": chosen}
        answer = {"code": code, "state": query.get("state", ""), "iss": self.directory.issuer}
        return RedirectResponse(f"{query['redirect_uri']}?{urlencode(answer)}", status_code=303)

    async def token(self, request: Request) -> Response:
        """Redeem a code, or exchange an ID token for an identity assertion."""
        form = await _read(request)
        app = _authenticate(self.directory, request, form)
        if form.get("grant_type") == TOKEN_EXCHANGE:
            if form.get("requested_token_type") != ID_JAG:
                raise Refused("invalid_request", f"requested_token_type must be {ID_JAG}")
            if form.get("subject_token_type") != ID_TOKEN:
                raise Refused("invalid_request", f"subject_token_type must be {ID_TOKEN}")
            assertion = self.directory.exchange(app, form)
            return _answer(
                {
                    "access_token": assertion,
                    "issued_token_type": ID_JAG,
                    "token_type": "N_A",
                    "expires_in": 300,
                }
            )
        asked = self.directory.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if asked is None or asked["client_id"] != app.client_id:
            raise Refused("invalid_grant", "the code is unknown")
        if asked.get("code_challenge", challenge) != challenge:
            raise Refused("invalid_grant", "the verifier is wrong")
        person = self.directory.require(asked["subject"])
        id_token = self.directory.issue_id_token(app, person, asked.get("nonce"))
        opaque = secrets.token_urlsafe(16)
        return _answer({"access_token": opaque, "token_type": "Bearer", "id_token": id_token})

    async def sign_in(self, request: Request) -> Response:
        """Sign a person in to an app without a browser, for programs."""
        form = await _read(request)
        app = _authenticate(self.directory, request, form)
        person = next(
            (p for p in self.directory.people.values() if p.email == form.get("email")), None
        )
        if person is None:
            raise Refused("invalid_grant", "nobody has this address")
        self.directory.require(person.subject)
        return _answer({"id_token": self.directory.issue_id_token(app, person, None)})

    async def change(self, request: Request) -> Response:
        """Change a person's groups, or let them leave, which apps are told (back-channel logout)."""
        form = await _read(request)
        person = self.directory.people[request.path_params["subject"]]
        if "groups" in form:
            person.groups = form["groups"].split()
        person.left = form.get("left", "yes" if person.left else "no") == "yes"
        told = 0
        if person.left:
            for app in self.directory.apps.values():
                if app.logout_uri is not None:
                    status = await self._post(
                        app.logout_uri, {"logout_token": self.directory.end(person, app)}
                    )
                    told += status == 200
        return JSONResponse({"left": person.left, "groups": person.groups, "told": told})


def create_app(directory: Directory, post: Post) -> Starlette:
    """Make the imitation of one directory."""
    made = Imitation(directory, post)
    return Starlette(
        routes=[
            Route("/.well-known/openid-configuration", made.discovery),
            Route("/jwks", made.jwks),
            Route("/authorize", made.authorize),
            Route("/token", made.token, methods=["POST"]),
            Route("/_fake/sign-in", made.sign_in, methods=["POST"]),
            Route("/_fake/people/{subject}", made.change, methods=["POST"]),
        ],
        exception_handlers={Refused: _refuse},
    )


async def _refuse(_: Request, error: Exception) -> Response:
    code = error.code if isinstance(error, Refused) else "server_error"
    status = 401 if code == "invalid_client" else 400
    return JSONResponse({"error": code, "error_description": str(error)}, status_code=status)


def _answer(body: dict[str, object]) -> Response:
    return JSONResponse(body, headers={"Cache-Control": "no-store"})


async def _read(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))


def _authenticate(directory: Directory, request: Request, form: dict[str, str]) -> App:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        client_id, _, secret = base64.b64decode(encoded).decode().partition(":")
        return directory.authenticate(unquote(client_id), unquote(secret))
    return directory.authenticate(form.get("client_id", ""), form.get("client_secret", ""))
