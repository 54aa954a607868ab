"""`gatepost auth-server memberships …`: manage tenants' members, their roles and data."""

import asyncio
from pathlib import Path

import click

from auth_server.administration.errors import NotFound, Refused
from auth_server.administration.operator import COMMAND_LINE
from auth_server.administration.people import MembershipView
from auth_server.administration.tenancy.invitations import (
    InvitationView,
    invite_person,
    read_invitations,
    resend_invitation,
    withdraw_invitation,
)
from auth_server.commands.common import config_option, in_transaction, load_settings
from auth_server.db.engine import DbSession
from auth_server.records.tenants.store import list_memberships
from auth_server.tenancy.change_membership import remove_membership, set_membership
from auth_server.tenancy.change_policy import ChangeRefused
from gatepost.clock import utc_now
from gatepost.data_scope import MalformedDataScope, parse_data_scope
from gatepost_cli.terminal import echo, json_option, print_rows


class PersonsMembershipView(MembershipView):
    """A membership in a list of several people."""

    person_id: str


@click.group()
def memberships() -> None:
    """Manage the members of tenants."""


@memberships.command(name="list")
@config_option
@click.option("--tenant", "tenant_id", help="List only this tenant.")
@click.option("--person", "person_id", help="List only this person.")
@json_option
def list_(config: Path | None, tenant_id: str | None, person_id: str | None, as_json: bool) -> None:
    """List memberships with their roles and data scopes."""

    async def work(db: DbSession) -> list[PersonsMembershipView]:
        rows = await list_memberships(db, tenant_id=tenant_id, person_id=person_id)
        return [PersonsMembershipView.model_validate(row) for row in rows]

    rows = asyncio.run(in_transaction(load_settings(config), work))
    print_rows(rows, _describe, as_json=as_json, none="There are no such memberships.")


@memberships.command(name="set")
@config_option
@click.argument("person_id")
@click.argument("tenant_id")
@click.option("--role", default="member", show_default=True, help="An admin sets the policy.")
@click.option("--data-scope", default="", help="Such as team:design; by default all data.")
def set_(config: Path | None, person_id: str, tenant_id: str, role: str, data_scope: str) -> None:
    """Add a member, or change their role and data; their access tokens end at once."""
    settings = load_settings(config)

    async def work(db: DbSession) -> None:
        await set_membership(
            db,
            person_id,
            tenant_id,
            role=role,
            data_scope=parse_data_scope(data_scope),
            by=None,
            lifetime=settings.longest_token_lifetime,
            now=utc_now(),
        )

    try:
        asyncio.run(in_transaction(settings, work))
    except (ChangeRefused, MalformedDataScope) as error:
        raise click.ClickException(str(error)) from None
    echo(f"{person_id} has the role {role} in {tenant_id}.")


@memberships.command(name="remove")
@config_option
@click.argument("person_id")
@click.argument("tenant_id")
def remove(config: Path | None, person_id: str, tenant_id: str) -> None:
    """Remove a member, with their connections and API keys in the tenant."""
    settings = load_settings(config)

    async def work(db: DbSession) -> None:
        lifetime = settings.longest_token_lifetime
        await remove_membership(db, person_id, tenant_id, by=None, lifetime=lifetime, now=utc_now())

    try:
        asyncio.run(in_transaction(settings, work))
    except ChangeRefused as error:
        raise click.ClickException(str(error)) from None
    echo(f"{person_id} is no longer a member of {tenant_id}.")


@memberships.command(name="invite")
@config_option
@click.argument("email")
@click.argument("tenant_id")
@click.option("--role", default="member", show_default=True, help="An admin sets the policy.")
@click.option("--data-scope", default="", help="Such as team:design; by default all data.")
@click.option("--language", help="The language of the mail, such as de.")
def invite(
    config: Path | None,
    email: str,
    tenant_id: str,
    role: str,
    data_scope: str,
    language: str | None,
) -> None:
    """Invite the owner of EMAIL by mail, which the running server sends."""
    settings = load_settings(config)
    if not settings.can_send_mail:
        raise click.ClickException("auth_server.mail is not configured")

    async def work(db: DbSession) -> str:
        made = await invite_person(
            db,
            COMMAND_LINE,
            tenant_id,
            email,
            role=role,
            data_scope=data_scope,
            language=language,
            now=utc_now(),
        )
        return (
            f"{made.email} is invited to {tenant_id}, until {made.expires_at:%Y-%m-%d %H:%M} UTC."
        )

    try:
        echo(asyncio.run(in_transaction(settings, work)))
    except (NotFound, Refused) as error:
        raise click.ClickException(str(error)) from None


@memberships.command(name="invitations")
@config_option
@click.argument("tenant_id")
@click.option("--withdraw", help="End the invitation with this id.")
@click.option("--resend", help="Send the mail of the invitation with this id again.")
@json_option
def invitations(
    config: Path | None, tenant_id: str, withdraw: str | None, resend: str | None, as_json: bool
) -> None:
    """List the invitations of TENANT_ID that nobody has accepted, withdraw one or send one again."""
    settings, now = load_settings(config), utc_now()
    if resend is not None and not settings.can_send_mail:
        raise click.ClickException("auth_server.mail is not configured")

    async def work(db: DbSession) -> list[InvitationView]:
        if withdraw is not None:
            await withdraw_invitation(db, COMMAND_LINE, tenant_id, withdraw, now=now)
        if resend is not None:
            await resend_invitation(db, COMMAND_LINE, tenant_id, resend, now=now)
        return await read_invitations(db, COMMAND_LINE, tenant_id)

    try:
        rows = asyncio.run(in_transaction(settings, work))
    except (NotFound, Refused) as error:
        raise click.ClickException(str(error)) from None
    print_rows(rows, _describe_invitation, as_json=as_json, none="There are no open invitations.")


def _describe(one: PersonsMembershipView) -> str:
    return f"{one.tenant_id}  {one.person_id}  {one.role}  {one.data_scope or 'all data'}"


def _describe_invitation(one: InvitationView) -> str:
    return (
        f"{one.invitation_id}  {one.email}  {one.role}  {one.data_scope or 'all data'}  "
        f"until {one.expires_at:%Y-%m-%d %H:%M}"
    )
