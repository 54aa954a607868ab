"""Create a JSON API of its own, with an OpenAPI document that anybody may read and its own errors."""

from collections.abc import Iterable
from importlib.metadata import version
from threading import Lock

import orjson
from fastapi import APIRouter, FastAPI
from starlette.responses import Response

from auth_server.admin_api.problems import PROBLEMS, add_problem_handlers
from auth_server.web.bounded_body import BoundedBody
from auth_server.web.routing import NO_TELEMETRY


def create_documented_api(
    title: str, summary: str, *, path: str, routers: Iterable[APIRouter]
) -> FastAPI:
    """Create the ASGI app, which the server mounts.

    Args:
        title: the name in the document.
        summary: what the API is for.
        path: the path below which the server mounts it, with the issuer's.
        routers: the operations.
    """
    app = FastAPI(
        title=title,
        version=version("gatepost"),
        summary=summary,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry=NO_TELEMETRY,
        servers=[{"url": path}],
        root_path_in_servers=False,
        responses=PROBLEMS,
    )
    for router in routers:
        app.include_router(router)
    _publish_document(app)
    add_problem_handlers(app, document=f"{path}/openapi.json")
    app.add_middleware(BoundedBody)
    return app


def _publish_document(app: FastAPI) -> None:
    """Serve the document of an app, written once, in a thread.

    Making it takes a second, and writing it takes longer than a request may hold the event loop.
    """
    written: list[bytes] = []
    lock = Lock()

    @app.get("/openapi.json", include_in_schema=False)
    def show_document() -> Response:
        with lock:
            if not written:
                written.append(orjson.dumps(app.openapi()))
        return Response(written[0], media_type="application/json")
