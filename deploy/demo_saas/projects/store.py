"""The rows of projects."""

from datetime import datetime

from demo_saas.clock import as_text
from demo_saas.errors import Conflict, NotFound, invalid_field
from demo_saas.ids import new_id
from demo_saas.paging import Position
from demo_saas.projects.models import NewProject, Project, ProjectChanges
from demo_saas.tenancy import Tenant

_SELECT = """
SELECT id, name, team, description, target_date, created_at, archived_at, (
    SELECT count(*) FROM tasks WHERE tasks.project_id = projects.id AND tasks.status != 'done'
) AS open_tasks
FROM projects
"""


def list_projects(
    tenant: Tenant, position: Position, *, team: str | None, include_archived: bool
) -> list[Project]:
    """List projects by name, and one beyond the page if there are more."""
    rows = tenant.rows(
        _SELECT
        + """
        WHERE (:team IS NULL OR team = :team)
            AND (:include_archived OR archived_at IS NULL)
            AND (:after_id IS NULL OR (name, id) > (:after_value, :after_id))
        ORDER BY name, id LIMIT :fetch
        """,
        team=team,
        include_archived=include_archived,
        **position.parameters(),
    )
    return [Project(**row) for row in map(dict, rows)]


def require_project(tenant: Tenant, project_id: str) -> Project:
    """Find a project.

    Raises:
        NotFound: the caller may see no project with this id.
    """
    row = tenant.row(_SELECT + "WHERE id = :id", id=project_id)
    if row is None:
        raise NotFound(f"There is no project {project_id}.")
    return Project(**dict(row))


def require_open_project(tenant: Tenant, project_id: str) -> Project:
    """Find the project that a body's `project_id` names.

    Raises:
        Invalid: the caller may see no project with this id.
        Conflict: it is archived.
    """
    try:
        project = require_project(tenant, project_id)
    except NotFound:
        raise invalid_field(
            "body", "project_id", "there is no such project; see listProjects"
        ) from None
    if project.archived_at is not None:
        raise Conflict(f"The project {project_id} is archived and accepts no new tasks.")
    return project


def _require_team(tenant: Tenant, team: str) -> None:
    teams = [row["id"] for row in tenant.rows("SELECT id FROM teams ORDER BY id")]
    if team not in teams:
        raise invalid_field("body", "team", f"give one of: {', '.join(teams) or 'none'}")


def add_project(tenant: Tenant, new: NewProject, *, now: datetime) -> Project:
    """Create a project.

    Raises:
        Invalid: the caller may not see the team.
    """
    _require_team(tenant, new.team)
    project_id = new_id("prj")
    tenant.rows(
        """
        INSERT INTO main.projects (org_id, id, team, name, description, target_date, created_at)
        SELECT :org_id, :id, id, :name, :description, :target_date, :now
        FROM teams WHERE id = :team
        """,
        id=project_id,
        now=as_text(now),
        **new.model_dump(mode="json"),
    )
    return require_project(tenant, project_id)


def change_project(tenant: Tenant, project_id: str, changes: ProjectChanges) -> Project:
    """Write the fields that were sent.

    Raises:
        NotFound: there is no such project.
        Invalid: the caller may not see the team.
    """
    project = require_project(tenant, project_id)
    sent = changes.model_dump(mode="json", exclude_unset=True)
    if "team" in sent:
        _require_team(tenant, sent["team"])
    tenant.rows(
        """
        UPDATE main.projects
        SET name = :name, team = :team, description = :description, target_date = :target_date
        WHERE org_id = :org_id AND id IN (SELECT id FROM projects WHERE id = :id)
        """,
        **project.model_dump(mode="json") | sent,
    )
    return require_project(tenant, project_id)


def archive_project(tenant: Tenant, project_id: str, *, now: datetime) -> Project:
    """Archive a project; an archived one stays unchanged.

    Raises:
        NotFound: there is no such project.
    """
    require_project(tenant, project_id)
    tenant.rows(
        """
        UPDATE main.projects SET archived_at = coalesce(archived_at, :now)
        WHERE org_id = :org_id AND id IN (SELECT id FROM projects WHERE id = :id)
        """,
        id=project_id,
        now=as_text(now),
    )
    return require_project(tenant, project_id)
