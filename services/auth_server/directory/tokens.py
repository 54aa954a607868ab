"""Make, find and revoke the tokens with which a tenant's provider keeps its users here."""

from datetime import datetime

from auth_server.db.engine import DbSession
from auth_server.directory.acting import Directory
from auth_server.records.audit.store import Audit, record
from auth_server.records.directory.table import DirectoryToken
from auth_server.records.directory.tokens import (
    add_token,
    find_live_token,
    list_tokens,
    revoke_token_row,
)
from auth_server.records.tenant_providers.store import find_provider
from auth_server.records.tenants.store import find_tenant, lock_tenant
from auth_server.secrets import hash_secret
from auth_server.settings import AuthServerSettings
from auth_server.sign_in_settings import OidcSignIn
from auth_server.tenancy.change_policy import ChangeRefused, require_admin
from gatepost.data_scope import MalformedDataScope, parse_data_scope

PREFIX = "gatepost_scim_"
"""Lets scanners of repositories recognise a token."""
MOST_TOKENS = 2
"""So that a new token can be entered at the provider before the old one ends."""


async def make_token(
    db: DbSession,
    tenant_id: str,
    *,
    label: str,
    data_scope: str,
    secret: str,
    by: str | None,
    now: datetime,
) -> tuple[DirectoryToken, str]:
    """Make a token for a tenant's own provider, and return it with its text, which is not stored.

    Args:
        db: the open transaction.
        tenant_id: the tenant.
        label: a name for people.
        data_scope: the data that new members see; empty for all.
        secret: a new secret.
        by: the admin; None for an operator.
        now: the time.

    Raises:
        ChangeRefused: the person is not an admin, the tenant has no provider of its own or two tokens
            already, or a value is invalid.
    """
    await require_admin(db, by, tenant_id)
    await lock_tenant(db, tenant_id)
    own = await find_provider(db, tenant_id)
    if own is None:
        raise ChangeRefused("The organisation has no identity provider of its own.")
    if not 1 <= len(label) <= 100 or not label.isprintable():
        raise ChangeRefused("The name must be 1 to 100 printable characters.")
    try:
        data = str(parse_data_scope(data_scope))
    except MalformedDataScope as error:
        raise ChangeRefused(
            "The data must be entries such as team:sales, separated by spaces."
        ) from error
    if len(data) > 4096:
        raise ChangeRefused("The data must be at most 4096 characters.")
    if len(await list_tokens(db, tenant_id)) >= MOST_TOKENS:
        raise ChangeRefused("There are two tokens already. Revoke the one that is not in use.")
    text = f"{PREFIX}{secret}"
    row = DirectoryToken(
        token_id=hash_secret(text)[:16],
        token_hash=hash_secret(text),
        tenant_id=tenant_id,
        provider=own.provider,
        label=label,
        data_scope=data,
        created_by=by or "operator",
        created_at=now,
    )
    await add_token(db, row)
    made = Audit(
        "directory_token.created",
        person_id=by or "",
        tenant_id=tenant_id,
        detail={"token": row.token_id, "label": label, "provider": own.provider},
    )
    await record(db, made, now=now)
    return row, text


async def revoke_token(
    db: DbSession, tenant_id: str, token_id: str, *, by: str | None, now: datetime
) -> bool:
    """End a token at once; return whether the tenant had it.

    Raises:
        ChangeRefused: the person is not an admin of the tenant.
    """
    await require_admin(db, by, tenant_id)
    row = await revoke_token_row(db, tenant_id, token_id, now=now)
    if row is None:
        return False
    ended = Audit(
        "directory_token.revoked",
        person_id=by or "",
        tenant_id=tenant_id,
        detail={"token": token_id, "label": row.label},
    )
    await record(db, ended, now=now)
    return True


async def find_directory(
    db: DbSession, text: str, settings: AuthServerSettings
) -> tuple[DirectoryToken, Directory] | None:
    """Find the directory that a token is for; None if the token is unknown or revoked.

    It is also None while the tenant is disabled or its provider is not in the settings any more.
    """
    row = await find_live_token(db, hash_secret(text)) if text.startswith(PREFIX) else None
    if row is None or await find_tenant(db, row.tenant_id) is None:
        return None
    ways = [way for way in settings.sign_in if isinstance(way, OidcSignIn) and way.customer]
    issuer = next((way.issuer for way in ways if way.name == row.provider), None)
    if issuer is None:
        return None
    directory = Directory(
        tenant_id=row.tenant_id,
        provider=row.provider,
        issuer=issuer,
        token_id=row.token_id,
        data_scope=row.data_scope,
        lifetime=settings.longest_token_lifetime,
        idle=settings.session_idle_lifetime,
    )
    return row, directory
