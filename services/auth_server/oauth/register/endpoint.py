"""POST /register."""

import math
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import JSONResponse, Response

from auth_server.errors import TooManyRequests
from auth_server.oauth.register.document import Metadata, columns_of, describe_client
from auth_server.oauth.register.quota import RegistrationQuota
from auth_server.records.audit.store import Audit, record
from auth_server.records.clients.store import add_client, add_secret
from auth_server.records.clients.table import Client, ClientSecret
from auth_server.records.connect_steps.counts import StepCounts
from auth_server.secrets import hash_secret
from auth_server.settings import AuthServerSettings
from auth_server.web.address import address_of
from auth_server.web.dependencies import Clock, Db, SecretMaker, Settings, part
from auth_server.web.routing import MachineRouter

router = MachineRouter(any_origin=True)


def limit_registrations(settings: AuthServerSettings) -> Callable[..., Awaitable[None]]:
    """Make the dependency that counts valid registrations, and refuses too many."""
    quota = RegistrationQuota(
        per_minute=settings.registrations_per_minute,
        per_day=settings.registrations_per_day,
        overall_per_minute=settings.registrations_overall_per_minute,
    )

    async def admit(_: Metadata, request: Request, now: Clock) -> None:
        wait = quota.spend(address_of(request, settings), now())
        if wait is not None:
            seconds = math.ceil(wait.time.total_seconds())
            raise TooManyRequests(
                f"too many registrations from this address; try again in {seconds} seconds",
                retry_after=seconds,
                setting=wait.setting,
            )

    return admit


@router.post("/register")
async def register_client(
    metadata: Metadata,
    db: Db,
    settings: Settings,
    clock: Clock,
    new_secret: SecretMaker,
    steps: Annotated[StepCounts, Depends(part(lambda runtime: runtime.steps))],
) -> Response:
    """Register a client at its own request (RFC 7591 §3)."""
    now = clock()
    secret = None
    if metadata.token_endpoint_auth_method.startswith("client_secret"):
        secret = new_secret()
    registration_token = new_secret()
    client = Client(
        client_id=f"client_{new_secret()}",
        source="dynamic",
        registration_token_hash=hash_secret(registration_token),
        created_at=now,
        **columns_of(metadata),
    )
    await add_client(db, client)
    if secret is not None:
        hashed = hash_secret(secret)
        await add_secret(
            db, ClientSecret(client_id=client.client_id, secret_hash=hashed, created_at=now)
        )
    registered = Audit(
        "client.registered", client_id=client.client_id, detail={"name": client.name}
    )
    await record(db, registered, now=now)
    steps.count("registration")
    answer = describe_client(
        client,
        issuer=settings.issuer,
        registration_token=registration_token,
        secret=secret,
    )
    return JSONResponse(answer, status_code=201, headers={"Cache-Control": "no-store"})
