"""A platform that signs JWTs for its workloads, and an operator who lets one act as a service client."""

import json
from typing import Any

import httpx2

from auth_server.administration.operator import COMMAND_LINE
from auth_server.administration.services.workloads import NewWorkload, trust_workload
from auth_server.outbound.guarded_fetch import Fetched
from support.in_process.assertions import KeyPair, jwks
from support.in_process.auth_server import ISSUER, RESOURCE, AuthServer
from support.in_process.operator import add

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
PLATFORM, KEYS = "https://idp.conformance-test.local", "https://idp.example/jwks.json"
SUBJECT, CLIENT = "conformance-workload", "acme-reports"
SECRET = "a-secret-of-43-characters-0123456789-abcdef"
KEY = KeyPair("RS256", kid="platform-1")


def service_client(client_id: str = CLIENT) -> dict[str, Any]:
    """Describe the service client as a seed file does."""
    ceiling = {"resource": RESOURCE, "tenant": "org_acme", "scope": "mcp:read", "tools": ["@read"]}
    return {
        "client_id": client_id,
        "name": "Acme reports",
        "token_endpoint_auth_method": "client_secret_post",
        "secret": SECRET,
        "ceilings": [ceiling],
    }


async def trust(server: AuthServer, client_id: str = CLIENT, **changes: Any) -> str:
    """Add a service client, and let the platform's workload act as it; return the workload's id."""
    await add(server, clients=[service_client(client_id)])
    server.web[KEYS] = Fetched(json.dumps(jwks(KEY)).encode(), "application/json", "")
    values = {"issuer": PLATFORM, "jwks_uri": KEYS, "subject": SUBJECT, **changes}
    async with server.opened.database.writing() as db, db.begin():
        view = await trust_workload(
            db,
            COMMAND_LINE,
            client_id,
            NewWorkload.model_validate(values),
            workload_id=server.opened.new_secret()[:20],
            issuer=ISSUER,
            allow_loopback=False,
            now=server.clock(),
        )
    return view.workload_id


def assertion(server: AuthServer, key: KeyPair = KEY, **changes: Any) -> str:
    """Write the JWT that the platform gives its workload; a claim set to None is left out."""
    now = int(server.clock().timestamp())
    claims = {
        "iss": PLATFORM,
        "sub": SUBJECT,
        "aud": ISSUER,
        "iat": now,
        "exp": now + 300,
        "repository": "acme/reports",
        **changes,
    }
    return key.sign({name: value for name, value in claims.items() if value is not None})


async def exchange(server: AuthServer, text: str, **form: str) -> httpx2.Response:
    """Send it, without any other credential."""
    return await server.http.post(
        "/token", data={"grant_type": JWT_BEARER, "assertion": text, **form}
    )
