"""The only SQL on directory users."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import func
from sqlalchemy import select as sql_select
from sqlmodel import col, select

from auth_server.db.engine import DbSession
from auth_server.records.directory.conditions import (
    Condition,
    Test,
    boolean_test,
    constant_test,
    text_test,
    time_test,
    to_sql,
)
from auth_server.records.directory.table import DirectoryUser

_AT_ONCE = 1000
_EMAIL = text_test(DirectoryUser.email, fold=True)
TESTS: Mapping[str, Test] = {
    "id": text_test(DirectoryUser.user_id),
    "username": text_test(DirectoryUser.user_name_key, fold=True),
    "externalid": text_test(DirectoryUser.external_id),
    "active": boolean_test(DirectoryUser.active),
    "emails": _EMAIL,
    "emails.value": _EMAIL,
    # The address that is stored apart is the one of this type.
    "emails.type": constant_test("work"),
    "emails.primary": constant_test("true"),
    "meta.created": time_test(DirectoryUser.created_at),
    "meta.lastmodified": time_test(DirectoryUser.updated_at),
}


async def add_user(db: DbSession, user: DirectoryUser) -> None:
    """Store a user."""
    db.add(user)
    await db.flush()


async def find_user(
    db: DbSession, tenant_id: str, user_id: str, *, lock: bool = False
) -> DirectoryUser | None:
    """Look up a user of a tenant; pass `lock` to change them."""
    # `key_share`, because a group may get the user meanwhile.
    user = await db.get(
        DirectoryUser,
        user_id,
        with_for_update={"key_share": True} if lock else None,
        populate_existing=True,
    )
    return user if user is not None and user.tenant_id == tenant_id else None


async def find_user_by_name(db: DbSession, tenant_id: str, user_name: str) -> DirectoryUser | None:
    """Look up a user of a tenant by name, ignoring case."""
    query = select(DirectoryUser).where(
        col(DirectoryUser.tenant_id) == tenant_id,
        col(DirectoryUser.user_name_key) == user_name.lower(),
    )
    return (await db.execute(query)).scalar_one_or_none()


async def find_user_of_person(
    db: DbSession, tenant_id: str, person_id: str
) -> DirectoryUser | None:
    """Look up the user that a person is in a tenant's directory."""
    query = select(DirectoryUser).where(
        col(DirectoryUser.tenant_id) == tenant_id, col(DirectoryUser.person_id) == person_id
    )
    return (await db.execute(query)).scalar_one_or_none()


async def list_users_of_person(db: DbSession, person_id: str) -> Sequence[DirectoryUser]:
    """List the users that a person is in the directories of tenants, by tenant."""
    query = select(DirectoryUser).where(col(DirectoryUser.person_id) == person_id)
    return (await db.execute(query.order_by(col(DirectoryUser.tenant_id)))).scalars().all()


async def is_deactivated(db: DbSession, tenant_id: str, person_id: str) -> bool:
    """Return whether a tenant's directory has deactivated a person."""
    query = select(DirectoryUser.user_id).where(
        col(DirectoryUser.tenant_id) == tenant_id,
        col(DirectoryUser.person_id) == person_id,
        col(DirectoryUser.active).is_(False),
    )
    return (await db.execute(query)).scalar_one_or_none() is not None


async def search_users(
    db: DbSession, tenant_id: str, condition: Condition | None, *, skip: int, most: int
) -> tuple[int, Sequence[DirectoryUser]]:
    """Count the users of a tenant that meet a condition, and list some of them by id.

    Raises:
        UnusableCondition: the condition can't be tested.
    """
    which = [col(DirectoryUser.tenant_id) == tenant_id]
    if condition is not None:
        which.append(to_sql(condition, TESTS))
    total = await db.execute(sql_select(func.count()).select_from(DirectoryUser).where(*which))
    query = select(DirectoryUser).where(*which).order_by(col(DirectoryUser.user_id))
    rows = (await db.execute(query.offset(skip).limit(most))).scalars().all() if most else ()
    return total.scalar_one(), rows


async def list_user_ids(
    db: DbSession, tenant_id: str, user_ids: Collection[str]
) -> Mapping[str, str]:
    """Look up which ids are of a tenant's users; return their people by these ids."""
    found, named = dict[str, str](), sorted(set(user_ids))
    for start in range(0, len(named), _AT_ONCE):
        query = select(DirectoryUser.user_id, DirectoryUser.person_id).where(
            col(DirectoryUser.tenant_id) == tenant_id,
            col(DirectoryUser.user_id).in_(named[start : start + _AT_ONCE]),
        )
        found |= {user_id: person_id for user_id, person_id in (await db.execute(query)).all()}
    return found


async def count_users(db: DbSession, tenant_id: str) -> tuple[int, int]:
    """Count a tenant's directory users, and the active ones among them."""
    query = (
        sql_select(col(DirectoryUser.active), func.count())
        .where(col(DirectoryUser.tenant_id) == tenant_id)
        .group_by(col(DirectoryUser.active))
    )
    counts = {bool(active): count for active, count in (await db.execute(query)).all()}
    return sum(counts.values()), counts.get(True, 0)


async def drop_user(db: DbSession, user: DirectoryUser) -> None:
    """Delete a user."""
    await db.delete(user)
    await db.flush()
