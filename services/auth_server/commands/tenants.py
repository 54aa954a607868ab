"""`gatepost auth-server tenants …`: manage customer organisations and their rules for agents."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import click
from pydantic import ValidationError

from auth_server.administration.errors import NotFound, Refused, refuse
from auth_server.administration.money.plans import require_free_choice
from auth_server.administration.operator import COMMAND_LINE
from auth_server.administration.tenancy.directory import (
    DirectoryView,
    create_directory_token,
    read_directory,
    revoke_directory_token,
)
from auth_server.administration.tenancy.domains import DomainView, end_domain, read_domains
from auth_server.administration.tenancy.providers import (
    TenantProviderView,
    assign_provider,
    lift_provider_rule,
    read_provider,
)
from auth_server.administration.tenancy.rules import Rules, read_policy, view_policy
from auth_server.administration.tenancy.service_clients import (
    ServiceClientView,
    end_service_client,
    read_service_clients,
)
from auth_server.administration.tenancy.tenant_apps import (
    Ceiling,
    TenantAppChange,
    TenantAppView,
    end_app,
    put_app,
    read_tenant_apps,
)
from auth_server.administration.tenants import TenantView, view_tenant
from auth_server.commands.common import config_option, in_transaction, load_settings
from auth_server.db.engine import DbSession
from auth_server.directory.url import scim_url
from auth_server.records.audit.store import Audit, record
from auth_server.records.tenants.policy import TenantPolicy, UnusablePolicy, require_policy
from auth_server.records.tenants.store import list_tenants, lock_tenant, put_tenant
from auth_server.records.tenants.table import Tenant, is_one_segment
from auth_server.revocations.revoke import outdate_tokens
from auth_server.secrets import new_secret
from auth_server.settings import AuthServerSettings
from auth_server.tenancy.change_policy import change_policy
from auth_server.tenancy.tenant_apps import AppKey
from gatepost.approvals import APPROVAL_RULES
from gatepost.clock import utc_now
from gatepost_cli.terminal import echo, json_option, print_rows

T = TypeVar("T")


class RuledTenantView(TenantView):
    """A tenant with all its rules for agents."""

    rules: Rules


@click.group()
def tenants() -> None:
    """Manage tenants and their rules for agents."""


@tenants.command(name="list")
@config_option
@json_option
def list_(config: Path | None, as_json: bool) -> None:
    """List the tenants with their rules."""

    async def work(db: DbSession) -> list[RuledTenantView]:
        return [
            RuledTenantView(**view_tenant(row).model_dump(), rules=view_policy(row.policy))
            for row in await list_tenants(db)
        ]

    rows = asyncio.run(in_transaction(load_settings(config), work))
    print_rows(rows, _describe, as_json=as_json, none="There are no tenants.")


@tenants.command(name="add")
@config_option
@click.argument("tenant_id")
@click.option("--name", required=True, help="The name on the consent page.")
@click.option("--tier", help="The plan.  [default: the present one, or free for a new tenant]")
def add(config: Path | None, tenant_id: str, name: str, tier: str | None) -> None:
    """Add a tenant by its id in your product, or change its name and tier."""
    too_long = len(tenant_id) > 255 or len(name) > 200 or len(tier or "") > 32
    if too_long or not (tenant_id and name) or tier == "":
        raise click.ClickException("id, name and tier must have 1 to 255, 200 and 32 characters")

    async def work(db: DbSession) -> None:
        now = utc_now()
        known = await lock_tenant(db, tenant_id)
        if known is None and not is_one_segment(tenant_id):
            raise click.ClickException("the id must not contain / or be . or ..")
        plan = tier or ("free" if known is None else known.rate_limit_tier)
        if known is not None and known.rate_limit_tier != plan:
            try:
                await require_free_choice(db, tenant_id)
            except Refused as refused:
                raise click.ClickException(str(refused)) from None
        tenant = Tenant(tenant_id=tenant_id, name=name, rate_limit_tier=plan, created_at=now)
        await put_tenant(db, tenant, now=now)
        put = Audit(
            "tenant.created" if known is None else "tenant.changed",
            tenant_id=tenant_id,
            detail={"name": name, "rate_limit_tier": plan},
        )
        await record(db, put, now=now)

    asyncio.run(in_transaction(load_settings(config), work))
    echo(f"{tenant_id} is a tenant.")


@tenants.command(name="provider")
@config_option
@click.argument("tenant_id")
@click.argument("provider", required=False)
@click.option("--none", "none", is_flag=True, help="Take the tenant's provider away.")
@click.option("--lift-rule", is_flag=True, help="Let members sign in in every way again.")
def provider_(
    config: Path | None, tenant_id: str, provider: str | None, none: bool, lift_rule: bool
) -> None:
    """Show or assign the tenant's own identity provider, by its name in the settings."""
    if (provider is not None) + none + lift_rule > 1:
        raise click.ClickException("give only one of PROVIDER, --none and --lift-rule")
    settings = load_settings(config)

    async def work(db: DbSession) -> TenantProviderView:
        try:
            if lift_rule:
                return await lift_provider_rule(db, COMMAND_LINE, tenant_id, now=utc_now())
            if provider is None and not none:
                return await read_provider(db, COMMAND_LINE, tenant_id)
            return await assign_provider(
                db,
                COMMAND_LINE,
                tenant_id,
                provider,
                customers=settings.customers_providers,
                lifetime=settings.longest_token_lifetime,
                now=utc_now(),
            )
        except (NotFound, Refused) as refused:
            raise click.ClickException(str(refused)) from None

    view = asyncio.run(in_transaction(settings, work))
    domains = ", ".join(view.verified_domains) or "no verified domains"
    rule = "required for members" if view.required_since else "not required"
    own = f"{view.provider}, {rule}" if view.provider else "no provider of its own"
    echo(f"{tenant_id}  {own}  ({domains})")


