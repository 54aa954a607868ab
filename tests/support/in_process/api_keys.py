"""API keys of Ada's, and gateways that exchange them."""

import hashlib
import json
from typing import Any

import httpx2

from auth_server.outbound.guarded_fetch import Fetched
from gatepost.api_keys import ApiKey, make_api_key
from support.in_process.assertions import KeyPair, jwks, signed_by, statement
from support.in_process.auth_server import RESOURCE, AuthServer
from support.in_process.operator import add

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
KEY_TYPE = "urn:gatepost:params:oauth:token-type:api-key"
TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"
GATEWAY = KeyPair(kid="gateway")
GATEWAY_KEYS = "http://127.0.0.1:8401/.well-known/jwks.json"
OTHER_RESOURCE = "http://127.0.0.1:8411/mcp"
OTHER_GATEWAY = KeyPair(kid="other")


async def make_key(
    server: AuthServer, *, env: Any = "live", seed: int = 1, **members: Any
) -> ApiKey:
    """Let an operator make a key of Ada's at Acme."""
    key = make_api_key(env, hashlib.sha256(bytes([seed])).digest())
    entry = {
        "key": key.text,
        "label": "Nightly report",
        "person": "usr_ada",
        "tenant": "org_acme",
        "resource": RESOURCE,
        "scope": "mcp:write",
        "tools": ["list_tasks", "create_task"],
        **members,
    }
    await add(server, api_keys=[entry])
    return key


async def exchange(
    server: AuthServer,
    key: str,
    *,
    signer: KeyPair = GATEWAY,
    gateway: str = RESOURCE,
    **changes: Any,
) -> httpx2.Response:
    """Exchange a key as a gateway does."""
    server.web[GATEWAY_KEYS] = Fetched(json.dumps(jwks(GATEWAY)).encode(), "application/json", "")
    server.web["http://127.0.0.1:8411/.well-known/jwks.json"] = Fetched(
        json.dumps(jwks(OTHER_GATEWAY)).encode(), "application/json", ""
    )
    assertion = signer.sign(statement(gateway, server.issuer, server.clock()))
    form = {
        "grant_type": EXCHANGE,
        "subject_token": key,
        "subject_token_type": KEY_TYPE,
        **signed_by(assertion),
        **changes,
    }
    return await server.http.post("/token", data=form)
