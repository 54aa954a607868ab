"""`gatepost auth-server people …`: manage people's accounts."""

import asyncio
import sys
from pathlib import Path

import click

from auth_server.accounts.delete_person import delete_person
from auth_server.administration.accounts import (
    add_person,
    change_person,
    mail_password_link,
    require_mail,
)
from auth_server.administration.errors import NotFound, Refused
from auth_server.administration.operator import COMMAND_LINE
from auth_server.administration.paging import MOST
from auth_server.administration.people import PersonView, read_people, sign_out_person
from auth_server.commands.common import (
    config_option,
    in_transaction,
    load_settings,
    read_every_page,
)
from auth_server.db.engine import DbSession
from auth_server.records.audit.store import Audit, record
from auth_server.records.factor_recoveries.store import drop_pending_recovery
from auth_server.records.password_links.store import drop_links
from auth_server.records.people.passwords import LONGEST, SHORTEST, hash_password
from auth_server.records.people.store import find_account, put_person
from auth_server.records.second_factors.store import drop_second_factors as forget_second_factors
from auth_server.records.sessions.store import end_sessions
from auth_server.revocations.revoke import outdate_tokens
from auth_server.secrets import new_secret
from auth_server.tenancy.change_policy import ChangeRefused
from auth_server.tenancy.own_provider import end_left_domains, forget_break_glass
from gatepost.clock import utc_now
from gatepost_cli.terminal import echo, json_option, print_rows

_password_option = click.option(
    "--password-stdin", is_flag=True, help="Read a password from the first line of standard input."
)


@click.group()
def people() -> None:
    """Manage people's accounts."""


@people.command(name="list")
@config_option
@json_option
def list_(config: Path | None, as_json: bool) -> None:
    """List the people."""

    async def work(db: DbSession) -> list[PersonView]:
        return await read_every_page(
            lambda after: read_people(db, COMMAND_LINE, after=after, limit=MOST)
        )

    rows = asyncio.run(in_transaction(load_settings(config), work))
    print_rows(rows, _describe, as_json=as_json, none="There are no people.")


@people.command(name="add")
@config_option
@click.argument("person_id")
@click.option("--email", required=True, help="The address they sign in with.")
@click.option("--name", required=True, help="The name that others see.")
@_password_option
def add(config: Path | None, person_id: str, email: str, name: str, password_stdin: bool) -> None:
    """Add a person by their id in your product; without a password, they sign in another way."""
    settings = load_settings(config)
    password_hash = _read_password() if password_stdin else None

    async def work(db: DbSession) -> None:
        await add_person(
            db,
            COMMAND_LINE,
            person_id,
            email=email,
            name=name,
            password_hash=password_hash,
            now=utc_now(),
        )

    try:
        asyncio.run(in_transaction(settings, work))
    except Refused as refused:
        raise click.ClickException(str(refused)) from None
    echo(f"{person_id} is added.")