@tenants.command(name="domains")
@config_option
@click.argument("tenant_id")
@click.option("--remove", "domain", help="End the claim on this domain.")
@json_option
def domains(config: Path | None, tenant_id: str, domain: str | None, as_json: bool) -> None:
    """List the e-mail domains that TENANT_ID claims, or remove one."""

    settings = load_settings(config)

    async def work(db: DbSession) -> list[DomainView]:
        if domain is not None:
            lifetime = settings.longest_token_lifetime
            await end_domain(db, COMMAND_LINE, tenant_id, domain, lifetime=lifetime, now=utc_now())
        return await read_domains(db, COMMAND_LINE, tenant_id)

    print_rows(
        _run(settings, work),
        lambda one: f"{one.domain}  {'verified' if one.verified_at else 'not verified'}",
        as_json=as_json,
        none="It claims no domains.",
    )


@tenants.command(name="apps")
@config_option
@click.argument("tenant_id")
@click.argument("client_id", required=False)
@click.option("--resource", help="The gateway.  [default: the first one in the settings]")
@click.option(
    "--ceiling",
    "ceilings",
    nargs=3,
    multiple=True,
    metavar="GROUP TOOLS DATA",
    help="The most for a group ('' for everybody else, last): tools, and data or ''; repeatable.",
)
@click.option("--end", "end", is_flag=True, help="Stop connecting the app.")
@json_option
def apps(
    config: Path | None,
    tenant_id: str,
    client_id: str | None,
    resource: str | None,
    ceilings: tuple[tuple[str, str, str], ...],
    end: bool,
    as_json: bool,
) -> None:
    """List the apps that TENANT_ID's own provider connects for members, or set or end one."""
    if (client_id is not None) != (bool(ceilings) or end) or (ceilings and end):
        raise click.ClickException("give CLIENT_ID together with either --ceiling or --end")
    settings = load_settings(config)
    gateway = resource or settings.resources[0].resource

    async def work(db: DbSession) -> list[TenantAppView]:
        lifetime, now = settings.longest_token_lifetime, utc_now()
        if client_id is not None and end:
            key = AppKey(tenant_id, client_id, gateway)
            await end_app(db, COMMAND_LINE, key, lifetime=lifetime, now=now)
        elif client_id is not None:
            change = TenantAppChange(
                client_id=client_id,
                resource=gateway,
                ceilings=tuple(
                    Ceiling(
                        group=group, tools=tuple(tools.replace(",", " ").split()), data_scope=data
                    )
                    for group, tools, data in ceilings
                ),
            )
            await put_app(
                db,
                COMMAND_LINE,
                tenant_id,
                change,
                resources=[entry.resource for entry in settings.resources],
                issuers=settings.providers_with_own_issuer,
                lifetime=lifetime,
                now=now,
            )
        return await read_tenant_apps(db, COMMAND_LINE, tenant_id)

    try:
        rows = _run(settings, work)
    except ValidationError as error:
        raise click.ClickException(str(refuse(error))) from None
    print_rows(rows, _describe_app, as_json=as_json, none="Its provider connects no apps.")


