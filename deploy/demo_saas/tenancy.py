"""Row-level tenancy: this module filters every query of tenant data.

A `Tenant` puts `_VISIBLE` before each statement: common table expressions with the tables' own
names, which contain only the rows of one organisation and of the data scope's teams, and of reports
those that the person began with no more teams. `FROM tasks`
therefore can't read another tenant's task. Only a write names its target as `main.tasks`, and it
selects the rows to change from the visible ones.
"""

import json
import sqlite3
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Path
from starlette.requests import Request

from demo_saas.access.caller import IdentifiedCaller
from demo_saas.errors import NotFound
from demo_saas.resources import Db

_VISIBLE = """
WITH
teams AS (
    SELECT * FROM main.teams
    WHERE org_id = :org_id
        AND (:teams IS NULL OR id IN (SELECT value FROM json_each(:teams)))
),
members AS (
    SELECT memberships.*, users.name, users.email, (
        SELECT json_group_array(team) FROM (
            SELECT team FROM main.team_members
            WHERE org_id = :org_id AND user_id = memberships.user_id
                AND team IN (SELECT id FROM teams)
            ORDER BY team
        )
    ) AS teams
    FROM main.memberships JOIN main.users ON users.id = memberships.user_id
    WHERE memberships.org_id = :org_id
        AND (:teams IS NULL OR EXISTS (
            SELECT 1 FROM main.team_members
            WHERE org_id = :org_id AND user_id = memberships.user_id
                AND team IN (SELECT id FROM teams)
        ))
),
projects AS (
    SELECT * FROM main.projects WHERE org_id = :org_id AND team IN (SELECT id FROM teams)
),
tasks AS (
    SELECT tasks.*, projects.team
    FROM main.tasks JOIN projects ON projects.id = tasks.project_id
    WHERE tasks.org_id = :org_id
),
comments AS (
    SELECT * FROM main.comments WHERE org_id = :org_id AND task_id IN (SELECT id FROM tasks)
),
attachments AS (
    SELECT * FROM main.attachments WHERE org_id = :org_id AND task_id IN (SELECT id FROM tasks)
),
reports AS (
    SELECT * FROM main.reports
    WHERE org_id = :org_id AND created_by = :user_id
        AND (:teams IS NULL OR (reports.teams IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM json_each(reports.teams)
            WHERE value NOT IN (SELECT value FROM json_each(:teams))
        )))
)
"""


@dataclass(frozen=True, slots=True)
class Tenant:
    """The rows of one organisation that a person may see and change, in one transaction."""

    connection: sqlite3.Connection
    org_id: str
    user_id: str
    teams: frozenset[str] | None
    """The teams of the data scope; None if it does not restrict teams."""

    def rows(self, sql: str, **parameters: Any) -> list[sqlite3.Row]:
        """Run one statement on the visible rows and return its rows."""
        visible_teams = None if self.teams is None else json.dumps(sorted(self.teams))
        scope = {"org_id": self.org_id, "user_id": self.user_id, "teams": visible_teams}
        return self.connection.execute(_VISIBLE + sql, parameters | scope).fetchall()

    def row(self, sql: str, **parameters: Any) -> sqlite3.Row | None:
        """Run one statement on the visible rows and return the first row, if any."""
        return next(iter(self.rows(sql, **parameters)), None)


def open_tenant(
    request: Request,
    org_id: Annotated[
        str, Path(description="The organisation's id, as `getMe` lists it.", examples=["org_acme"])
    ],
    caller: IdentifiedCaller,
    db: Db,
) -> Tenant:
    """Begin a transaction on the organisation of the path.

    Raises:
        NotFound: it does not exist, the person is not a member, or the assertion is for another
            tenant. The answers are equal, so that callers can't learn which organisations exist.
    """
    # Begin after authentication, so that only known callers can hold the write lock.
    db.execute("BEGIN" if request.method == "GET" else "BEGIN IMMEDIATE")
    member = db.execute(
        "SELECT 1 FROM memberships WHERE org_id = ? AND user_id = ?", (org_id, caller.user_id)
    ).fetchone()
    if member is None or caller.tenant_id not in (None, org_id):
        raise NotFound(f"There is no organisation {org_id}.")
    return Tenant(connection=db, org_id=org_id, user_id=caller.user_id, teams=caller.teams)


InTenant = Annotated[Tenant, Depends(open_tenant)]
