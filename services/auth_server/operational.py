"""What is served beside the service itself: health, and the files that pages need."""

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from auth_server.web.dependencies import LocalizedPages, OpenDatabase
from auth_server.web.routing import PageRouter
from gatepost.health import check_readiness

router = PageRouter()


@router.get("/livez")
async def livez() -> dict[str, str]:
    """Answer that the process runs."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(database: OpenDatabase) -> Response:
    """Answer whether the database answers."""
    status, body = await check_readiness({"database": database.ping})
    return JSONResponse(body, status_code=status)


@router.api_route("/static/{name}", methods=["GET", "HEAD"])
async def static_file(name: str, pages: LocalizedPages) -> Response:
    """Serve a stylesheet or a script."""
    answer = pages.static.answer(name)
    if answer is None:
        raise HTTPException(404)
    return answer
