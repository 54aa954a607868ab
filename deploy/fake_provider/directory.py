"""The people, apps and keys of the imitation."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey


class Refused(Exception):
    """The provider refuses; `code` is the OAuth error."""

    def __init__(self, code: str, description: str) -> None:
        """Take the error and its description."""
        super().__init__(description)
        self.code = code


@dataclass
class Employee:
    """A person of the customer; whoever left gets nothing any more."""

    subject: str
    email: str
    name: str
    groups: list[str] = field(default_factory=list)
    left: bool = False


@dataclass(frozen=True)
class App:
    """An app that people sign in to here.

    `ids_elsewhere` are its client ids at other authorization servers, by their issuers: for those, it
    gets identity assertions. `logout_uri` is told when a person leaves.
    """

    client_id: str
    secret: str
    redirect_uris: tuple[str, ...] = ()
    ids_elsewhere: Mapping[str, str] = field(default_factory=dict)
    logout_uri: str | None = None


@dataclass
class Directory:
    """Everything that the imitation knows, in memory."""

    issuer: str
    people: dict[str, Employee] = field(default_factory=dict)
    apps: dict[str, App] = field(default_factory=dict)
    key: ECKey = field(
        default_factory=lambda: ECKey.generate_key("P-256", parameters={"kid": "key-1"})
    )
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def authenticate(self, client_id: str, secret: str) -> App:
        """Find the app with this secret."""
        app = self.apps.get(client_id)
        if app is None or not secrets.compare_digest(app.secret, secret):
            raise Refused("invalid_client", "the app is unknown, or its secret is wrong")
        return app

    def require(self, subject: str) -> Employee:
        """Find a person who has not left."""
        person = self.people.get(subject)
        if person is None or person.left:
            raise Refused("invalid_grant", "the person is not in this directory any more")
        return person

    def sign(self, kind: str, claims: Mapping[str, Any], *, lasts: int = 300) -> str:
        """Sign a JWT of a type."""
        now = int(time.time())
        header = {"alg": "ES256", "kid": "key-1", "typ": kind}
        whole = {"iss": self.issuer, "iat": now, "exp": now + lasts, **claims}
        return jwt.encode(header, whole, self.key)

    def issue_id_token(self, app: App, person: Employee, nonce: str | None) -> str:
        """Issue an ID token for an app to which a person signed in (OpenID Connect Core §2)."""
        claims: dict[str, Any] = {
            "sub": person.subject,
            "aud": app.client_id,
            "name": person.name,
            "email": person.email,
            "email_verified": True,
            "auth_time": int(time.time()),
            "amr": ["pwd", "otp"],
        }
        return self.sign("JWT", claims if nonce is None else {**claims, "nonce": nonce}, lasts=3600)

    def exchange(self, app: App, form: Mapping[str, str]) -> str:
        """Exchange an app's ID token for an identity assertion (ID-JAG draft §4.3)."""
        try:
            claims = jwt.decode(form.get("subject_token", ""), self.key).claims
        except ValueError:
            raise Refused("invalid_grant", "the subject token is not ours") from None
        if claims.get("aud") != app.client_id or claims.get("iss") != self.issuer:
            raise Refused("invalid_grant", "the subject token is for another app")
        if claims.get("exp", 0) <= time.time():
            raise Refused("invalid_grant", "the subject token has expired")
        person = self.require(str(claims.get("sub")))
        audience, resource = form.get("audience", ""), form.get("resource", "")
        client_id = app.ids_elsewhere.get(audience)
        if client_id is None:
            raise Refused("access_denied", "the app gets no assertions for this audience")
        asserted: dict[str, Any] = {
            "sub": person.subject,
            "email": person.email,
            "email_verified": True,
            "groups": person.groups,
            "amr": ["pwd", "otp"],
            "aud": audience,
            "resource": resource,
            "client_id": client_id,
            "jti": secrets.token_urlsafe(16),
        }
        if form.get("scope"):
            asserted["scope"] = form["scope"]
        return self.sign("oauth-id-jag+jwt", asserted)

    def end(self, person: Employee, app: App) -> str:
        """Issue the logout token that tells an app about a person who left."""
        event = "http://schemas.openid.net/event/backchannel-logout"
        claims = {
            "sub": person.subject,
            "aud": app.client_id,
            "jti": secrets.token_urlsafe(16),
            "events": {event: {}},
        }
        return self.sign("logout+jwt", claims, lasts=120)
