"""The settings page, its files, and the token that its script asks for."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel

from demo_saas.access.caller import IdentifiedCaller
from demo_saas.accounts.store import describe_user
from demo_saas.connected_apps.gatepost import get_component_token
from demo_saas.errors import Forbidden, NotFound
from demo_saas.resources import Db, Opened
from demo_saas.settings import Settings

FOLDER = Path(__file__).parent
FILES = {
    name: ((FOLDER / name).read_bytes(), media_type)
    for name, media_type in (("page.js", "text/javascript"), ("page.css", "text/css"))
}

router = APIRouter(prefix="/settings", include_in_schema=False)


class ComponentToken(BaseModel):
    """A token for Gatepost's component."""

    token: str


def require_gatepost(settings: Settings) -> str:
    """Return where Gatepost is.

    Raises:
        NotFound: the settings name none.
    """
    if not settings.gatepost_url:
        raise NotFound("This Orbit has no settings page, because it is not connected to Gatepost.")
    return settings.gatepost_url


@router.get("")
def read_settings_page(opened: Opened) -> HTMLResponse:
    """Show the settings page, whose policy allows scripts and requests of Gatepost and of no other site."""
    gatepost = require_gatepost(opened.settings)
    page = (FOLDER / "page.html").read_text(encoding="utf-8").replace("{gatepost}", gatepost)
    policy = (
        f"default-src 'none'; script-src 'self' {gatepost}; style-src 'self'; "
        f"connect-src 'self' {gatepost}; form-action 'none'; base-uri 'none'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'"
    )
    return HTMLResponse(page, headers={"Content-Security-Policy": policy})


@router.get("/{name}")
def read_file(name: str) -> Response:
    """Serve a file of the page."""
    if name not in FILES:
        raise NotFound(f"There is no file {name}.")
    content, media_type = FILES[name]
    return Response(content, media_type=media_type)


@router.post("/orgs/{org_id}/component-token")
def create_component_token(
    org_id: str, caller: IdentifiedCaller, opened: Opened, db: Db
) -> ComponentToken:
    """Give the browser of a signed-in person a token for the component."""
    require_gatepost(opened.settings)
    if caller.tenant_id is not None:
        raise Forbidden("Agents do not manage their own access.")
    me = describe_user(db, caller.user_id, tenant_id=None, teams=None)
    if org_id not in {organisation.id for organisation in me.organisations}:
        raise Forbidden("You are not a member of this organisation.")
    token = get_component_token(opened.settings, org_id=org_id, user_id=caller.user_id)
    return ComponentToken(token=token)
