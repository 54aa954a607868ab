"""The allowed moves between statuses."""

from collections.abc import Mapping

from demo_saas.errors import Conflict
from demo_saas.tasks.models import TaskStatus

ALLOWED: Mapping[TaskStatus, tuple[TaskStatus, ...]] = {
    TaskStatus.BACKLOG: (TaskStatus.TODO,),
    TaskStatus.TODO: (TaskStatus.BACKLOG, TaskStatus.IN_PROGRESS),
    TaskStatus.IN_PROGRESS: (TaskStatus.TODO, TaskStatus.IN_REVIEW, TaskStatus.DONE),
    TaskStatus.IN_REVIEW: (TaskStatus.IN_PROGRESS, TaskStatus.DONE),
    TaskStatus.DONE: (TaskStatus.IN_PROGRESS,),
}


def require_transition(current: TaskStatus, to: TaskStatus) -> None:
    """Refuse a move that is not allowed.

    Raises:
        Conflict: with the allowed statuses.
    """
    if to not in ALLOWED[current]:
        choices = ", ".join(ALLOWED[current])
        raise Conflict(f"A task that is {current} can't become {to}; it can become: {choices}.")
