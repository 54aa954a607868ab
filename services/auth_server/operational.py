"""The health routes, and the static files of the pages."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from auth_server.web.dependencies import LocalizedPages, OpenDatabase
from auth_server.web.routing import PageRouter
from gatepost.health import check_readiness
from gatepost.network.stopping import Stopping

router = PageRouter()


@router.get("/livez")
async def livez() -> dict[str, str]:
    """Report that the process runs."""
    return {"status": "ok"}


@router.get("/startupz")
async def startupz() -> dict[str, str]:
    """Report that the process has started: before that, it accepts no connection."""
    return {"status": "started"}


@router.get("/readyz")
async def readyz(request: Request, database: OpenDatabase) -> Response:
    """Report whether the database answers, and the process is not going to stop."""
    stopping: Stopping = request.app.state.stopping
    status, body = await check_readiness({"database": database.ping}, draining=stopping.draining)
    return JSONResponse(body, status_code=status)


@router.get("/static/{name}")
async def static_file(name: str, pages: LocalizedPages) -> Response:
    """Serve a static file."""
    answer = pages.static.answer(name)
    if answer is None:
        raise HTTPException(404)
    return answer