@tenants.command(name="directory")
@config_option
@click.argument("tenant_id")
@click.option("--create", "label", help="Create a token with this name.")
@click.option("--data", "data_scope", default="", help="The data that new members see.")
@click.option("--revoke", "token_id", help="Revoke this token.")
@json_option
def directory(
    config: Path | None,
    tenant_id: str,
    label: str | None,
    data_scope: str,
    token_id: str | None,
    as_json: bool,
) -> None:
    """Show what the provider of TENANT_ID keeps here by SCIM, or create or revoke its token."""
    if label is not None and token_id is not None:
        raise click.ClickException("give only one of --create and --revoke")
    if label is not None and as_json:
        raise click.UsageError("--json does not show a new token; leave it out with --create")
    settings = load_settings(config)

    async def work(db: DbSession) -> tuple[DirectoryView, str]:
        text = ""
        if label is not None:
            _, text = await create_directory_token(
                db,
                COMMAND_LINE,
                tenant_id,
                label=label,
                data_scope=data_scope,
                secret=new_secret(),
                now=utc_now(),
            )
        if token_id is not None:
            await revoke_directory_token(db, COMMAND_LINE, tenant_id, token_id, now=utc_now())
        return await read_directory(db, COMMAND_LINE, tenant_id), text

    view, text = _run(settings, work)
    if text:
        echo(f"{text}\nEnter the token at the provider now. You won't be able to see it again.")
        echo(f"The URL there is {scim_url(settings.issuer)}")
    print_rows([view], _describe_directory, as_json=as_json, none="")


@tenants.command(name="service-clients")
@config_option
@click.argument("tenant_id")
@click.option("--end", "client_id", help="End what this client may do by itself there.")
@json_option
def service_clients(
    config: Path | None, tenant_id: str, client_id: str | None, as_json: bool
) -> None:
    """List the clients that act as themselves for TENANT_ID, or end one."""
    settings = load_settings(config)

    async def work(db: DbSession) -> list[ServiceClientView]:
        if client_id is not None:
            lifetime = settings.longest_token_lifetime
            await end_service_client(
                db, COMMAND_LINE, tenant_id, client_id, lifetime=lifetime, now=utc_now()
            )
        return await read_service_clients(db, COMMAND_LINE, tenant_id)

    print_rows(
        _run(settings, work),
        _describe_service_client,
        as_json=as_json,
        none="It has no service clients.",
    )


def _run(settings: AuthServerSettings, work: Callable[[DbSession], Awaitable[T]]) -> T:
    try:
        return asyncio.run(in_transaction(settings, work))
    except (NotFound, Refused) as error:
        raise click.ClickException(str(error)) from None


