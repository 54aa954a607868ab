"""Wire the SCIM API, an app of its own with its own form of errors."""

from fastapi import FastAPI

from auth_server.scim.discovery import router as discovery_router
from auth_server.scim.errors import add_scim_handlers
from auth_server.scim.groups import router as groups_router
from auth_server.scim.users import router as users_router
from auth_server.web.routing import NO_TELEMETRY

ROUTERS = (discovery_router, users_router, groups_router)


def create_scim_api() -> FastAPI:
    """Create the ASGI app, which the server mounts at `SCIM_PATH`."""
    app = FastAPI(
        title="Gatepost SCIM API",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry=NO_TELEMETRY,
    )
    for router in ROUTERS:
        app.include_router(router)
    add_scim_handlers(app)
    return app
