"""Read and write registrations, for RFC 7591 and RFC 7592."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, cast

from fastapi import Depends, Request

from auth_server.errors import InvalidClientMetadata
from auth_server.records.clients.metadata import (
    MUST_PUSH,
    ClientMetadata,
    parse_client_metadata,
)
from auth_server.records.clients.table import Client
from auth_server.web.dependencies import Settings
from auth_server.web.forms import media_type, read_body

_LIMIT = 16 * 1024
BOUND_TOKENS = ("dpop_bound_access_tokens", "tls_client_certificate_bound_access_tokens")


async def read_document(request: Request) -> Mapping[str, Any]:
    """Read the body of a registration.

    Raises:
        InvalidRequest: the body is too large.
        InvalidClientMetadata: the body is not a JSON object.
    """
    # A page of another site could make a browser post any other type without a preflight.
    if media_type(request) != "application/json":
        raise InvalidClientMetadata("the body must be sent as application/json")
    body = await read_body(request, limit=_LIMIT)
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidClientMetadata("the body must be a JSON object") from None
    if not isinstance(document, dict):
        raise InvalidClientMetadata("the body must be a JSON object")
    return cast("Mapping[str, Any]", document)


# Dependencies, so that the body is read and checked before a database transaction begins.
Document = Annotated[Mapping[str, Any], Depends(read_document)]


async def read_metadata(document: Document, settings: Settings) -> ClientMetadata:
    """Check a client's metadata, by the same rules for new and changed registrations."""
    metadata = parse_client_metadata(document, private_use_schemes=settings.private_use_schemes)
    if settings.client_certificate_header:
        return metadata
    # The answer tells the client that its tokens are not bound to certificates here (RFC 7591 §3.2.1).
    return replace(metadata, tls_client_certificate_bound_access_tokens=False)


Metadata = Annotated[ClientMetadata, Depends(read_metadata)]


def columns_of(metadata: ClientMetadata) -> dict[str, Any]:
    """Return the columns of `Client` for metadata."""
    return {
        "name": metadata.name,
        "client_uri": metadata.client_uri,
        "redirect_uris": list(metadata.redirect_uris),
        "post_logout_redirect_uris": list(metadata.post_logout_redirect_uris),
        "grant_types": list(metadata.grant_types),
        "token_endpoint_auth_method": metadata.token_endpoint_auth_method,
        "jwks": metadata.jwks,
        "jwks_uri": metadata.jwks_uri,
        "application_type": metadata.application_type,
        "dpop_bound_access_tokens": metadata.dpop_bound_access_tokens,
        "tls_client_certificate_bound_access_tokens": (
            metadata.tls_client_certificate_bound_access_tokens
        ),
        "must_push": metadata.must_push,
    }


def describe_client(
    client: Client, *, issuer: str, registration_token: str, secret: str | None = None
) -> Mapping[str, Any]:
    """Write the response to a registration (RFC 7591 §3.2.1, RFC 7592 §3).

    Args:
        client: the stored client.
        issuer: the issuer of this server.
        registration_token: the new token, or the one in the request; only its hash is stored.
        secret: a new secret, which no later response contains.
    """
    answer: dict[str, Any] = {
        "client_id": client.client_id,
        "client_id_issued_at": int(client.created_at.timestamp()),
        "client_name": client.name,
        "redirect_uris": client.redirect_uris,
        "grant_types": client.grant_types,
        "response_types": ["code"],
        "token_endpoint_auth_method": client.token_endpoint_auth_method,
        "application_type": client.application_type,
        "registration_access_token": registration_token,
        "registration_client_uri": f"{issuer}/register/{client.client_id}",
    }
    for name in ("client_uri", "jwks", "jwks_uri"):
        if (value := getattr(client, name)) is not None:
            answer[name] = value
    for name in BOUND_TOKENS:
        if getattr(client, name):
            answer[name] = True
    if client.must_push:
        answer[MUST_PUSH] = True
    if client.post_logout_redirect_uris:
        answer["post_logout_redirect_uris"] = client.post_logout_redirect_uris
    if secret is not None:
        answer |= {"client_secret": secret, "client_secret_expires_at": 0}
    return answer