@tenants.command(name="set")
@config_option
@click.argument("tenant_id")
@click.option("--allow-client", "clients", multiple=True, help="A client id or host; repeatable.")
@click.option("--allow-any-client", is_flag=True, help="Remove the list of clients.")
@click.option("--read-only/--not-read-only", default=None, help="Restrict agents to reading.")
@click.option("--api-keys/--no-api-keys", default=None, help="Whether members may have API keys.")
@click.option("--longest-token-minutes", type=click.IntRange(0, 1440), help="0 means no limit.")
@click.option("--longest-grant-days", type=click.IntRange(0, 3650), help="0 means no limit.")
@click.option(
    "--approval",
    type=click.Choice(APPROVAL_RULES),
    help="The calls that an admin must approve.",
)
@click.option(
    "--required-level", type=click.IntRange(1, 2), help="2 requires two factors or a passkey."
)
@click.option("--disable/--enable", "disabled", default=None, help="Disabling ends all access.")
def set_(
    config: Path | None,
    tenant_id: str,
    clients: tuple[str, ...],
    allow_any_client: bool,
    longest_grant_days: int | None,
    longest_token_minutes: int | None,
    disabled: bool | None,
    **given: Any,
) -> None:
    """Change the given rules of a tenant; the others stay."""
    if clients and allow_any_client:
        raise click.ClickException("give --allow-client or --allow-any-client, not both")
    settings = load_settings(config)

    def decide(before: TenantPolicy) -> TenantPolicy:
        changed = {name: value for name, value in given.items() if value is not None}
        after = replace(before, **changed)
        if clients or allow_any_client:
            after = replace(after, allowed_clients=clients or None)
        if longest_grant_days is not None:
            longest = timedelta(days=longest_grant_days) if longest_grant_days else None
            after = replace(after, longest_grant=longest)
        if longest_token_minutes is not None:
            token = timedelta(minutes=longest_token_minutes) if longest_token_minutes else None
            after = replace(after, longest_token=token)
        return require_policy(
            required_level=after.required_level,
            allowed_clients=after.allowed_clients,
            read_only=after.read_only,
            longest_grant=after.longest_grant,
            api_keys=after.api_keys,
            longest_token=after.longest_token,
            approval=after.approval,
        )

    try:
        asyncio.run(in_transaction(settings, _change(settings, tenant_id, decide, disabled)))
    except UnusablePolicy as error:
        raise click.ClickException(str(error)) from None
    echo(f"{tenant_id} is changed.")


def _change(
    settings: AuthServerSettings,
    tenant_id: str,
    decide: Callable[[TenantPolicy], TenantPolicy],
    disabled: bool | None,
) -> Callable[[DbSession], Awaitable[None]]:
    lifetime = settings.longest_token_lifetime

    async def work(db: DbSession) -> None:
        now = utc_now()
        tenant = await lock_tenant(db, tenant_id)
        if tenant is None:
            raise click.ClickException(f"the tenant {tenant_id} does not exist")
        policy = decide(tenant.policy)
        await change_policy(db, tenant_id, policy, by=None, lifetime=lifetime, now=now)
        if disabled is not None and disabled != (tenant.disabled_at is not None):
            tenant.disabled_at = now if disabled else None
            await db.flush()
            changed = Audit("tenant.changed", tenant_id=tenant_id, detail={"disabled": disabled})
            await record(db, changed, now=now)
            await outdate_tokens(db, "tenant", tenant_id, lifetime=lifetime, now=now)

    return work


def _describe_app(one: TenantAppView) -> str:
    return "\n".join(
        f"{one.client_id}  {one.resource}  {line.group or '(everybody else)'}: "
        f"{', '.join(line.tools)}; {line.data_scope or 'all data of the member'}"
        for line in one.ceilings
    )


def _describe_directory(view: DirectoryView) -> str:
    provider = view.provider or "no provider of its own"
    lines = [
        f"{provider}: {view.users} people, {view.active_users} active; {view.groups} groups",
    ]
    for token in view.tokens:
        used = f"{token.last_used_at:%Y-%m-%d %H:%M}" if token.last_used_at else "never"
        lines.append(f"{token.token_id}  {token.label}  last used: {used}")
    return "\n".join(lines)


def _describe_service_client(one: ServiceClientView) -> str:
    return (
        f"{one.client_id}  {one.resource}: {one.scope}; {', '.join(one.tools)}; "
        f"{one.data_scope or 'all data of the tenant'}"
    )


def _describe(tenant: RuledTenantView) -> str:
    policy = read_policy(tenant.rules)
    state = "disabled" if tenant.disabled_at is not None else "active"
    rules = []
    if policy.required_level > 1:
        rules.append("two factors")
    if policy.allowed_clients is not None:
        rules.append(f"clients {', '.join(policy.allowed_clients) or 'none'}")
    if policy.read_only:
        rules.append("read only")
    if not policy.admits_api_keys:
        rules.append("no API keys")
    if policy.longest_grant is not None:
        rules.append(f"at most {policy.longest_grant}")
    if policy.longest_token is not None:
        rules.append(f"tokens at most {policy.longest_token}")
    if policy.approval != "none":
        rules.append(f"admins approve {policy.approval}")
    said = "; ".join(rules) or "no rules"
    return f"{tenant.tenant_id}  {state}  {tenant.plan}  {tenant.name}  ({said})"
