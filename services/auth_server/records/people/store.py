"""The only SQL on people."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import delete, or_
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select, update

from auth_server.db.engine import DbSession
from auth_server.records.people.table import Identity, Person


async def find_person(db: DbSession, person_id: str) -> Person | None:
    """Look up a person who is not disabled."""
    person = await db.get(Person, person_id)
    return person if person is not None and person.disabled_at is None else None


async def is_person(db: DbSession, person_id: str) -> bool:
    """Return whether a person has this id, including disabled people."""
    return await db.get(Person, person_id) is not None


async def find_person_by_email(db: DbSession, email: str) -> Person | None:
    """Look up a person who is not disabled by e-mail address, ignoring case."""
    query = select(Person).where(col(Person.email) == email.strip().lower())
    person = (await db.execute(query)).scalar_one_or_none()
    return person if person is not None and person.disabled_at is None else None


async def resolve_person_id(db: DbSession, named: str) -> str:
    """Return the id of the person whom an address names; any other text, or an unknown address, as it is."""
    person = await find_person_by_email(db, named) if "@" in named else None
    return named if person is None else person.person_id


async def find_account(
    db: DbSession, *, person_id: str | None = None, email: str | None = None
) -> Person | None:
    """Look up and lock a person by id or e-mail address, including disabled people."""
    query = select(Person)
    if person_id is not None:
        query = query.where(col(Person.person_id) == person_id)
    if email is not None:
        query = query.where(col(Person.email) == email.lower())
    return (await db.execute(query.with_for_update(key_share=True))).scalar_one_or_none()


async def find_people(db: DbSession, person_ids: Collection[str]) -> dict[str, Person]:
    """Look up people by their ids, including disabled people."""
    query = select(Person).where(col(Person.person_id).in_(set(person_ids)))
    return {person.person_id: person for person in (await db.execute(query)).scalars()}


async def search_people(db: DbSession, search: str, *, after: str, most: int) -> Sequence[Person]:
    """List some people after an id, by id, if `search` is a part of their id, name or address."""
    query = select(Person).where(col(Person.person_id) > after)
    if search:
        query = query.where(
            or_(
                col(Person.person_id).icontains(search, autoescape=True),
                col(Person.name).icontains(search, autoescape=True),
                col(Person.email).icontains(search, autoescape=True),
            )
        )
    return (await db.execute(query.order_by(col(Person.person_id)).limit(most))).scalars().all()


async def add_person(db: DbSession, person: Person) -> bool:
    """Add a person; False if another has their id or e-mail address."""
    try:
        async with db.begin_nested():
            db.add(person)
    except IntegrityError:
        return False
    return True


async def put_person(db: DbSession, person: Person) -> None:
    """Add a person, or replace the one with the same id."""
    await db.merge(person)
    await db.flush()


async def note_language(db: DbSession, person_id: str, language: str) -> None:
    """Store the language of mails to a person."""
    await db.execute(
        update(Person).where(col(Person.person_id) == person_id).values(language=language)
    )


async def take_email(db: DbSession, person_id: str, email: str, *, now: datetime) -> bool:
    """Give a person an address that they proved; False if another person has it."""
    taken = (
        update(Person)
        .where(col(Person.person_id) == person_id)
        .values(email=email, email_verified_at=now)
    )
    try:
        async with db.begin_nested():
            await db.execute(taken)
    except IntegrityError:
        return False
    return True


async def trust_password(db: DbSession, person_id: str) -> None:
    """Note that a person signed in with their password and a second factor."""
    await db.execute(
        update(Person).where(col(Person.person_id) == person_id).values(password_by_mail_at=None)
    )


async def mute_notices(db: DbSession, person_id: str, kinds: Sequence[str]) -> None:
    """Store the kinds of notices that a person does not want."""
    await db.execute(
        update(Person)
        .where(col(Person.person_id) == person_id)
        .values(muted_notices=list(kinds) or None)
    )


async def list_identities(db: DbSession, person_id: str) -> Sequence[Identity]:
    """List a person's identities at providers."""
    query = select(Identity).where(col(Identity.person_id) == person_id)
    return (await db.execute(query.order_by(col(Identity.issuer)))).scalars().all()


async def drop_person(db: DbSession, person_id: str) -> None:
    """Delete a person with everything that belongs to them alone."""
    await db.execute(delete(Person).where(col(Person.person_id) == person_id))


async def find_identity(db: DbSession, issuer: str, subject: str) -> Identity | None:
    """Look up the identity with a provider's issuer and subject."""
    return await db.get(Identity, (issuer, subject))


async def is_signed_in_elsewhere(db: DbSession, person_id: str) -> bool:
    """Return whether a person already has an identity at any provider."""
    query = select(Identity).where(col(Identity.person_id) == person_id).limit(1)
    return (await db.execute(query)).first() is not None


async def add_identity(db: DbSession, person: Person, identity: Identity) -> bool:
    """Store a person and their identity at a provider; False if another call did so first."""
    try:
        async with db.begin_nested():
            db.add(person)
            await db.flush()
            db.add(identity)
    except IntegrityError:
        return False
    return True
