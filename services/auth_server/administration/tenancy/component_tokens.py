"""Give the SaaS's own pages short-lived tokens, each for one person in one tenant."""

from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from auth_server.administration.errors import Refused
from auth_server.administration.operator import ActingOperator
from auth_server.administration.tenancy.require import require_tenant
from auth_server.db.engine import DbSession
from auth_server.records.component_tokens.store import end_component_tokens, put_component_token
from auth_server.records.component_tokens.table import ComponentToken
from auth_server.records.people.store import find_person
from auth_server.records.tenants.store import find_tenant_membership
from auth_server.secrets import hash_secret

PREFIX = "gatepost_component_"
"""Lets scanners of repositories and logs recognise a token."""
ComponentScope = Literal[
    "connections:read",
    "connections:write",
    "keys:read",
    "keys:write",
    "tenant_connections:read",
    "tenant_connections:write",
    "tenant_keys:read",
    "tenant_keys:write",
    "tenant_rules:read",
    "tenant_rules:write",
    "usage:read",
]
"""What a component token allows: `tenant_…` is for admins of the tenant, about all of its members."""


class NewComponentToken(BaseModel):
    """Whose token it is, and what it allows."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    person_id: str = Field(max_length=255)
    """The person's id in your product, who must be a member of the tenant."""
    scopes: tuple[ComponentScope, ...] = Field(min_length=1, max_length=20)
    """What the page needs; those that begin with `tenant_` require an admin of the tenant."""
    level: Literal[1, 2] = 1
    """2 only if the person signed in to your product with a second factor or a passkey."""
    lifetime_seconds: int = Field(default=600, ge=60, le=900)


class ComponentTokenView(BaseModel):
    """A component token, which is shown only here."""

    model_config = ConfigDict(frozen=True)

    token: str
    expires_at: datetime


async def give_component_token(
    db: DbSession,
    operator: ActingOperator,
    tenant_id: str,
    new: NewComponentToken,
    *,
    secret: str,
    now: datetime,
) -> ComponentTokenView:
    """Store a token for a person; the same secret gives the same token again.

    Raises:
        Forbidden: `components:write` is missing; or `tenants:read` or `tenants:write`, of which a token with
            a scope of the whole tenant requires the one with the same verb.
        NotFound: the tenant does not exist.
        Refused: the person is not a member of the tenant, or not an admin of it; or the secret gave
            another token before.
    """
    operator.require("components:write")
    whole_tenant = sorted(scope for scope in new.scopes if scope.startswith("tenant_"))
    for scope in whole_tenant:
        operator.require(f"tenants:{scope.partition(':')[2]}")
    if operator.token_id is None:
        raise Refused("token", "only a program with an admin token can ask for one")
    person = await find_person(db, new.person_id)
    membership = await find_tenant_membership(db, new.person_id, tenant_id)
    if person is None or membership is None:
        await require_tenant(db, tenant_id)
        raise Refused("person_id", "must be an active member of the tenant")
    if whole_tenant and not membership.is_admin:
        raise Refused("scopes", f"{whole_tenant[0]} requires an admin of the tenant")
    text = f"{PREFIX}{secret}"
    wanted = ComponentToken(
        token_hash=hash_secret(text),
        admin_token_id=operator.token_id,
        person_id=new.person_id,
        tenant_id=tenant_id,
        scopes=sorted(set(new.scopes)),
        level=new.level,
        expires_at=now + timedelta(seconds=new.lifetime_seconds),
    )
    stored = await put_component_token(db, wanted)
    compared = {"admin_token_id", "person_id", "tenant_id", "scopes", "level"}
    if stored.model_dump(include=compared) != wanted.model_dump(include=compared):
        raise Refused("Idempotency-Key", "was used for another token; use a new key for each")
    if stored.expires_at <= now:
        raise Refused("Idempotency-Key", "gave a token that has ended; use a new key for each")
    return ComponentTokenView(token=text, expires_at=stored.expires_at)


async def end_tokens_of_person(
    db: DbSession, operator: ActingOperator, tenant_id: str, person_id: str, *, now: datetime
) -> None:
    """End a person's component tokens in a tenant at once, as when they sign out of the SaaS.

    Raises:
        Forbidden: `components:write` is missing.
        NotFound: the tenant does not exist.
    """
    operator.require("components:write")
    await require_tenant(db, tenant_id)
    await end_component_tokens(db, person_id, tenant_id, now=now)
