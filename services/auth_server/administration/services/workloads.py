"""Let workloads of clouds and CI systems act as a client that has its own tokens."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from auth_server.administration.errors import NotFound, Refused
from auth_server.administration.operator import ActingOperator
from auth_server.client_documents.url import UnusableClientUrl, require_client_url
from auth_server.db.engine import DbSession
from auth_server.records.audit.store import Audit, record
from auth_server.records.ceilings.store import list_ceilings
from auth_server.records.clients.store import lock_client
from auth_server.records.workloads.store import add_workload, drop_workload, list_workloads
from auth_server.records.workloads.table import Workload
from auth_server.revocations.revoke import outdate_tokens

MOST = 20
"""How many workloads may act as one client."""
_Text = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]*$")]


class NewWorkload(BaseModel):
    """What a JWT must say to act as a client."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    issuer: _Text = Field(min_length=1, max_length=512)
    """Its `iss`, such as `https://token.actions.githubusercontent.com`."""
    jwks_uri: str = Field(max_length=1024)
    """The https URL of the issuer's public keys."""
    audience: _Text = Field(default="", max_length=512)
    """Its `aud`; by default the issuer of this server."""
    subject: _Text = Field(default="", max_length=1024)
    """Its `sub`, exactly; empty if the claims suffice."""
    claims: dict[_Text, _Text] = Field(default_factory=dict, max_length=20)
    """Further claims with their values, such as `repository`."""


class WorkloadView(NewWorkload):
    """A workload that acts as a client."""

    workload_id: str
    created_at: datetime


def parse_claims(lines: Iterable[str]) -> dict[str, str]:
    """Parse claims that are written as NAME=VALUE.

    Raises:
        Refused: one is written otherwise, or a name comes twice.
    """
    claims = dict[str, str]()
    for line in lines:
        name, _, value = (part.strip() for part in line.partition("="))
        if not name or not value:
            raise Refused("claims", f"{line.strip()[:100]} must be written as NAME=VALUE")
        if name in claims:
            raise Refused("claims", f"{name[:100]} comes twice; a claim has one value")
        claims[name] = value
    return claims


async def read_workloads(
    db: DbSession, operator: ActingOperator, client_id: str
) -> list[WorkloadView]:
    """List the workloads that act as a client, the oldest first.

    Raises:
        Forbidden: `clients:read` is missing.
        NotFound: the client does not exist.
    """
    operator.require("clients:read")
    if await lock_client(db, client_id) is None:
        raise NotFound(f"the client {client_id[:200]} does not exist")
    return [_view(row) for row in await list_workloads(db, client_id)]


async def trust_workload(
    db: DbSession,
    operator: ActingOperator,
    client_id: str,
    new: NewWorkload,
    *,
    workload_id: str,
    issuer: str,
    allow_loopback: bool,
    now: datetime,
) -> WorkloadView:
    """Let a workload act as a client.

    Args:
        db: the open transaction.
        operator: who does it.
        client_id: a managed client with its own tokens.
        new: what its JWTs must say.
        workload_id: a new id.
        issuer: the issuer of this server, the usual audience.
        allow_loopback: allows keys on this machine, for development.
        now: the time.

    Raises:
        Forbidden: `clients:write` is missing.
        NotFound: the client does not exist.
        Refused: a value is invalid, the client has no own tokens, or it has too many workloads.
    """
    operator.act(db, "clients:write")
    client = await lock_client(db, client_id)
    if client is None:
        raise NotFound(f"the client {client_id[:200]} does not exist")
    if client.source != "managed" or not await list_ceilings(db, client_id):
        raise Refused("client_id", f"{client_id} is not a client with its own tokens")
    if not new.subject and not new.claims:
        raise Refused("subject", "name the subject or a claim; the issuer alone is everybody there")
    try:
        require_client_url(new.jwks_uri, allow_loopback=allow_loopback)
    except UnusableClientUrl as error:
        raise Refused("jwks_uri", str(error)) from None
    if len(await list_workloads(db, client_id)) >= MOST:
        raise Refused("client_id", f"{client_id} has {MOST} workloads; remove one first")
    values = {**new.model_dump(), "audience": new.audience or issuer}
    row = Workload(workload_id=workload_id, client_id=client_id, created_at=now, **values)
    await add_workload(db, row)
    added = Audit("client.workload_added", client_id=client_id, detail=_detail(row))
    await record(db, added, now=now)
    return _view(row)


async def end_workload(
    db: DbSession,
    operator: ActingOperator,
    client_id: str,
    workload_id: str,
    *,
    lifetime: timedelta,
    now: datetime,
) -> None:
    """Let a workload no longer act as a client; the client's own tokens end.

    Raises:
        Forbidden: `clients:write` is missing.
        NotFound: the client has no such workload.
    """
    operator.act(db, "clients:write")
    await lock_client(db, client_id)
    row = await drop_workload(db, client_id, workload_id)
    if row is None:
        raise NotFound(f"{client_id[:200]} has no workload {workload_id[:100]}")
    await outdate_tokens(db, "client", client_id, lifetime=lifetime, now=now)
    dropped = Audit("client.workload_dropped", client_id=client_id, detail=_detail(row))
    await record(db, dropped, now=now)


def _detail(row: Workload) -> dict[str, str | int | bool | list[str]]:
    """Say in the audit trail who could act as the client, and by whose keys."""
    return {
        "issuer": row.issuer,
        "jwks_uri": row.jwks_uri,
        "audience": row.audience,
        "subject": row.subject,
        "claims": [f"{name}={value}" for name, value in row.claims.items()],
    }


def _view(row: Workload) -> WorkloadView:
    return WorkloadView.model_validate(row.model_dump(exclude={"client_id"}))
