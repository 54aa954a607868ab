"""`gatepost auth-server grants …`: list and end people's grants."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Literal

import click

from auth_server.administration.tenancy.connections import (
    SubAgentView,
    TenantConnectionView,
    view_connections,
)
from auth_server.commands.common import config_option, in_transaction, load_settings
from auth_server.db.engine import DbSession
from auth_server.records.grants.store import find_grant, list_live_grants
from auth_server.revocations.revoke import outdate_for_operator, revoke_grants
from auth_server.tenancy.sub_agents import end_sub_agent
from auth_server.tenancy.tenant_apps import end_connection
from gatepost.clock import utc_now
from gatepost_cli.terminal import echo, json_option, print_rows

_REASON = "an operator ended it"
_person = click.option("--person", "person_id", help="A person's id.")
_tenant = click.option("--tenant", "tenant_id", help="A tenant's id.")
_client = click.option("--client", "client_id", help="A client's id.")


class GrantView(TenantConnectionView):
    """A grant in a list of several tenants."""

    tenant_id: str
    created_at: datetime
    version: int
    """Increases with each change."""


@click.group()
def grants() -> None:
    """List and end the access that people granted to apps."""


@grants.command(name="list")
@config_option
@_person
@_tenant
@_client
@json_option
def list_(
    config: Path | None,
    person_id: str | None,
    tenant_id: str | None,
    client_id: str | None,
    as_json: bool,
) -> None:
    """List the live grants that match all given options, with their sub-agents."""

    async def work(db: DbSession) -> list[GrantView]:
        found = await list_live_grants(
            db, person_id=person_id, tenant_id=tenant_id, client_id=client_id
        )
        return [
            GrantView(
                **view.model_dump(),
                tenant_id=grant.tenant_id,
                created_at=grant.created_at,
                version=grant.version,
            )
            for grant, view in zip(
                found, await view_connections(db, found, now=utc_now()), strict=True
            )
        ]

    rows = asyncio.run(in_transaction(load_settings(config), work))
    print_rows(rows, _describe, as_json=as_json, none="There are no such grants.")


@grants.command(name="end")
@config_option
@click.argument("grant_id", required=False)
@_person
@_tenant
@_client
def end(
    config: Path | None,
    grant_id: str | None,
    person_id: str | None,
    tenant_id: str | None,
    client_id: str | None,
) -> None:
    """End GRANT_ID, or every grant that matches all given options; or the sub-agent delegation_….

    Gateways refuse it within seconds, and the people concerned have to connect again. What a tenant's own
    provider connected, it connects again, unless you name one GRANT_ID or end the app with `tenants apps`.
    """
    options = [one for one in (person_id, tenant_id, client_id) if one is not None]
    if (grant_id is None) == (not options):
        raise click.ClickException("name one GRANT_ID, or give --person, --tenant or --client")
    settings = load_settings(config)
    lifetime = settings.longest_token_lifetime

    async def work(db: DbSession) -> int:
        now = utc_now()
        if grant_id is not None and grant_id.startswith("delegation_"):
            return int(await end_sub_agent(db, grant_id, "operator", now=now))
        if grant_id is not None:
            grant = await find_grant(db, grant_id)
            if grant is None:
                return 0
            return int(await end_connection(db, grant, "operator", lifetime=lifetime, now=now))
        return await revoke_grants(
            db,
            _REASON,
            lifetime=lifetime,
            now=now,
            person_id=person_id,
            tenant_id=tenant_id,
            client_id=client_id,
        )

    ended = asyncio.run(in_transaction(settings, work))
    if grant_id is not None and not ended:
        raise click.ClickException(f"{grant_id} does not exist, or has already ended")
    echo(f"{ended} grants ended.")


@grants.command(name="refresh")
@config_option
@click.argument("kind", type=click.Choice(["person", "tenant", "client"]))
@click.argument("key")
def refresh(config: Path | None, kind: Literal["person", "tenant", "client"], key: str) -> None:
    """End the access tokens, but not the grants, of the person, tenant or client KEY.

    Apps refresh automatically and get tokens with the current permissions.
    """
    settings = load_settings(config)
    lifetime = settings.longest_token_lifetime

    async def work(db: DbSession) -> None:
        await outdate_for_operator(db, kind, key, lifetime=lifetime, now=utc_now())

    asyncio.run(in_transaction(settings, work))
    echo(f"The access tokens issued so far for {kind} {key} have ended.")


def _describe(grant: GrantView) -> str:
    line = (
        f"{grant.grant_id}  {grant.person_id} in {grant.tenant_id}  {grant.client_name} "
        f"({grant.client_id})  {len(grant.tools)} tools, {grant.scope} at {grant.resource}  "
        f"since {grant.created_at:%Y-%m-%d}, version {grant.version}"
    )
    return "\n".join([line, *map(_describe_sub_agent, grant.sub_agents)])


def _describe_sub_agent(one: SubAgentView) -> str:
    return (
        f"{'  ' * one.depth}{one.delegation_id}  {one.name} ({one.actor})  "
        f"{len(one.tools)} tools, {one.scope}  until {one.expires_at:%Y-%m-%d %H:%M}"
    )
