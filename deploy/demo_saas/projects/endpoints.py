"""List, read, create, change and archive projects."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from demo_saas.openapi import describes
from demo_saas.paging import AtPosition, cut_page
from demo_saas.projects import store
from demo_saas.projects.models import NewProject, Project, ProjectChanges, ProjectPage
from demo_saas.resources import Opened
from demo_saas.tenancy import InTenant

router = APIRouter(tags=["Projects"], responses=describes(401, 403, 404, 422))

ProjectId = Annotated[str, Path(description="The project's id.", examples=["prj_website"])]


@router.get("/projects", response_model=ProjectPage)
def list_projects(
    tenant: InTenant,
    position: AtPosition,
    team: Annotated[
        str | None, Query(description="Only projects of this team.", examples=["design"])
    ] = None,
    include_archived: Annotated[bool, Query(description="Also list archived projects.")] = False,
) -> dict[str, Any]:
    """List the organisation's projects by name, with the number of open tasks in each."""
    projects = store.list_projects(tenant, position, team=team, include_archived=include_archived)
    return cut_page(projects, position, lambda project: (project.name, project.id))


@router.post("/projects", status_code=201)
def create_project(tenant: InTenant, new: NewProject, opened: Opened) -> Project:
    """Create a project for one of the organisation's teams."""
    return store.add_project(tenant, new, now=opened.now())


@router.get("/projects/{project_id}")
def get_project(tenant: InTenant, project_id: ProjectId) -> Project:
    """Get one project, with its number of open tasks. Its tasks are in `listTasks`."""
    return store.require_project(tenant, project_id)


@router.patch("/projects/{project_id}")
def update_project(tenant: InTenant, project_id: ProjectId, changes: ProjectChanges) -> Project:
    """Change a project's name, team, description or target date.

    Send only changed fields. Null clears the description or the target date.
    """
    return store.change_project(tenant, project_id, changes)


@router.post("/projects/{project_id}/archive")
def archive_project(tenant: InTenant, project_id: ProjectId, opened: Opened) -> Project:
    """Archive a project: it stays readable, but leaves the list and accepts no new tasks."""
    return store.archive_project(tenant, project_id, now=opened.now())
