"""Make, list and revoke the tokens of a tenant's directory, and count what it holds."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from auth_server.administration.errors import NotFound, Refused
from auth_server.administration.operator import ActingOperator
from auth_server.administration.tenancy.require import require_tenant
from auth_server.db.engine import DbSession
from auth_server.directory.tokens import make_token, revoke_token
from auth_server.records.directory.groups import count_groups
from auth_server.records.directory.tokens import list_tokens
from auth_server.records.directory.users import count_users
from auth_server.records.tenant_providers.store import find_provider
from auth_server.records.tenants.store import find_tenants
from auth_server.tenancy.change_policy import ChangeRefused


class DirectoryTokenView(BaseModel):
    """A token of a directory, without its secret."""

    model_config = ConfigDict(frozen=True, from_attributes=True, use_attribute_docstrings=True)

    token_id: str
    label: str
    data_scope: str
    """The data that new members see; empty for all."""
    created_by: str
    created_at: datetime
    last_used_at: datetime | None


class DirectoryView(BaseModel):
    """What a tenant's provider keeps here by SCIM."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    provider: str | None
    """The tenant's own identity provider; without one, there is no directory."""
    users: int
    active_users: int
    groups: int
    tokens: tuple[DirectoryTokenView, ...]
    """The live tokens, the newest first; at most two."""


async def read_directory(db: DbSession, operator: ActingOperator, tenant_id: str) -> DirectoryView:
    """Show a tenant's directory.

    Raises:
        Forbidden: `tenants:read` is missing.
        NotFound: the tenant does not exist.
    """
    operator.require("tenants:read")
    if tenant_id not in await find_tenants(db, [tenant_id]):
        raise NotFound(f"the tenant {tenant_id[:200]} does not exist")
    own = await find_provider(db, tenant_id)
    users, active = await count_users(db, tenant_id)
    return DirectoryView(
        provider=own.provider if own is not None else None,
        users=users,
        active_users=active,
        groups=await count_groups(db, tenant_id),
        tokens=tuple(
            DirectoryTokenView.model_validate(row) for row in await list_tokens(db, tenant_id)
        ),
    )


async def create_directory_token(
    db: DbSession,
    operator: ActingOperator,
    tenant_id: str,
    *,
    label: str,
    data_scope: str,
    secret: str,
    now: datetime,
) -> tuple[DirectoryTokenView, str]:
    """Make a token, and return it with its text, which is not stored.

    Args:
        db: the open transaction.
        operator: who does it.
        tenant_id: the tenant.
        label: a name for people.
        data_scope: the data that new members see; empty for all.
        secret: a new secret.
        now: the time.

    Raises:
        Forbidden: `tenants:write` is missing.
        NotFound: the tenant does not exist.
        Refused: the tenant has no provider of its own or two tokens already, or a value is invalid.
    """
    operator.act(db, "tenants:write")
    await require_tenant(db, tenant_id)
    try:
        row, text = await make_token(
            db,
            tenant_id,
            label=label,
            data_scope=data_scope,
            secret=secret,
            by=None,
            now=now,
        )
    except ChangeRefused as error:
        raise Refused("token", str(error)) from None
    return DirectoryTokenView.model_validate(row), text


async def revoke_directory_token(
    db: DbSession, operator: ActingOperator, tenant_id: str, token_id: str, *, now: datetime
) -> None:
    """End a token at once.

    Raises:
        Forbidden: `tenants:write` is missing.
        NotFound: the tenant has no such live token.
    """
    operator.act(db, "tenants:write")
    await require_tenant(db, tenant_id)
    if not await revoke_token(db, tenant_id, token_id, by=None, now=now):
        raise NotFound(f"the tenant has no live token {token_id[:60]}")
