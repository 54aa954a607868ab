"""The health routes, and the static files of the pages."""

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from auth_server.web.dependencies import LocalizedPages, OpenDatabase
from auth_server.web.routing import PageRouter
from gatepost.health import check_readiness

router = PageRouter()


@router.get("/livez")
async def livez() -> dict[str, str]:
    """Report that the process runs."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(database: OpenDatabase) -> Response:
    """Report whether the database answers."""
    status, body = await check_readiness({"database": database.ping})
    return JSONResponse(body, status_code=status)


@router.get("/static/{name}")
async def static_file(name: str, pages: LocalizedPages) -> Response:
    """Serve a static file."""
    answer = pages.static.answer(name)
    if answer is None:
        raise HTTPException(404)
    return answer
