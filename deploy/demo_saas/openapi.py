"""The OpenAPI 3.1 document: operation ids, problem responses and descriptions."""

import re
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from demo_saas.errors import Problem

DESCRIPTION = """\
Orbit keeps the projects, tasks and discussions of a company's teams.

Everything belongs to an **organisation** (`org_id`), and people see only their own organisations. \
An organisation has **teams**; each project belongs to one team, and each task to one project. \
Lists have pages: send `next_cursor` back as `cursor` until it is null. Times are UTC, ISO 8601. \
Errors are problem documents (RFC 9457) that name the invalid field.
"""

TAGS = [
    {"name": "Account", "description": "Signing in, and the signed-in person."},
    {"name": "Projects", "description": "Projects, each owned by one team."},
    {"name": "Tasks", "description": "Tasks of projects."},
    {"name": "Comments", "description": "The discussion below a task."},
    {"name": "Members", "description": "The people of an organisation and their teams."},
    {"name": "Analytics", "description": "Figures about the progress of work."},
    {"name": "Reports", "description": "Reports that are prepared in the background."},
    {"name": "Files", "description": "Files attached to tasks."},
]

_MEANING = {
    401: "The credential is missing or not accepted.",
    403: "The caller does not have permission.",
    404: "It does not exist, or the caller may not see it.",
    409: "The current state does not allow the request.",
    413: "The body is too large.",
    422: "A field is invalid; `errors` names it.",
}


def describes(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Declare the problem responses of an operation, by status."""
    return {status: {"model": Problem, "description": _MEANING[status]} for status in statuses}


def name_operation(route: APIRoute) -> str:
    """Make the operationId: the endpoint's name in camelCase."""
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), route.name)


def write_openapi(app: FastAPI, *, public_url: str) -> dict[str, Any]:
    """Generate the document; problems are declared with their own media type (RFC 9457 §3)."""
    document: dict[str, Any] = get_openapi(
        title="Orbit API",
        version="1.0.0",
        summary="Projects, tasks and discussions of a company's teams.",
        description=DESCRIPTION,
        tags=TAGS,
        servers=[{"url": public_url}],
        routes=app.routes,
    )
    shared = document["components"]["responses"] = {}
    for methods in document["paths"].values():
        for operation in methods.values():
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    [media] = response["content"].values()
                    shared[f"Problem{status}"] = {
                        "description": response["description"],
                        "content": {"application/problem+json": media},
                    }
                    operation["responses"][status] = {
                        "$ref": f"#/components/responses/Problem{status}"
                    }
    return document
