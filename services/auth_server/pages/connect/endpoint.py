"""GET / and GET /llms.txt: how to connect, for people and for agents."""

from fastapi import Request
from starlette.responses import PlainTextResponse, Response

from auth_server.db.engine import DbSession
from auth_server.pages.connect.install import Install, describe_installs
from auth_server.records.catalogues.store import find_catalogue
from auth_server.runtime import Runtime
from auth_server.web.browser import set_language
from auth_server.web.dependencies import Opened, ReadingDb
from auth_server.web.routing import PageRouter

router = PageRouter()


@router.get("/")
async def show_connect(request: Request, db: ReadingDb, opened: Opened) -> Response:
    """Show how each app connects to each gateway; anybody may look."""
    response = opened.pages.answer(
        "connect.html",
        installs=await _installs(db, opened),
        languages=opened.pages.languages,
    )
    if "ui_locales" in request.query_params:
        set_language(response, opened.settings, opened.pages.language)
    return response


@router.get("/llms.txt")
async def write_llms_txt(db: ReadingDb, opened: Opened) -> Response:
    """Say the same in Markdown, for a model that was given this address."""
    text = opened.pages.render(
        "llms.txt",
        installs=await _installs(db, opened),
        issuer=opened.settings.issuer,
        registration=opened.settings.registration == "open",
    )
    headers = {"Cache-Control": "public, max-age=300", "X-Content-Type-Options": "nosniff"}
    return PlainTextResponse(text, headers=headers)


async def _installs(db: DbSession, opened: Runtime) -> list[Install]:
    # What a gateway calls itself is known once somebody was shown its tools: nobody who just looks
    # at this page makes the server ask.
    services = []
    for entry in opened.settings.resources:
        catalogue = await find_catalogue(db, entry.resource)
        name = catalogue.name if catalogue else opened.settings.branding.name
        services.append((name, entry.resource))
    return describe_installs(services)
