"""Serve the well-known documents and the JWKS."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from fastapi import Request
from starlette.responses import Response

from auth_server.oauth.discovery.metadata import describe_server
from auth_server.records.signing_keys.store import list_published_keys
from auth_server.settings import AuthServerSettings
from auth_server.tokens.keyring import JWKS_MAX_AGE
from auth_server.web.dependencies import ReadingDb, runtime_of
from auth_server.web.routing import MachineRouter

_DOCUMENTS = ("oauth-authorization-server", "openid-configuration")


def well_known_paths(settings: AuthServerSettings) -> Iterator[str]:
    """Yield the paths of the metadata.

    They are at the root and, for an issuer with a path, before it (RFC 8414 §3.1) and after it
    (OpenID Connect Discovery §4), because clients look in all three places.
    """
    path = urlsplit(settings.issuer).path
    for document in _DOCUMENTS:
        yield f"/.well-known/{document}"
        if path:
            yield f"/.well-known/{document}{path}"
            yield f"{path}/.well-known/{document}"


def discovery_router(settings: AuthServerSettings) -> MachineRouter:
    """Create the routes, and write the document once."""
    router = MachineRouter(any_origin=True, below=("/.well-known/",))
    document = json.dumps(describe_server(settings)).encode()

    async def metadata(request: Request) -> Response:
        runtime_of(request).steps.count("discovery")
        return _answer(request, document)

    for path in well_known_paths(settings):
        router.add_api_route(path, metadata, methods=["GET"], include_in_schema=False)

    @router.get("/jwks.json", include_in_schema=False)
    async def jwks(request: Request, db: ReadingDb) -> Response:
        keys = [key.public_jwk for key in await list_published_keys(db)]
        return _answer(request, json.dumps({"keys": keys}).encode())

    return router


def _answer(request: Request, body: bytes) -> Response:
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers: Mapping[str, Any] = {
        "ETag": etag,
        "Cache-Control": f"public, max-age={int(JWKS_MAX_AGE.total_seconds())}",
    }
    known = request.headers.get("if-none-match", "").split(",")
    # Compared weakly (RFC 9110 §13.1.2), because a proxy that compresses weakens the tag.
    if {"*", etag} & {tag.strip().removeprefix("W/") for tag in known}:
        return Response(status_code=304, headers=dict(headers))
    return Response(body, media_type="application/json", headers=dict(headers))
