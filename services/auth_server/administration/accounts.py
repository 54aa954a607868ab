"""Add a person, change and confirm their address, mail them a password link, and delete them."""

import re
from datetime import datetime, timedelta

from auth_server.accounts.delete_person import delete_person
from auth_server.administration.errors import NotFound, Refused
from auth_server.administration.operator import ActingOperator
from auth_server.administration.people import PersonView
from auth_server.db.engine import DbSession
from auth_server.outbox.queue import queue_mail
from auth_server.records.audit.store import Audit, record
from auth_server.records.email_changes.store import drop_email_changes
from auth_server.records.operators.store import find_operator
from auth_server.records.password_links.store import drop_links, put_link
from auth_server.records.password_links.table import PasswordLink
from auth_server.records.people.store import find_account, is_signed_in_elsewhere, put_person
from auth_server.records.people.table import Person
from auth_server.records.second_factors.store import has_second_factor
from auth_server.records.tenants.table import is_one_segment
from auth_server.secrets import hash_secret
from auth_server.settings import AuthServerSettings
from auth_server.tenancy.change_policy import ChangeRefused

LINK_LIFETIME = timedelta(minutes=15)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


async def add_person(
    db: DbSession,
    operator: ActingOperator,
    person_id: str,
    *,
    email: str,
    name: str,
    password_hash: str | None = None,
    now: datetime,
) -> PersonView:
    """Add a person by their id in the product; without a password, they sign in another way.

    Raises:
        Forbidden: `people:write` is missing.
        Refused: a value is invalid, or a person has the id or the address.
    """
    operator.act(db, "people:write")
    if not 1 <= len(person_id) <= 255 or not person_id.isprintable():
        raise Refused("person_id", "must be 1 to 255 printable characters")
    if not is_one_segment(person_id):
        raise Refused("person_id", "must not contain / or be . or .., which URLs can't name")
    email, name = _read_email(email), _read_name(name)
    if await find_account(db, person_id=person_id) is not None:
        raise Refused("person_id", f"a person with the id {person_id} exists")
    if await find_account(db, email=email) is not None:
        raise Refused("email", f"a person with the address {email} exists")
    person = Person(
        person_id=person_id, email=email, name=name, password_hash=password_hash, created_at=now
    )
    await put_person(db, person)
    await record(db, Audit("person.created", person_id=person_id), now=now)
    return PersonView.model_validate(person)


async def change_person(
    db: DbSession,
    operator: ActingOperator,
    person_id: str,
    *,
    email: str | None = None,
    name: str | None = None,
    now: datetime,
) -> PersonView:
    """Change a person's address or name; a new address has to be verified again.

    Links to choose a password and pending changes of the address end with the former address, which
    may be a thief's: the operator knows who owns the account.

    Raises:
        Forbidden: `people:write` is missing.
        NotFound: the person does not exist.
        Refused: a value is invalid, or another person has the address.
    """
    operator.act(db, "people:write")
    person, changed = await _require_person(db, person_id), list[str]()
    if email is not None:
        address = _read_email(email)
        other = await find_account(db, email=address)
        if other is not None and other.person_id != person_id:
            raise Refused("email", f"{address} belongs to {other.person_id}")
        if person.email != address:
            person.email, person.email_verified_at = address, None
        await drop_links(db, person_id)
        await drop_email_changes(db, person_id)
        changed.append("email")
    if name is not None and (new := _read_name(name)) != person.name:
        person.name = new
        changed.append("name")
    if changed:
        await _record_change(db, person, *changed, now=now)
    return PersonView.model_validate(person)


async def confirm_address(
    db: DbSession, operator: ActingOperator, person_id: str, *, shown: str, now: datetime
) -> None:
    """Confirm that mails to a person's address reach them.

    Args:
        db: the open transaction.
        operator: who does it.
        person_id: the person.
        shown: the address that the operator has seen and means; the person may have changed it since.
        now: the time.

    Raises:
        Forbidden: `people:write` is missing.
        NotFound: the person does not exist.
        Refused: they have no address, or another one.
    """
    operator.act(db, "people:write")
    person = await _require_person(db, person_id)
    if person.email is None:
        raise Refused("email", "this person has no e-mail address")
    if person.email != shown.strip().lower():
        raise Refused("email", "this person has another address by now")
    if person.email_verified_at is None:
        person.email_verified_at = now
        await _record_change(db, person, "verified address", now=now)