@people.command(name="set")
@config_option
@click.argument("person_id")
@click.option("--email", help="The address they sign in with.")
@click.option("--name", help="The name that others see.")
@_password_option
@click.option(
    "--disable/--enable", "disabled", default=None, help="Disabling signs them out everywhere."
)
@click.option(
    "--email-verified",
    metavar="ADDRESS",
    help="Confirm that mails to this address reach them; refused if they have another one by now.",
)
@click.option(
    "--drop-second-factors",
    is_flag=True,
    help="Delete passkeys, authenticator app and recovery codes, if the person lost them all.",
)
def set_(
    config: Path | None,
    person_id: str,
    email: str | None,
    name: str | None,
    password_stdin: bool,
    disabled: bool | None,
    email_verified: str | None,
    drop_second_factors: bool,
) -> None:
    """Change a person; a new password or disabling the account ends all their sessions."""
    settings = load_settings(config)
    password_hash = _read_password() if password_stdin else None

    async def work(db: DbSession) -> None:
        now, lifetime = utc_now(), settings.longest_token_lifetime
        person = await find_account(db, person_id=person_id)
        if person is None:
            raise click.ClickException(f"the person {person_id} does not exist")
        await change_person(db, COMMAND_LINE, person_id, email=email, name=name, now=now)
        if email_verified is not None:
            if person.email != email_verified.lower():
                raise click.ClickException(f"the address of {person_id} is {person.email}")
            person.email_verified_at = now
        if password_hash is not None:
            person.password_hash, person.password_by_mail_at = password_hash, None
        if disabled is not None:
            person.disabled_at = now if disabled else None
        await put_person(db, person)
        if password_hash is not None:
            await drop_links(db, person_id)
        if email is not None:
            await end_left_domains(db, person_id, lifetime=lifetime, now=now)
        if drop_second_factors:
            await forget_second_factors(db, person_id)
            await forget_break_glass(db, person_id, now=now)
        if password_hash is not None or disabled or drop_second_factors:
            await end_sessions(db, person_id, now=now)
            await drop_pending_recovery(db, person_id)
        if disabled:
            await outdate_tokens(db, "person", person_id, lifetime=lifetime, now=now)
        given = {
            "verified address": email_verified,
            "password": password_hash,
            "disabled": disabled,
            "second factors": drop_second_factors or None,
        }
        changed = [field for field, value in given.items() if value is not None]
        detail: dict[str, bool | list[str]] = {"changed": changed, "disabled": bool(disabled)}
        if changed:
            await record(db, Audit("person.changed", person_id=person_id, detail=detail), now=now)

    try:
        asyncio.run(in_transaction(settings, work))
    except (NotFound, Refused) as error:
        raise click.ClickException(str(error)) from None
    echo(f"{person_id} is changed.")


@people.command(name="mail-password-link")
@config_option
@click.argument("person_id")
def mail_link(config: Path | None, person_id: str) -> None:
    """Mail a person without a password and second factors a link to choose a password."""
    settings = load_settings(config)

    async def work(db: DbSession) -> None:
        require_mail(settings)
        await mail_password_link(db, COMMAND_LINE, person_id, token=new_secret(), now=utc_now())

    try:
        asyncio.run(in_transaction(settings, work))
    except (NotFound, Refused) as error:
        raise click.ClickException(str(error)) from None
    echo(f"{person_id} gets a mail with a link that works once, for 15 minutes.")


@people.command(name="sign-out")
@config_option
@click.argument("person_id")
def sign_out(config: Path | None, person_id: str) -> None:
    """End all sessions of a person; apps that they connected stay connected."""

    async def work(db: DbSession) -> None:
        await sign_out_person(db, COMMAND_LINE, person_id, now=utc_now())

    try:
        asyncio.run(in_transaction(load_settings(config), work))
    except NotFound as error:
        raise click.ClickException(str(error)) from None
    echo(f"{person_id} is signed out everywhere.")


@people.command(name="delete")
@config_option
@click.argument("person_id")
@click.confirmation_option(prompt="Delete the person for good?")
def delete(config: Path | None, person_id: str) -> None:
    """Delete a person; the call log, the ledger and the audit log keep their id."""
    settings = load_settings(config)

    async def work(db: DbSession) -> None:
        lifetime = settings.longest_token_lifetime
        try:
            await delete_person(db, person_id, by=None, lifetime=lifetime, now=utc_now())
        except ChangeRefused as error:
            raise click.ClickException(str(error)) from None

    asyncio.run(in_transaction(settings, work))
    echo(f"{person_id} is deleted.")


def _describe(one: PersonView) -> str:
    state = "active" if one.disabled_at is None else "disabled"
    return f"{one.person_id}  {state}  {one.email or '-'}  {one.name}"


def _read_password() -> str:
    password = sys.stdin.readline().rstrip("\r\n")
    if not SHORTEST <= len(password) <= LONGEST:
        raise click.ClickException(f"the password must have {SHORTEST} to {LONGEST} characters")
    return hash_password(password)
