"""POST /register."""

import json

import structlog
from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from auth_server.clients.store import add_client
from auth_server.clients.table import Client
from auth_server.deps import Db, Opened
from auth_server.errors import InvalidClientMetadata
from auth_server.forms import read_body
from auth_server.register.client_metadata import parse_client_metadata
from auth_server.secrets import hash_secret

router = APIRouter()
log = structlog.get_logger()
_LIMIT = 16 * 1024


@router.post("/register")
async def register_client(request: Request, db: Db, opened: Opened) -> Response:
    """Register a client that nobody vouches for (RFC 7591 §3)."""
    body = await read_body(request, limit=_LIMIT)
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidClientMetadata("the body must be a JSON object") from None
    metadata = parse_client_metadata(
        document, private_use_schemes=opened.settings.private_use_schemes
    )
    now = opened.now()
    secret = None
    if metadata.token_endpoint_auth_method != "none":  # noqa: S105 - the method's name
        secret = opened.new_secret()
    client = Client(
        client_id=f"client_{opened.new_secret()}",
        source="dynamic",
        name=metadata.name,
        client_uri=metadata.client_uri,
        redirect_uris=list(metadata.redirect_uris),
        grant_types=list(metadata.grant_types),
        token_endpoint_auth_method=metadata.token_endpoint_auth_method,
        secret_hash=None if secret is None else hash_secret(secret),
        application_type=metadata.application_type,
        created_at=now,
    )
    await add_client(db, client)
    log.info("client_registered", client_id=client.client_id, name=client.name)
    answer = {
        "client_id": client.client_id,
        "client_id_issued_at": int(now.timestamp()),
        "client_name": client.name,
        "redirect_uris": client.redirect_uris,
        "grant_types": client.grant_types,
        "response_types": ["code"],
        "token_endpoint_auth_method": client.token_endpoint_auth_method,
        "application_type": client.application_type,
    }
    if client.client_uri is not None:
        answer["client_uri"] = client.client_uri
    if secret is not None:
        answer |= {"client_secret": secret, "client_secret_expires_at": 0}
    return JSONResponse(answer, status_code=201, headers={"Cache-Control": "no-store"})
