"""`gatepost auth-server people …`: manage people's accounts."""

import asyncio
import re
import sys
from pathlib import Path

import click

from auth_server.accounts.delete_person import delete_person
from auth_server.administration.accounts import mail_password_link, require_mail
from auth_server.administration.errors import NotFound, Refused
from auth_server.administration.operator import COMMAND_LINE
from auth_server.commands.common import config_option, in_transaction, load_settings
from auth_server.db.engine import DbSession
from auth_server.records.audit.store import Audit, record
from auth_server.records.email_changes.store import drop_email_changes
from auth_server.records.factor_recoveries.store import drop_pending_recovery
from auth_server.records.password_links.store import drop_links
from auth_server.records.people.passwords import LONGEST, SHORTEST, hash_password
from auth_server.records.people.store import find_account, list_people, put_person
from auth_server.records.people.table import Person
from auth_server.records.second_factors.store import drop_second_factors as forget_second_factors
from auth_server.records.sessions.store import end_sessions
from auth_server.revocations.revoke import outdate_tokens
from auth_server.secrets import new_secret
from auth_server.tenancy.change_policy import ChangeRefused
from gatepost.clock import utc_now
from gatepost_cli.terminal import echo

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_password_option = click.option(
    "--password-stdin", is_flag=True, help="Read a password from the first line of standard input."
)


@click.group()
def people() -> None:
    """Manage people's accounts."""


@people.command(name="list")
@config_option
def list_(config: Path | None) -> None:
    """List the people."""

    async def work(db: DbSession) -> list[str]:
        return [
            f"{person.person_id}  {'active' if person.disabled_at is None else 'disabled'}"
            f"  {person.email or '-'}  {person.name}"
            for person in await list_people(db)
        ]

    lines = asyncio.run(in_transaction(load_settings(config), work))
    echo("\n".join(lines) or "There are no people.")


@people.command(name="add")
@config_option
@click.argument("person_id")
@click.option("--email", required=True, help="The address they sign in with.")
@click.option("--name", required=True, help="The name that others see.")
@_password_option
def add(config: Path | None, person_id: str, email: str, name: str, password_stdin: bool) -> None:
    """Add a person by their id in your product; without a password, they sign in another way."""
    settings = load_settings(config)
    if not 1 <= len(person_id) <= 255:
        raise click.ClickException("the id must have 1 to 255 characters")
    email, name = _require_email(email), _require_name(name)
    password_hash = _read_password() if password_stdin else None

    async def work(db: DbSession) -> None:
        now = utc_now()
        if await find_account(db, person_id=person_id) or await find_account(db, email=email):
            raise click.ClickException(
                f"a person with the id {person_id} or the address {email} exists"
            )
        person = Person(
            person_id=person_id,
            email=email,
            name=name,
            password_hash=password_hash,
            created_at=now,
        )
        await put_person(db, person)
        await record(db, Audit("person.created", person_id=person_id), now=now)

    asyncio.run(in_transaction(settings, work))
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
    "--email-verified", is_flag=True, help="Confirm that mails to their address reach them."
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
    email_verified: bool,
    drop_second_factors: bool,
) -> None:
    """Change a person; a new password or disabling the account ends all their sessions."""
    settings = load_settings(config)
    password_hash = _read_password() if password_stdin else None

    async def work(db: DbSession) -> None:
        now = utc_now()
        person = await find_account(db, person_id=person_id)
        if person is None:
            raise click.ClickException(f"the person {person_id} does not exist")
        if email is not None:
            other = await find_account(db, email=_require_email(email))
            if other is not None and other.person_id != person_id:
                raise click.ClickException(f"{email} belongs to {other.person_id}")
            if person.email != _require_email(email):
                person.email, person.email_verified_at = _require_email(email), None
        if email_verified:
            person.email_verified_at = now
        if name is not None:
            person.name = _require_name(name)
        if password_hash is not None:
            person.password_hash, person.password_by_mail_at = password_hash, None
        if disabled is not None:
            person.disabled_at = now if disabled else None
        await put_person(db, person)
        if password_hash is not None or email is not None:
            await drop_links(db, person_id)
        if email is not None:
            # The operator knows who owns the account; a former address may be a thief's.
            await drop_email_changes(db, person_id)
        if drop_second_factors:
            await forget_second_factors(db, person_id)
        if password_hash is not None or disabled or drop_second_factors:
            await end_sessions(db, person_id, now=now)
            await drop_pending_recovery(db, person_id)
        if disabled:
            lifetime = settings.longest_token_lifetime
            await outdate_tokens(db, "person", person_id, lifetime=lifetime, now=now)
        given = {
            "email": email,
            "verified address": email_verified or None,
            "name": name,
            "password": password_hash,
            "disabled": disabled,
            "second factors": drop_second_factors or None,
        }
        changed = [field for field, value in given.items() if value is not None]
        detail: dict[str, bool | list[str]] = {"changed": changed, "disabled": bool(disabled)}
        await record(db, Audit("person.changed", person_id=person_id, detail=detail), now=now)

    asyncio.run(in_transaction(settings, work))
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


def _require_email(email: str) -> str:
    if len(email) > 320 or not _EMAIL.fullmatch(email):
        raise click.ClickException("email must be an e-mail address")
    return email.lower()


def _require_name(name: str) -> str:
    if not 1 <= len(name) <= 200 or not name.isprintable():
        raise click.ClickException("name must be 1 to 200 printable characters")
    return name


def _read_password() -> str:
    password = sys.stdin.readline().rstrip("\r\n")
    if not SHORTEST <= len(password) <= LONGEST:
        raise click.ClickException(f"the password must have {SHORTEST} to {LONGEST} characters")
    return hash_password(password)
