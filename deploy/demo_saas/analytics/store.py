"""Count figures from the visible rows."""

from datetime import datetime, timedelta

from demo_saas.analytics.models import DeliveryReport, ProjectDelivery, Summary, TeamFigures
from demo_saas.clock import as_text
from demo_saas.tasks.models import TaskStatus
from demo_saas.tenancy import Tenant


def summarise(tenant: Tenant, *, now: datetime) -> Summary:
    """Count tasks by status and team."""
    by_status = {
        row["status"]: row["number"]
        for row in tenant.rows("SELECT status, count(*) AS number FROM tasks GROUP BY status")
    }
    [totals] = tenant.rows(
        """
        SELECT
            count(*) FILTER (WHERE status != 'done' AND due_on < :today) AS overdue,
            count(*) FILTER (WHERE status != 'done' AND assignee IS NULL) AS unassigned,
            count(*) FILTER (WHERE completed_at >= :week_ago) AS completed
        FROM tasks
        """,
        today=now.date().isoformat(),
        week_ago=as_text(now - timedelta(days=7)),
    )
    teams = tenant.rows(
        """
        SELECT teams.id AS team,
            count(tasks.id) FILTER (WHERE status != 'done') AS open_tasks,
            count(tasks.id) FILTER (WHERE status != 'done' AND due_on < :today) AS overdue_tasks
        FROM teams LEFT JOIN tasks ON tasks.team = teams.id GROUP BY teams.id ORDER BY teams.id
        """,
        today=now.date().isoformat(),
    )
    return Summary(
        tasks_by_status={status: by_status.get(status, 0) for status in TaskStatus},
        overdue_tasks=totals["overdue"],
        unassigned_tasks=totals["unassigned"],
        completed_last_7_days=totals["completed"],
        teams=[TeamFigures(**row) for row in map(dict, teams)],
    )


def report_delivery(tenant: Tenant, *, now: datetime) -> DeliveryReport:
    """Add up each open project's tasks."""
    rows = tenant.rows(
        """
        SELECT projects.id AS project_id, projects.name, projects.team, projects.target_date,
            count(tasks.id) AS tasks,
            count(tasks.id) FILTER (WHERE status = 'done') AS done,
            coalesce(sum(estimate) FILTER (WHERE status != 'done'), 0) AS remaining_points,
            round(avg(julianday(completed_at) - julianday(tasks.created_at)), 1)
                AS average_days_to_done
        FROM projects LEFT JOIN tasks ON tasks.project_id = projects.id
        WHERE projects.archived_at IS NULL
        GROUP BY projects.id ORDER BY projects.name, projects.id
        """
    )
    projects = [
        ProjectDelivery(**row, percent_done=100 * row["done"] // max(row["tasks"], 1))
        for row in map(dict, rows)
    ]
    return DeliveryReport(generated_at=now, projects=projects)
