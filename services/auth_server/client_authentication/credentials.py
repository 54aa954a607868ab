"""Read the credentials of a client from a request."""

import base64
import binascii
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

from starlette.requests import Request

from auth_server.client_authentication.assertion import parse_assertion
from auth_server.client_documents.key_sets import KeySets
from auth_server.db.engine import Database
from auth_server.errors import InvalidClient, InvalidRequest
from auth_server.records.clients.table import AuthMethod
from auth_server.settings import AuthServerSettings
from auth_server.web.forms import Parameters
from gatepost.clock import Now

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
"""RFC 7523 §2.2."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The client id in a request, and the secret or assertion that proves it."""

    client_id: str
    method: AuthMethod
    proof: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class MatchContext:
    """The parts with which a method looks up the client, its secrets and its keys."""

    settings: AuthServerSettings
    database: Database
    key_sets: KeySets
    now: Now


def unproven(detail: str) -> InvalidClient:
    """Make the refusal that is the same for every failed authentication (§5.2)."""
    return InvalidClient("client authentication failed", detail=detail)


def has_credentials(form: Parameters, request: Request) -> bool:
    """Return whether a request has more about its client than the id."""
    sent = (form.get(f"client_{name}") for name in ("secret", "assertion", "assertion_type"))
    return "authorization" in request.headers or any(value is not None for value in sent)


def read_credentials(form: Parameters, authorization: str | None) -> Credentials:
    """Read the credentials of the only method that a request uses.

    Args:
        form: the request's form.
        authorization: the `Authorization` header.

    Raises:
        InvalidClient: no client is named, or the credentials are malformed.
        InvalidRequest: the request uses two methods or names two clients.
    """
    form_id, secret = form.get("client_id"), form.get("client_secret")
    assertion, assertion_type = form.get("client_assertion"), form.get("client_assertion_type")
    if (assertion is None) != (assertion_type is None):
        raise InvalidRequest("client_assertion and client_assertion_type must be sent together")
    if [authorization, secret, assertion].count(None) < 2:
        raise InvalidRequest("use only one client authentication method")
    if authorization is not None:
        client_id, secret = _read_basic(authorization)
        if form_id is not None and form_id != client_id:
            raise InvalidRequest("client_id in the body differs from the one in the header")
        return Credentials(client_id, "client_secret_basic", secret)
    if assertion is not None:
        if assertion_type != ASSERTION_TYPE:
            raise InvalidClient(f"client_assertion_type must be {ASSERTION_TYPE}")
        subject = parse_assertion(assertion).client_id
        if form_id is not None and form_id != subject:
            raise unproven("client_id is not the subject of the assertion")
        return Credentials(subject, "private_key_jwt", assertion)
    if form_id is None:
        raise InvalidClient("client_id is missing")
    if secret is not None:
        return Credentials(form_id, "client_secret_post", secret)
    return Credentials(form_id, "none")


def _read_basic(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise InvalidClient("the Authorization header must be Basic")
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise InvalidClient("the Basic credentials are not base64 of UTF-8") from None
    # RFC 6749 §2.3.1: both parts are form-encoded before they are joined.
    client_id, secret = (unquote_plus(part) for part in decoded.partition(":")[::2])
    if not client_id or not client_id.isprintable() or not secret:
        raise InvalidClient("the Basic credentials are not an id and a secret")
    return client_id, secret
