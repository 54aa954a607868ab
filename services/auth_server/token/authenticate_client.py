"""Client authentication at the token endpoint."""

import base64
import binascii
from dataclasses import dataclass
from urllib.parse import unquote_plus

from auth_server.clients.store import find_client
from auth_server.clients.table import AuthMethod, Client
from auth_server.db.engine import DbSession
from auth_server.errors import InvalidClient, InvalidRequest
from auth_server.forms import Parameters
from auth_server.secrets import hash_secret, matches

METHODS: tuple[AuthMethod, ...] = ("none", "client_secret_basic", "client_secret_post")


@dataclass(frozen=True, slots=True)
class _Credentials:
    client_id: str
    secret: str | None
    method: AuthMethod


async def authenticate_client(form: Parameters, authorization: str | None, db: DbSession) -> Client:
    """Find the client and check that it is who it says, by its registered method alone.

    The same words refuse an unknown client and a wrong secret (RFC 6749 §2.3, §5.2).

    Args:
        form: the request's form.
        authorization: the `Authorization` header.
        db: the open transaction.

    Raises:
        InvalidClient: unknown, another method than the registered one, or a wrong secret.
        InvalidRequest: two methods in one request, or a malformed header.
    """
    given = _read_credentials(form, authorization)
    client = await find_client(db, given.client_id)
    right = client is not None and client.token_endpoint_auth_method == given.method
    if right and client is not None and client.secret_hash is not None:
        right = given.secret is not None and matches(client.secret_hash, hash_secret(given.secret))
    if client is None or not right:
        detail = f"method {given.method}, " + ("known client" if client else "unknown client")
        raise InvalidClient("client authentication failed", detail=detail)
    return client


def _read_credentials(form: Parameters, authorization: str | None) -> _Credentials:
    form_id, form_secret = form.get("client_id"), form.get("client_secret")
    if authorization is None:
        if form_id is None:
            raise InvalidClient("client_id is missing")
        method: AuthMethod = "none" if form_secret is None else "client_secret_post"
        return _Credentials(form_id, form_secret, method)
    if form_secret is not None:
        raise InvalidRequest("authenticate in one way, not in the header and the body")
    client_id, secret = _read_basic(authorization)
    if form_id is not None and form_id != client_id:
        raise InvalidRequest("client_id in the body is not the one in the header")
    return _Credentials(client_id, secret, "client_secret_basic")


def _read_basic(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise InvalidClient("the Authorization header must be Basic")
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise InvalidClient("the Basic credentials are not base64 of UTF-8") from None
    client_id, colon, secret = decoded.partition(":")
    if not colon or not client_id or not secret:
        raise InvalidClient("the Basic credentials are not an id and a secret")
    # RFC 6749 §2.3.1: both parts are form-encoded before they are joined.
    return unquote_plus(client_id), unquote_plus(secret)
