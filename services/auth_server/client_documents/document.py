"""Parse and validate a client's document."""

import json
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from auth_server.errors import OAuthError
from auth_server.jwks import PRIVATE_MEMBERS
from auth_server.records.clients.metadata import ClientMetadata, parse_client_metadata, read_keys

_METHODS = ("none", "private_key_jwt")
_DEEPEST = 8
# A document may list the addresses of many versions of an app; a registration is made for each.
_MOST_REDIRECT_URIS = 100
# A document is public, so it must not contain a shared secret.
_SECRETS = ("client_secret", "client_secret_expires_at")


class UnusableDocument(ValueError):
    """The document can't be used; the message says why, for the logs."""


def parse_document(
    body: bytes, content_type: str, *, client_id: str, private_use_schemes: Collection[str]
) -> ClientMetadata:
    """Read a client's document (client registration, Implementation Requirements).

    Raises:
        UnusableDocument: it is not JSON, not this client's, incomplete, or contains a secret.
    """
    document = read_object(body, content_type)
    if document.get("client_id") != client_id:
        raise UnusableDocument(
            "its client_id is not the URL it was read from: both must be the same, byte for byte"
        )
    if not isinstance(document.get("client_name"), str):
        raise UnusableDocument("it does not have a client_name: add the name that people see")
    if any(name in document for name in _SECRETS) or _holds_private_key(document.get("jwks")):
        raise UnusableDocument(
            "it contains a secret, which anybody can read: leave out client_secret and private keys"
        )
    method = _negotiate_method(document)
    try:
        metadata = parse_client_metadata(
            {**document, "token_endpoint_auth_method": method},
            private_use_schemes=private_use_schemes,
            most_redirect_uris=_MOST_REDIRECT_URIS,
        )
    except OAuthError as error:
        raise UnusableDocument(error.description) from None
    if method == "none" and "private_key_jwt" in _offered(document):
        with suppress(OAuthError):
            jwks, jwks_uri = read_keys(document)
            return replace(metadata, jwks=jwks, jwks_uri=jwks_uri)
    return metadata


def read_object(body: bytes, content_type: str) -> dict[str, Any]:
    """Read the JSON object that a client's document must be.

    Raises:
        UnusableDocument: it is none, or its content type says so.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type != "application/json" and not (
        media_type.startswith("application/") and media_type.endswith("+json")
    ):
        raise UnusableDocument("its content type is not JSON: serve it as application/json")
    try:
        document = json.loads(body.decode(), object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError):
        raise UnusableDocument(
            "it is not JSON, or repeats a member: it must be JSON in UTF-8 that has each member once"
        ) from None
    if not isinstance(document, dict) or _is_deeper(document, _DEEPEST):
        raise UnusableDocument(
            f"it is not a JSON object of reasonable depth: at most {_DEEPEST} levels are read"
        )
    return document


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("repeated member")
    return members


def _is_deeper(value: object, most: int) -> bool:
    entries = value.values() if isinstance(value, dict) else value
    if not isinstance(entries, Iterable) or isinstance(entries, str):
        return False
    return most == 0 or any(_is_deeper(entry, most - 1) for entry in entries)


def _holds_private_key(jwks: object) -> bool:
    keys = jwks.get("keys") if isinstance(jwks, dict) else None
    if not isinstance(keys, list):
        return False
    return any(isinstance(key, dict) and not PRIVATE_MEMBERS.isdisjoint(key) for key in keys)


def _negotiate_method(document: Mapping[str, Any]) -> str:
    """Choose the authentication method: the one the client names, or our first that it offers.

    A client that names none and offers both is public but keeps its keys: nothing tells it which
    method was chosen, so it may still sign its requests.
    """
    named, offered = document.get("token_endpoint_auth_method"), _offered(document)
    method = next((method for method in _METHODS if method in offered), None)
    if method is None:
        raise UnusableDocument(
            f"its token_endpoint_auth_method {str(named)[:40]!r} is not supported: it must be none or "
            "private_key_jwt"
            if named is not None
            else "it does not offer an authentication method that this server supports: none or "
            "private_key_jwt"
        )
    return method


def _offered(document: Mapping[str, Any]) -> Collection[str]:
    named = document.get("token_endpoint_auth_method")
    if named is not None:
        return (named,) if isinstance(named, str) else ()
    able = document.get("token_endpoint_auth_methods_supported")
    if not isinstance(able, list) or not able:
        return ("none",)
    return [method for method in able if isinstance(method, str)]
