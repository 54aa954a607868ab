"""The only SQL on directory groups and their members."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import ColumnElement, delete, exists, func, insert
from sqlalchemy import select as sql_select
from sqlmodel import col, select

from auth_server.db.engine import DbSession
from auth_server.records.directory.conditions import (
    Condition,
    Test,
    UnusableCondition,
    Value,
    constant_test,
    text_test,
    time_test,
    to_sql,
)
from auth_server.records.directory.table import (
    DirectoryGroup,
    DirectoryGroupMember,
    DirectoryUser,
)

_AT_ONCE = 1000


def _member_test(operator: str, value: Value) -> ColumnElement[bool]:
    mine = col(DirectoryGroupMember.group_id) == col(DirectoryGroup.group_id)
    if operator == "pr":
        return exists().where(mine)
    if operator == "eq" and isinstance(value, str):
        return exists().where(mine, col(DirectoryGroupMember.user_id) == value)
    raise UnusableCondition('members can be filtered by: members.value eq "ID", or members pr')


TESTS: Mapping[str, Test] = {
    "id": text_test(DirectoryGroup.group_id),
    "displayname": text_test(DirectoryGroup.display_name_key, fold=True),
    "externalid": text_test(DirectoryGroup.external_id),
    "members": _member_test,
    "members.value": _member_test,
    "members.type": constant_test("user"),
    "meta.created": time_test(DirectoryGroup.created_at),
    "meta.lastmodified": time_test(DirectoryGroup.updated_at),
}


async def add_group(db: DbSession, group: DirectoryGroup) -> None:
    """Store a group without members."""
    db.add(group)
    await db.flush()


async def find_group(
    db: DbSession, tenant_id: str, group_id: str, *, lock: bool = False
) -> DirectoryGroup | None:
    """Look up a group of a tenant; pass `lock` to change it."""
    group = await db.get(
        DirectoryGroup,
        group_id,
        with_for_update={"key_share": True} if lock else None,
        populate_existing=True,
    )
    return group if group is not None and group.tenant_id == tenant_id else None


async def find_group_by_name(
    db: DbSession, tenant_id: str, display_name: str
) -> DirectoryGroup | None:
    """Look up a group of a tenant by name, ignoring case."""
    query = select(DirectoryGroup).where(
        col(DirectoryGroup.tenant_id) == tenant_id,
        col(DirectoryGroup.display_name_key) == display_name.lower(),
    )
    return (await db.execute(query)).scalar_one_or_none()


async def search_groups(
    db: DbSession, tenant_id: str, condition: Condition | None, *, skip: int, most: int
) -> tuple[int, Sequence[DirectoryGroup]]:
    """Count the groups of a tenant that meet a condition, and list some of them by id.

    Raises:
        UnusableCondition: the condition can't be tested.
    """
    which = [col(DirectoryGroup.tenant_id) == tenant_id]
    if condition is not None:
        which.append(to_sql(condition, TESTS))
    total = await db.execute(sql_select(func.count()).select_from(DirectoryGroup).where(*which))
    query = select(DirectoryGroup).where(*which).order_by(col(DirectoryGroup.group_id))
    rows = (await db.execute(query.offset(skip).limit(most))).scalars().all() if most else ()
    return total.scalar_one(), rows


async def list_groups_by_name(
    db: DbSession, tenant_id: str, *, most: int
) -> list[tuple[str, str | None, int]]:
    """List some of a tenant's groups by name: name, external id, and how many members each has."""
    count = (
        sql_select(func.count())
        .where(col(DirectoryGroupMember.group_id) == col(DirectoryGroup.group_id))
        .scalar_subquery()
    )
    query = (
        sql_select(col(DirectoryGroup.display_name), col(DirectoryGroup.external_id), count)
        .where(col(DirectoryGroup.tenant_id) == tenant_id)
        .order_by(col(DirectoryGroup.display_name_key))
        .limit(most)
    )
    return [(name, external_id, n) for name, external_id, n in (await db.execute(query)).all()]


async def count_groups(db: DbSession, tenant_id: str) -> int:
    """Count a tenant's groups."""
    query = sql_select(func.count()).where(col(DirectoryGroup.tenant_id) == tenant_id)
    return (await db.execute(query)).scalar_one()


async def count_members(db: DbSession, group_ids: Collection[str]) -> Mapping[str, int]:
    """Count the members of groups; groups without any are left out."""
    query = (
        sql_select(col(DirectoryGroupMember.group_id), func.count())
        .where(col(DirectoryGroupMember.group_id).in_(set(group_ids)))
        .group_by(col(DirectoryGroupMember.group_id))
    )
    return {group_id: count for group_id, count in (await db.execute(query)).all()}


