"""List and read members."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from demo_saas.members import store
from demo_saas.members.models import Member, MemberPage
from demo_saas.openapi import describes
from demo_saas.paging import AtPosition, cut_page
from demo_saas.tenancy import InTenant

router = APIRouter(tags=["Members"], responses=describes(401, 403, 404, 422))


@router.get("/members", response_model=MemberPage)
def list_members(
    tenant: InTenant,
    position: AtPosition,
    team: Annotated[
        str | None, Query(description="Only members of this team.", examples=["design"])
    ] = None,
) -> dict[str, Any]:
    """List the organisation's members by name, with the ids for assigning tasks."""
    members = store.list_members(tenant, position, team=team)
    return cut_page(members, position, lambda member: (member.name, member.id))


@router.get("/members/{user_id}")
def get_member(
    tenant: InTenant,
    user_id: Annotated[str, Path(description="The person's id.", examples=["usr_ada"])],
) -> Member:
    """Get one member: name, email address, role and teams."""
    return store.require_member(tenant, user_id)
