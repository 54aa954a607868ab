"""The console's pages of apps."""

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from fastapi import Request
from starlette.responses import Response

from auth_server.administration.clients import (
    SOURCES,
    add_client_secret,
    block_client,
    drop_client_secret,
    read_client,
    read_clients,
    read_secrets,
    rename_client,
    verify_client,
)
from auth_server.administration.errors import Refused
from auth_server.administration.paging import USUAL
from auth_server.administration.services.workloads import read_workloads
from auth_server.console.frame import CONSOLE, Console, PostedConsole, ShownConsole
from auth_server.db.engine import DbSession
from auth_server.settings import AuthServerSettings
from auth_server.web.dependencies import Clock, Db, ReadingDb, SecretMaker, Settings
from auth_server.web.forms import Parameters, read_query
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

LIST = f"{CONSOLE}/clients"
PAGE = f"{CONSOLE}/client"
router = PageRouter()


@router.get(LIST)
async def list_clients(request: Request, console: ShownConsole, db: ReadingDb) -> Response:
    """List and search the apps."""
    query = read_query(request)
    asked = {
        "search": (query.get("search") or "").strip()[:200],
        "source": next((one for one in SOURCES if one == query.get("source")), ""),
    }
    after = (query.get("after") or "")[:1024]
    clients = await read_clients(db, console.operator, **asked, after=after, limit=USUAL)
    return console.answer(
        "console/clients.html", section="clients", asked=asked, after=after, clients=clients
    )


@router.get(PAGE)
async def show_client(
    request: Request, console: ShownConsole, db: ReadingDb, settings: Settings, now: Clock
) -> Response:
    """Show one app."""
    query = read_query(request)
    saved = query.get("saved") == "yes"
    return await answer_client(
        console, db, settings, now, query.get("client") or "", Done(saved=saved)
    )


@router.post(PAGE)
async def change_client(
    console: PostedConsole, form: Form, db: Db, settings: Settings, now: Clock
) -> Response:
    """Rename an app."""
    client_id = form.get("client") or ""
    try:
        name = (form.get("name") or "").strip()
        await rename_client(db, console.operator, client_id, name, now=now())
    except Refused as refused:
        return await answer_client(console, db, settings, now, client_id, Done(refused=refused))
    return lead_back(console, client_id)


@router.post(f"{PAGE}/verify")
async def mark_client(console: PostedConsole, form: Form, db: Db, now: Clock) -> Response:
    """Mark an app as verified, or remove the mark."""
    client_id, verified = form.get("client") or "", form.get("verified") == "yes"
    await verify_client(db, console.operator, client_id, verified, now=now())
    return lead_back(console, client_id)


@router.post(f"{PAGE}/block")
async def end_client(
    console: PostedConsole, form: Form, db: Db, settings: Settings, now: Clock
) -> Response:
    """Block an app and end its connections, or allow it again."""
    client_id, blocked = form.get("client") or "", form.get("blocked") == "yes"
    lifetime = settings.longest_token_lifetime
    await block_client(db, console.operator, client_id, blocked, lifetime=lifetime, now=now())
    return lead_back(console, client_id)


@router.post(f"{PAGE}/secrets")
async def add_secret(
    console: PostedConsole,
    form: Form,
    db: Db,
    settings: Settings,
    now: Clock,
    new_secret: SecretMaker,
) -> Response:
    """Add a secret to a managed app, and show it once."""
    client_id, secret = form.get("client") or "", new_secret()
    try:
        await add_client_secret(
            db, console.operator, client_id, secret=secret, lifetime=None, now=now()
        )
    except Refused as refused:
        return await answer_client(console, db, settings, now, client_id, Done(refused=refused))
    return await answer_client(console, db, settings, now, client_id, Done(created=secret))


@router.post(f"{PAGE}/secrets/delete")
async def delete_secret(console: PostedConsole, form: Form, db: Db, now: Clock) -> Response:
    """Delete a secret of a managed app."""
    client_id, beginning = form.get("client") or "", form.get("secret") or ""
    await drop_client_secret(db, console.operator, client_id, beginning, now=now())
    return lead_back(console, client_id)


def lead_back(console: Console, client_id: str) -> Response:
    """Redirect the browser to an app's page."""
    return console.lead_back(f"{PAGE}?{urlencode({'client': client_id, 'saved': 'yes'})}")


@dataclass(frozen=True, slots=True)
class Done:
    """What the form before this page did.

    Attributes:
        refused: the value that was refused.
        created: a new secret, which is shown once.
        saved: whether something was saved.
        given: the form for a workload that was refused.
    """

    refused: Refused | None = None
    created: str = ""
    saved: bool = False
    given: Parameters | None = None


async def answer_client(
    console: Console,
    db: DbSession,
    settings: AuthServerSettings,
    now: Clock,
    client_id: str,
    done: Done,
) -> Response:
    """Show an app's page."""
    return console.answer(
        "console/client.html",
        section="clients",
        status=400 if done.refused else 200,
        client=await read_client(db, console.operator, client_id),
        secrets=await read_secrets(db, console.operator, client_id, now=now()),
        workloads=await read_workloads(db, console.operator, client_id),
        given=done.given,
        token_minutes=int(settings.token_lifetime_of(client_id) / timedelta(minutes=1)),
        refused=done.refused,
        created=done.created,
        saved=done.saved,
    )
