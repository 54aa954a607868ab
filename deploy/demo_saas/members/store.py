"""The rows of members."""

import json
import sqlite3

from demo_saas.errors import NotFound, invalid_field
from demo_saas.members.models import Member
from demo_saas.paging import Position
from demo_saas.tenancy import Tenant


def _member(row: sqlite3.Row) -> Member:
    return Member.model_validate(dict(row) | {"teams": json.loads(row["teams"])})


def list_members(tenant: Tenant, position: Position, *, team: str | None) -> list[Member]:
    """List members by name, and one beyond the page if there are more."""
    rows = tenant.rows(
        """
        SELECT user_id AS id, * FROM members
        WHERE (:team IS NULL OR :team IN (SELECT value FROM json_each(teams)))
            AND (:after_id IS NULL OR (name, user_id) > (:after_value, :after_id))
        ORDER BY name, user_id LIMIT :fetch
        """,
        team=team,
        **position.parameters(),
    )
    return [_member(row) for row in rows]


def require_member(tenant: Tenant, user_id: str) -> Member:
    """Find a member.

    Raises:
        NotFound: there is none of this id that the caller may see.
    """
    row = tenant.row("SELECT user_id AS id, * FROM members WHERE user_id = :id", id=user_id)
    if row is None:
        raise NotFound(f"There is no member {user_id}.")
    return _member(row)


def require_assignee(tenant: Tenant, user_id: str | None) -> None:
    """Refuse an assignee who is not a member; None is allowed.

    Raises:
        Invalid: naming the field.
    """
    if user_id is None:
        return
    try:
        require_member(tenant, user_id)
    except NotFound:
        raise invalid_field(
            "body", "assignee", "there is no such member; see listMembers"
        ) from None


def find_member_by_email(tenant: Tenant, email: str) -> str:
    """Return the id of the member with this email address.

    Raises:
        Invalid: naming the field `assign_to`.
    """
    row = tenant.row("SELECT user_id FROM members WHERE email = lower(:email)", email=email)
    if row is None:
        raise invalid_field("body", "assign_to", "there is no member with this email address")
    return str(row["user_id"])
