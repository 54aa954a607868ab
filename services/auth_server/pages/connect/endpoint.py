"""GET / and GET /llms.txt: show people and agents how to connect."""

from fastapi import Request
from starlette.responses import PlainTextResponse, Response

from auth_server.db.engine import DbSession
from auth_server.pages.connect.install import Install, describe_installs
from auth_server.records.catalogues.store import find_catalogue
from auth_server.settings import AuthServerSettings
from auth_server.web.browser import set_language
from auth_server.web.dependencies import LocalizedPages, ReadingDb, Settings
from auth_server.web.routing import PageRouter

router = PageRouter()


@router.get("/")
async def show_connect(
    request: Request, db: ReadingDb, settings: Settings, pages: LocalizedPages
) -> Response:
    """Show how each app connects to each gateway; the page is public."""
    response = pages.answer(
        "connect.html",
        installs=await _installs(db, settings),
        languages=pages.languages,
    )
    if "ui_locales" in request.query_params:
        set_language(response, settings, pages.language)
    return response


@router.get("/llms.txt")
async def write_llms_txt(db: ReadingDb, settings: Settings, pages: LocalizedPages) -> Response:
    """Return the same instructions in Markdown, for models."""
    text = pages.render(
        "llms.txt",
        installs=await _installs(db, settings),
        issuer=settings.issuer,
        registration=settings.registration == "open",
    )
    headers = {"Cache-Control": "public, max-age=300", "X-Content-Type-Options": "nosniff"}
    return PlainTextResponse(text, headers=headers)


async def _installs(db: DbSession, settings: AuthServerSettings) -> list[Install]:
    # The gateway's name comes from the stored catalogue, so that this public page never sends a
    # request to a gateway.
    services = []
    for entry in settings.resources:
        catalogue = await find_catalogue(db, entry.resource)
        name = catalogue.name if catalogue else settings.branding.name
        services.append((name, entry.resource))
    return describe_installs(services)
