"""Add clients that operators manage, of every kind."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from auth_server.administration.clients import ClientView, view_client
from auth_server.administration.errors import Refused, refuse
from auth_server.administration.operator import ActingOperator
from auth_server.db.engine import DbSession
from auth_server.records.audit.store import Audit, record
from auth_server.records.clients.store import find_client, lock_client
from auth_server.records.clients.table import AuthMethod
from auth_server.seed import SeedError, read_seed, store_client


class OwnTokens(BaseModel):
    """The most that a client may do as itself, in one tenant."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    tenant: str = Field(max_length=255)
    """The tenant's id."""
    resources: tuple[str, ...] = Field(default=(), max_length=20)
    """The gateways for which it gets tokens; by default the first one of the settings."""
    scope: str = Field(max_length=2048)
    """The most scope that its tokens have."""
    tools: tuple[str, ...] = Field(max_length=500)
    """Tools and @toolsets."""
    data_scope: str = Field(default="", max_length=4096)
    """Such as `team:design`; empty for all data."""


class NewClient(BaseModel):
    """A client to add: it acts for people, as itself in a tenant, or introspects tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    client_id: str = Field(max_length=255)
    """In printable ASCII."""
    name: str = Field(max_length=100)
    """The name on the consent page."""
    redirect_uris: tuple[str, ...] = Field(default=(), max_length=20)
    """Where people return to; none for a client that only acts as itself or is connected by a code."""
    post_logout_redirect_uris: tuple[str, ...] = Field(default=(), max_length=10)
    """Where people may return to after the app has signed them out here."""
    token_endpoint_auth_method: AuthMethod = "none"  # noqa: S105 - the method's name
    """How it authenticates at the token endpoint; a client with own tokens must."""
    jwks: dict[str, Any] | None = None
    """Its public keys, for `private_key_jwt`."""
    jwks_uri: str | None = Field(default=None, max_length=2048)
    """The URL of its public keys, instead of `jwks`."""
    introspects: bool = False
    """Whether it may introspect any token."""
    dpop_bound_access_tokens: bool = False
    """Whether it gets only tokens that are bound to its key, by DPoP."""
    tls_client_certificate_bound_access_tokens: bool = False
    """Whether it gets only tokens that are bound to its client certificate, where a proxy verifies it."""
    must_push: bool = False
    """Whether it must push its authorization requests (RFC 9126)."""
    device: bool = False
    """Whether people connect it with a code that they type on another device (RFC 8628)."""
    own_tokens: OwnTokens | None = None
    """The most that it may do as itself; null if it only acts for people."""

    @property
    def has_secret(self) -> bool:
        """Whether it authenticates with a secret."""
        return self.token_endpoint_auth_method.startswith("client_secret")


def read_new_client(given: object) -> NewClient:
    """Read the values of a form or command.

    Raises:
        Refused: the first wrong value.
    """
    try:
        return NewClient.model_validate(given)
    except ValidationError as error:
        raise refuse(error) from None


async def add_client(
    db: DbSession,
    operator: ActingOperator,
    new: NewClient,
    *,
    resources: Collection[str],
    secret: str | None,
    replaces: bool = False,
    now: datetime,
) -> ClientView:
    """Add a client that operators manage.

    Args:
        db: the open transaction.
        operator: who does it.
        new: the client.
        resources: the gateways in the settings.
        secret: a new secret, which the caller shows once; None if the client uses none.
        replaces: whether it replaces a managed client with the same id.
        now: the time.

    Raises:
        Forbidden: `clients:write` is missing, or `tenants:write` for a client with own tokens.
        Refused: a value is invalid, the tenant does not exist, or another client has the id.
    """
    operator.act(db, "clients:write")
    own = new.own_tokens
    if own is not None:
        operator.require("tenants:write")
    if unknown := [one for one in own.resources if one not in resources] if own else []:
        raise Refused("resources", f"{unknown[0]} is not a configured resource")
    # A client that exists may belong to another tenant, whose tokens this would replace.
    known = await lock_client(db, new.client_id)
    if known is not None and not (replaces and known.source == "managed"):
        raise Refused("client_id", "a client with this id exists; choose another one")
    if known is not None and known.disabled_at is not None:
        raise Refused("client_id", f"{new.client_id} is disabled; enable it first")
    shared = {} if own is None else own.model_dump(exclude={"resources"})
    names = () if own is None else own.resources or tuple(resources)[:1]
    entry = {
        **new.model_dump(exclude={"own_tokens"}),
        "secret": secret,
        "ceilings": [{"resource": name, **shared} for name in names],
    }
    try:
        (client,) = read_seed({"clients": [entry]}).clients
        await store_client(db, client, now=now)
    except SeedError as error:
        said = str(error).replace("clients.0.ceilings.0.", "").replace("clients.0.", "")
        raise Refused(
            "client", said.removeprefix("clients: ").removeprefix("clients.0: ")
        ) from None
    detail: dict[str, str | int | bool | list[str]] = {
        "name": client.name,
        "source": "managed",
        "scope": "" if own is None else own.scope,
        "tools": [] if own is None else list(own.tools),
    }
    tenant_id = "" if own is None else own.tenant
    added = Audit("client.registered", client_id=new.client_id, tenant_id=tenant_id, detail=detail)
    await record(db, added, now=now)
    row = await find_client(db, new.client_id)
    assert row is not None  # noqa: S101 - it was stored above
    return await view_client(db, row)
