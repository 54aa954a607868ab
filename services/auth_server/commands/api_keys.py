"""`gatepost auth-server api-keys …`: manage keys for programs that can't open a browser."""

import asyncio
import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from auth_server.administration.tenancy.api_keys import TenantKeyView, view_keys
from auth_server.commands.common import config_option, in_transaction, load_settings
from auth_server.db.engine import DbSession
from auth_server.entitlements.api_key import (
    NewApiKey,
    UnusableApiKey,
    end_api_key,
    issue_api_key,
)
from auth_server.records.api_keys.store import list_api_keys
from auth_server.records.api_keys.table import StoredApiKey
from gatepost.allowed_tools import MalformedAllowedTools
from gatepost.api_keys import make_api_key
from gatepost.clock import utc_now
from gatepost.data_scope import MalformedDataScope, parse_data_scope
from gatepost.scopes import MalformedScope, narrow_scopes, parse_scope
from gatepost_cli.terminal import echo, json_option, print_rows


@dataclass(frozen=True, slots=True)
class _NewKey:
    """The options of a new key."""

    label: str
    person_id: str
    tenant_id: str
    resource: str | None
    scope: str
    tools: tuple[str, ...]
    data_scope: str
    test: bool
    expires_in_days: int


class ApiKeyView(TenantKeyView):
    """A key in a list of several tenants, which also has revoked keys."""

    tenant_id: str
    env: str
    """`live` or `test`."""
    revoked_at: datetime | None


@click.group(name="api-keys")
def api_keys() -> None:
    """Manage API keys."""


@api_keys.command(name="create")
@config_option
@click.option("--label", required=True, help="The purpose of the key.")
@click.option(
    "--person", "person_id", required=True, help="The id of its owner, a member of the tenant."
)
@click.option("--tenant", "tenant_id", required=True, help="The tenant in which the key is valid.")
@click.option("--resource", help="The gateway that accepts the key; by default the first.")
@click.option("--scope", required=True, help="The scope, such as mcp:read.")
@click.option(
    "--tool", "tools", multiple=True, required=True, help="A tool or @toolset; repeatable."
)
@click.option("--data-scope", default="", help="Restricts the member's data further.")
@click.option("--test", is_flag=True, help="Make a test key, whose calls are marked as tests.")
@click.option(
    "--expires-in-days",
    type=click.IntRange(1, 3650),
    default=365,
    show_default=True,
    help="The lifetime.",
)
def create(config: Path | None, **options: Any) -> None:
    """Create a key and show it once."""
    given, settings = _NewKey(**options), load_settings(config)
    resources = settings.resources
    entry = settings.find_resource(given.resource) if given.resource else resources[0]
    if entry is None:
        raise click.ClickException(f"{given.resource} is none of the configured resources")
    key = make_api_key("test" if given.test else "live", os.urandom(32))

    async def work(db: DbSession) -> StoredApiKey:
        now = utc_now()
        scopes = parse_scope(given.scope)
        if narrow_scopes(scopes, entry.scopes) != scopes:
            raise UnusableApiKey(f"scope must only contain {' '.join(entry.scopes)}")
        new = NewApiKey(
            label=given.label,
            person_id=given.person_id,
            tenant_id=given.tenant_id,
            resource=entry.resource,
            scopes=scopes,
            tools=given.tools,
            data_scope=parse_data_scope(given.data_scope),
            expires_at=now + timedelta(days=given.expires_in_days),
        )
        return await issue_api_key(db, key, new, now=now)

    try:
        row = asyncio.run(in_transaction(settings, work))
    except (UnusableApiKey, MalformedScope, MalformedDataScope, MalformedAllowedTools) as error:
        raise click.ClickException(str(error)) from None
    echo(f"{row.key_id} is valid until {row.expires_at:%Y-%m-%d}. The key is shown only once:")
    echo(key.text)


@api_keys.command(name="list")
@config_option
@click.option("--tenant", "tenant_id", help="List only this tenant's keys.")
@json_option
def list_(config: Path | None, tenant_id: str | None, as_json: bool) -> None:
    """List the keys, without their secret texts."""

    async def work(db: DbSession) -> list[ApiKeyView]:
        keys = await list_api_keys(db, tenant_id=tenant_id)
        return [
            ApiKeyView(
                **view.model_dump(), tenant_id=key.tenant_id, env=key.env, revoked_at=key.revoked_at
            )
            for key, view in zip(keys, await view_keys(db, keys), strict=True)
        ]

    rows = asyncio.run(in_transaction(load_settings(config), work))
    print_rows(rows, _describe, as_json=as_json, none="There are no API keys.")


@api_keys.command(name="revoke")
@config_option
@click.argument("key_id")
def revoke(config: Path | None, key_id: str) -> None:
    """Revoke a key and the access tokens issued for it."""
    settings = load_settings(config)

    async def work(db: DbSession) -> bool:
        lifetime = settings.longest_token_lifetime
        return await end_api_key(db, key_id, lifetime=lifetime, now=utc_now())

    if not asyncio.run(in_transaction(settings, work)):
        raise click.ClickException(f"{key_id} does not exist, or is already revoked")
    echo(f"{key_id} is revoked.")


def _describe(row: ApiKeyView) -> str:
    state = "active"
    if row.revoked_at is not None:
        state = "revoked"
    elif row.expires_at is not None and row.expires_at <= utc_now():
        state = "expired"
    until = f"{row.expires_at:%Y-%m-%d}" if row.expires_at else "unlimited"
    used = f"{row.last_used_at:%Y-%m-%d %H:%M}" if row.last_used_at else "never"
    return (
        f"{row.key_id}  {row.env}  {state}  until {until}  used {used}  {row.person_id} in "
        f"{row.tenant_id} at {row.resource}: {row.scope}; {', '.join(row.tools)}  {row.label}"
    )