async def list_group_members(
    db: DbSession, group_ids: Collection[str]
) -> Mapping[str, Sequence[tuple[str, str]]]:
    """List the members of groups by id, each as user id and user name."""
    query = (
        sql_select(
            col(DirectoryGroupMember.group_id),
            col(DirectoryUser.user_id),
            col(DirectoryUser.user_name),
        )
        .join(DirectoryUser, col(DirectoryUser.user_id) == col(DirectoryGroupMember.user_id))
        .where(col(DirectoryGroupMember.group_id).in_(set(group_ids)))
        .order_by(col(DirectoryUser.user_id))
    )
    found = defaultdict[str, list[tuple[str, str]]](list)
    # In parts, since a group may have so many members that one step of the event loop would be long.
    async for part in (await db.stream(query)).partitions(1000):
        for group_id, user_id, user_name in part:
            found[group_id].append((user_id, user_name))
    return found


async def list_member_people(db: DbSession, group_id: str) -> Mapping[str, str]:
    """List the members of a group: their people by user id."""
    query = (
        sql_select(col(DirectoryUser.user_id), col(DirectoryUser.person_id))
        .join(DirectoryGroupMember, col(DirectoryUser.user_id) == col(DirectoryGroupMember.user_id))
        .where(col(DirectoryGroupMember.group_id) == group_id)
        .order_by(col(DirectoryGroupMember.user_id))
        .limit(_AT_ONCE)
    )
    found, after = dict[str, str](), ""
    while True:
        rows = (await db.execute(query.where(col(DirectoryGroupMember.user_id) > after))).all()
        found |= {user_id: person_id for user_id, person_id in rows}
        if len(rows) < _AT_ONCE:
            return found
        after = rows[-1][0]


async def change_members(
    db: DbSession, group_id: str, *, add: Collection[str], remove: Collection[str]
) -> None:
    """Add users that are not in a group to it, and take others out."""
    gone = sorted(remove)
    for start in range(0, len(gone), _AT_ONCE):
        await db.execute(
            delete(DirectoryGroupMember).where(
                col(DirectoryGroupMember.group_id) == group_id,
                col(DirectoryGroupMember.user_id).in_(gone[start : start + _AT_ONCE]),
            )
        )
    rows = [{"group_id": group_id, "user_id": user_id} for user_id in sorted(add)]
    for start in range(0, len(rows), _AT_ONCE):
        await db.execute(insert(DirectoryGroupMember), rows[start : start + _AT_ONCE])


async def drop_group(db: DbSession, group: DirectoryGroup) -> None:
    """Delete a group."""
    await db.delete(group)
    await db.flush()


async def list_known_names(db: DbSession, tenant_id: str, names: Collection[str]) -> set[str]:
    """Return which of these are the name or the external id of a tenant's directory group."""
    query = sql_select(col(DirectoryGroup.display_name), col(DirectoryGroup.external_id)).where(
        col(DirectoryGroup.tenant_id) == tenant_id,
        col(DirectoryGroup.display_name_key).in_({name.lower() for name in names})
        | col(DirectoryGroup.external_id).in_(set(names)),
    )
    found = {name for row in (await db.execute(query)).all() for name in row}
    return found & set(names)


async def list_names_of_people(
    db: DbSession, tenant_id: str, person_ids: Collection[str]
) -> Mapping[str, set[str]]:
    """List the names and external ids of the groups of people who are in a tenant's directory.

    Those who are in no group have an empty set, and those who are not in the directory are left out.
    """
    query = (
        sql_select(
            col(DirectoryUser.person_id),
            col(DirectoryGroup.display_name),
            col(DirectoryGroup.external_id),
        )
        .join(
            DirectoryGroupMember,
            col(DirectoryGroupMember.user_id) == col(DirectoryUser.user_id),
            isouter=True,
        )
        .join(
            DirectoryGroup,
            col(DirectoryGroup.group_id) == col(DirectoryGroupMember.group_id),
            isouter=True,
        )
        .where(
            col(DirectoryUser.tenant_id) == tenant_id,
            col(DirectoryUser.person_id).in_(set(person_ids)),
        )
    )
    found = defaultdict[str, set[str]](set)
    for person_id, *names in (await db.execute(query)).all():
        found[person_id].update(name for name in names if name)
    return found
