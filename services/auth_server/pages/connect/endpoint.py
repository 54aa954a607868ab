"""GET / and GET /llms.txt: show people and agents how to connect."""

from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import PlainTextResponse, Response

from auth_server.catalogues.cache import CatalogueCache
from auth_server.pages.connect.install import Install, describe_installs
from auth_server.settings import AuthServerSettings
from auth_server.web.browser import set_language
from auth_server.web.dependencies import LocalizedPages, Settings, part
from auth_server.web.routing import PageRouter

router = PageRouter()
Catalogues = Annotated[CatalogueCache, Depends(part(lambda runtime: runtime.catalogues))]


@router.get("/")
async def show_connect(
    request: Request, catalogues: Catalogues, settings: Settings, pages: LocalizedPages
) -> Response:
    """Show how each app connects to each gateway; the page is public."""
    response = pages.answer(
        "connect.html",
        installs=_installs(catalogues, settings),
        languages=pages.languages,
    )
    if "ui_locales" in request.query_params:
        set_language(response, settings, pages.language)
    return response


@router.get("/llms.txt")
async def write_llms_txt(
    catalogues: Catalogues, settings: Settings, pages: LocalizedPages
) -> Response:
    """Return the same instructions in Markdown, for models."""
    text = pages.render(
        "llms.txt",
        installs=_installs(catalogues, settings),
        issuer=settings.issuer,
        registration=settings.registration == "open",
    )
    headers = {"Cache-Control": "public, max-age=300", "X-Content-Type-Options": "nosniff"}
    return PlainTextResponse(text, headers=headers)


def _installs(catalogues: CatalogueCache, settings: AuthServerSettings) -> list[Install]:
    # The gateway's name comes from the catalogue in memory, so that this public page neither sends a
    # request to a gateway nor reads a whole catalogue from the database.
    return describe_installs(
        [
            (catalogues.name(entry.resource) or settings.branding.name, entry.resource)
            for entry in settings.resources
        ]
    )
