"""List, change and remove the members of a tenant."""

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from auth_server.administration.errors import NotFound, Refused
from auth_server.administration.operator import ActingOperator
from auth_server.administration.paging import Slice, cut
from auth_server.db.engine import DbSession
from auth_server.records.people.store import find_people
from auth_server.records.tenants.store import find_membership, list_members, lock_tenant
from auth_server.tenancy.change_membership import remove_membership, set_membership
from auth_server.tenancy.change_policy import ChangeRefused
from gatepost.data_scope import MalformedDataScope, parse_data_scope


class MemberView(BaseModel):
    """A person in a tenant."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    person_id: str
    name: str
    email: str | None
    role: str
    """`admin`, or a role of your product."""
    data_scope: str
    """The data they may see; empty for all."""


async def read_members(
    db: DbSession,
    operator: ActingOperator,
    tenant_id: str,
    *,
    search: str = "",
    after: str = "",
    limit: int,
) -> Slice[MemberView]:
    """List members by id, those whose name, e-mail address or role contains `search`.

    Raises:
        Forbidden: `tenants:read` is missing.
        NotFound: the tenant does not exist.
    """
    operator.require("tenants:read")
    await _require_tenant(db, tenant_id)
    rows = await list_members(db, tenant_id, search=search, after=after, skip=0, most=limit + 1)
    people = await find_people(db, {row.person_id for row in rows})
    views = [
        MemberView(
            person_id=row.person_id,
            name=people[row.person_id].name,
            email=people[row.person_id].email,
            role=row.role,
            data_scope=row.data_scope,
        )
        for row in rows
    ]
    return cut(views, limit, place=lambda view: view.person_id)


async def set_member(
    db: DbSession,
    operator: ActingOperator,
    tenant_id: str,
    person_id: str,
    *,
    role: str,
    data_scope: str,
    lifetime: timedelta,
    now: datetime,
) -> None:
    """Make a person a member, or change their role and data; their access tokens end.

    Args:
        db: the open transaction.
        operator: who does it.
        tenant_id: the tenant.
        person_id: the member.
        role: `admin`, or a role of your product.
        data_scope: the data they may see, such as `team:design`; empty for all.
        lifetime: how long access tokens live.
        now: the time.

    Raises:
        Forbidden: `tenants:write` is missing.
        NotFound: the tenant does not exist.
        Refused: the person does not exist, or a value is invalid.
    """
    operator.act(db, "tenants:write")
    await _require_tenant(db, tenant_id)
    try:
        data = parse_data_scope(data_scope)
    except MalformedDataScope as error:
        raise Refused("data_scope", str(error)) from None
    try:
        await set_membership(
            db,
            person_id,
            tenant_id,
            role=role,
            data_scope=data,
            by=None,
            lifetime=lifetime,
            now=now,
        )
    except ChangeRefused as error:
        raise Refused("member", str(error)) from None


async def remove_member(
    db: DbSession,
    operator: ActingOperator,
    tenant_id: str,
    person_id: str,
    *,
    lifetime: timedelta,
    now: datetime,
) -> None:
    """Remove a member, with their connections and API keys in the tenant.

    Raises:
        Forbidden: `tenants:write` is missing.
        NotFound: the person is not a member.
    """
    operator.act(db, "tenants:write")
    if await find_membership(db, person_id, tenant_id) is None:
        raise NotFound(f"{person_id[:200]} is not a member of {tenant_id[:200]}")
    await remove_membership(db, person_id, tenant_id, by=None, lifetime=lifetime, now=now)


async def _require_tenant(db: DbSession, tenant_id: str) -> None:
    if await lock_tenant(db, tenant_id) is None:
        raise NotFound(f"the tenant {tenant_id[:200]} does not exist")
