"""GET / and GET /llms.txt: show people and agents how to connect."""

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request
from starlette.responses import PlainTextResponse, Response

from auth_server.catalogues.cache import CatalogueCache
from auth_server.pages.connect.install import Install, describe_installs
from auth_server.settings import AuthServerSettings
from auth_server.web.dependencies import LocalizedPages, Settings, part
from auth_server.web.routing import PageRouter
from gatepost.network.organisation_address import has_address, organisation_prefix

router = PageRouter()
Catalogues = Annotated[CatalogueCache, Depends(part(lambda runtime: runtime.catalogues))]


@router.get("/")
async def show_connect(
    request: Request, catalogues: Catalogues, settings: Settings, pages: LocalizedPages
) -> Response:
    """Show how each app connects to each gateway; the page is public.

    With `organisation`, it shows the organisation's addresses, whether or not the tenant exists.
    """
    organisation = _read_organisation(request)
    return pages.answer(
        "connect.html",
        installs=_installs(catalogues, settings, organisation),
        organisation=organisation,
        languages=pages.languages,
    )


@router.get("/llms.txt")
async def write_llms_txt(
    request: Request, catalogues: Catalogues, settings: Settings, pages: LocalizedPages
) -> Response:
    """Return the same instructions in Markdown, for models."""
    text = pages.render(
        "llms.txt",
        installs=_installs(catalogues, settings, _read_organisation(request)),
        issuer=settings.issuer,
        registration=settings.registration == "open",
    )
    headers = {"Cache-Control": "public, max-age=300", "X-Content-Type-Options": "nosniff"}
    return PlainTextResponse(text, headers=headers)


def _read_organisation(request: Request) -> str:
    named = request.query_params.get("organisation", "")
    return named if has_address(named) else ""


def _installs(
    catalogues: CatalogueCache, settings: AuthServerSettings, organisation: str
) -> list[Install]:
    # The gateway's name comes from the catalogue in memory, so that this public page neither sends a
    # request to a gateway nor reads a whole catalogue from the database.
    named = [
        (catalogues.name(entry.resource) or settings.branding.name or "", entry.resource)
        for entry in settings.resources
    ]
    if organisation:
        # Clients keep several organisations apart by these names.
        named = [
            (
                f"{title or urlsplit(resource).hostname} ({organisation})",
                organisation_prefix(resource) + organisation,
            )
            for title, resource in named
        ]
    return describe_installs(named)
