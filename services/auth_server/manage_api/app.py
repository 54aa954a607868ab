"""Wire the management API, an app of its own with its own OpenAPI document and the admin API's errors."""

from collections.abc import Collection

from fastapi import FastAPI, Request

from auth_server.admin_api.document import create_documented_api
from auth_server.admin_api.problems import answer_problem
from auth_server.manage_api.connections import router as connections_router
from auth_server.manage_api.keys import router as keys_router
from auth_server.manage_api.tenant import router as tenant_router
from auth_server.web.answers import count_denial
from auth_server.web.cors import ListedCors
from gatepost.logs import Receive, Scope, Send

MANAGE_API_PATH = "/manage/v1"
ROUTERS = (connections_router, keys_router, tenant_router)


def create_manage_api(base: str, *, origins: Collection[str] = ()) -> FastAPI:
    """Create the ASGI app, which the server mounts.

    Args:
        base: the issuer's path, with which every path of the server begins.
        origins: the origins of the pages that contain the component.
    """
    app = create_documented_api(
        "Gatepost management API",
        "What a person, or an admin of their organisation, reads and restricts in your own pages.",
        path=f"{base}{MANAGE_API_PATH}",
        routers=ROUTERS,
    )
    app.add_middleware(ListedCors, origins=origins, refusal=_refuse_origin)
    return app


async def _refuse_origin(scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse a page of another origin, whose script can't read why; the audit log tells the operator."""
    detail = "this origin is not in the setting component_origins"
    count_denial(Request(scope), detail)
    await answer_problem(403, detail)(scope, receive, send)
