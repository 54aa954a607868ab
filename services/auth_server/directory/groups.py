"""Create, change and delete the groups of a tenant's directory, which narrows connections at once."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from auth_server.db.engine import DbSession
from auth_server.directory.acting import Directory, DirectoryRefused
from auth_server.records.audit.store import Audit, Event, acting_for, record
from auth_server.records.directory.groups import (
    add_group,
    change_members,
    count_groups,
    drop_group,
    find_group,
    find_group_by_name,
    list_member_people,
)
from auth_server.records.directory.table import DirectoryGroup
from auth_server.records.directory.users import list_user_ids
from auth_server.records.tenants.store import lock_tenant
from auth_server.tenancy.group_ceilings import narrow_connections

MOST_GROUPS, MOST_MEMBERS = 5_000, 10_000


@dataclass(frozen=True, slots=True)
class MemberStep:
    """Users to `add` to a group, to `remove` from it, or to `replace` all members with."""

    kind: str
    user_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class SaidGroup:
    """A group as the provider describes it; None leaves the name as it is.

    `external_id` is None if it stays, and empty if it goes.
    """

    display_name: str | None = None
    external_id: str | None = None
    steps: tuple[MemberStep, ...] = ()


async def create_group(
    db: DbSession, directory: Directory, said: SaidGroup, *, now: datetime
) -> DirectoryGroup:
    """Create a group with its members.

    Raises:
        DirectoryRefused: another group has the name, a member is not a user of this tenant, or there are
            too many.
    """
    tenant_id = await _begin(db, directory)
    name = said.display_name or ""
    await _require_free_name(db, tenant_id, name, None)
    if await count_groups(db, tenant_id) >= MOST_GROUPS:
        raise DirectoryRefused("invalidValue", f"a directory has at most {MOST_GROUPS} groups")
    group = DirectoryGroup(
        group_id=uuid.uuid4().hex,
        tenant_id=tenant_id,
        provider=directory.provider,
        display_name=name,
        display_name_key=name.lower(),
        external_id=said.external_id or None,
        created_at=now,
        updated_at=now,
    )
    await add_group(db, group)
    people = await _change_members(db, directory, group, said.steps)
    await _record(db, "directory_group.created", group, people, now=now)
    await _narrow(db, directory, people, now=now)
    return group


async def change_group(
    db: DbSession, directory: Directory, group_id: str, said: SaidGroup, *, now: datetime
) -> DirectoryGroup | None:
    """Change a group's name or members; None if the tenant has no such group.

    Raises:
        DirectoryRefused: another group has the name, a member is not a user of this tenant, or there are
            too many.
    """
    tenant_id = await _begin(db, directory)
    group = await find_group(db, tenant_id, group_id, lock=True)
    if group is None:
        return None
    before = _names_of(group)
    if said.display_name is not None:
        await _require_free_name(db, tenant_id, said.display_name, group_id)
        group.display_name = said.display_name
        group.display_name_key = said.display_name.lower()
    if said.external_id is not None:
        group.external_id = said.external_id or None
    gone = before - _names_of(group)
    renamed = before != _names_of(group)
    group.updated_at = now
    await db.flush()
    people = await _change_members(db, directory, group, said.steps)
    if renamed:
        people |= set((await list_member_people(db, group_id)).values())
    if renamed or people:
        await _record(db, "directory_group.changed", group, people, now=now)
    await _narrow(db, directory, people, gone=gone, now=now)
    return group


async def delete_group(
    db: DbSession, directory: Directory, group_id: str, *, now: datetime
) -> bool:
    """Delete a group; False if the tenant has none of this id."""
    tenant_id = await _begin(db, directory)
    group = await find_group(db, tenant_id, group_id, lock=True)
    if group is None:
        return False
    people = set((await list_member_people(db, group_id)).values())
    await _record(db, "directory_group.deleted", group, people, now=now)
    await drop_group(db, group)
    await _narrow(db, directory, people, gone=_names_of(group), now=now)
    return True


def _names_of(group: DirectoryGroup) -> set[str]:
    """Return the names by which a ceiling may mean a group."""
    return {group.display_name, group.external_id or group.display_name}


async def _begin(db: DbSession, directory: Directory) -> str:
    acting_for(db, f"directory {directory.provider}")
    await lock_tenant(db, directory.tenant_id)
    return directory.tenant_id


async def _require_free_name(
    db: DbSession, tenant_id: str, name: str, group_id: str | None
) -> None:
    known = await find_group_by_name(db, tenant_id, name)
    if known is not None and known.group_id != group_id:
        raise DirectoryRefused("uniqueness", "displayName: another group has this name")


async def _change_members(
    db: DbSession, directory: Directory, group: DirectoryGroup, steps: tuple[MemberStep, ...]
) -> set[str]:
    """Carry out the steps; return the people who were added or taken out."""
    if not steps:
        return set()
    before = await list_member_people(db, group.group_id)
    named = frozenset[str]().union(*(step.user_ids for step in steps if step.kind != "remove"))
    known = await list_user_ids(db, directory.tenant_id, named)
    if unknown := sorted(named - known.keys()):
        raise DirectoryRefused(
            "invalidValue", f"members: {unknown[0][:60]} is not a user of this organisation"
        )
    after = set(before)
    for step in steps:
        if step.kind == "add":
            after |= step.user_ids
        elif step.kind == "remove":
            after -= step.user_ids
        else:
            after = set(step.user_ids)
    if len(after) > MOST_MEMBERS:
        raise DirectoryRefused("invalidValue", f"members: a group has at most {MOST_MEMBERS}")
    added, removed = after - before.keys(), before.keys() - after
    await change_members(db, group.group_id, add=added, remove=removed)
    return {known[one] for one in added} | {before[one] for one in removed}


async def _narrow(
    db: DbSession,
    directory: Directory,
    people: Collection[str],
    *,
    gone: Collection[str] = (),
    now: datetime,
) -> None:
    await narrow_connections(
        db, directory.tenant_id, people, gone=gone, lifetime=directory.lifetime, now=now
    )


async def _record(
    db: DbSession, event: Event, group: DirectoryGroup, people: Collection[str], *, now: datetime
) -> None:
    entry = Audit(
        event,
        tenant_id=group.tenant_id,
        detail={"group": group.display_name, "people": len(people)},
    )
    await record(db, entry, now=now)