def require_mail(settings: AuthServerSettings) -> None:
    """Refuse what takes a mail if the settings name no way to send one.

    Raises:
        Refused: `auth_server.mail` is missing.
    """
    if not settings.can_send_mail:
        raise Refused("email", "this server can't send mail: set auth_server.mail")


async def mail_password_link(
    db: DbSession, operator: ActingOperator, person_id: str, *, token: str, now: datetime
) -> None:
    """Mail a person without a password a link to choose one, which works once, for 15 minutes.

    Mail alone must not get past a passkey, so the server offers such a person no link. An operator
    who knows that it is them resets their lost second factors first, and then sends one.

    Args:
        db: the open transaction.
        operator: who does it.
        person_id: the person.
        token: a new random value for the link, which only the mail has.
        now: the time.

    Raises:
        Forbidden: `people:write` is missing.
        NotFound: the person does not exist.
        Refused: they have a second factor, another way to sign in, no address or a disabled account,
            or are an operator.
    """
    operator.act(db, "people:write")
    person = await _require_person(db, person_id)
    if await find_operator(db, person_id) is not None:
        raise Refused("person", "an operator of the console never gets in by mail")
    if person.disabled_at is not None or person.email is None:
        raise Refused("person", "the account is disabled, or has no e-mail address")
    if await has_second_factor(db, person_id):
        raise Refused("person", "has second factors; reset them first if they are lost")
    if await is_signed_in_elsewhere(db, person_id):
        raise Refused("person", "signs in through a provider")
    if person.password_hash is not None:
        raise Refused("person", "has a password, and can ask for a link on the sign-in page")
    values = {"name": person.name, "path": f"/sign-in/reset?token={token}"}
    await queue_mail(
        db,
        "password_reset",
        to=person.email,
        language=person.language,
        values=values,
        now=now,
        useful_for=LINK_LIFETIME,
    )
    link = PasswordLink(
        address_hash=hash_secret(f"password link of {person.email}"),
        token_hash=hash_secret(token),
        person_id=person_id,
        field="return_to",
        value="/account",
        expires_at=now + LINK_LIFETIME,
    )
    await put_link(db, link)
    await _record_change(db, person, "password link", now=now)


async def delete_account(
    db: DbSession,
    operator: ActingOperator,
    person_id: str,
    *,
    lifetime: timedelta,
    now: datetime,
) -> None:
    """Delete a person; the call log, the ledger and the audit log keep their id.

    Raises:
        Forbidden: `people:write` is missing.
        NotFound: the person does not exist.
        Refused: they are an operator.
    """
    operator.act(db, "people:write")
    await _require_person(db, person_id)
    try:
        await delete_person(db, person_id, by=None, lifetime=lifetime, now=now)
    except ChangeRefused as error:
        raise Refused("person", str(error)) from None


async def _require_person(db: DbSession, person_id: str) -> Person:
    found = person_id.isprintable() and await find_account(db, person_id=person_id)
    if not found:
        raise NotFound(f"the person {person_id[:200]} does not exist")
    return found


def _read_email(email: str) -> str:
    if len(email) > 320 or not email.isprintable() or not _EMAIL.fullmatch(email):
        raise Refused("email", "must be an e-mail address")
    return email.lower()


def _read_name(name: str) -> str:
    if not 1 <= len(name) <= 200 or not name.isprintable():
        raise Refused("name", "must be 1 to 200 printable characters")
    return name


async def _record_change(db: DbSession, person: Person, *changed: str, now: datetime) -> None:
    await db.flush()
    detail: dict[str, bool | list[str]] = {
        "changed": [*changed],
        "disabled": person.disabled_at is not None,
    }
    entry = Audit("person.changed", person_id=person.person_id, detail=detail)
    await record(db, entry, now=now)
