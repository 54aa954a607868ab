"""The console's pages of people."""

from datetime import datetime
from urllib.parse import urlencode

from fastapi import Request
from starlette.responses import Response

from auth_server.administration.accounts import (
    add_person,
    change_person,
    confirm_address,
    delete_account,
    mail_password_link,
    require_mail,
)
from auth_server.administration.errors import Refused
from auth_server.administration.paging import USUAL
from auth_server.administration.people import (
    disable_person,
    read_people,
    read_person,
    reset_factors,
    sign_out_person,
)
from auth_server.console.frame import CONSOLE, Console, PostedConsole, ShownConsole
from auth_server.console.lists import read_list_query
from auth_server.db.engine import DbSession
from auth_server.settings import AuthServerSettings
from auth_server.web.dependencies import Clock, Db, ReadingDb, SecretMaker, Settings
from auth_server.web.forms import Parameters, read_query
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

LIST = f"{CONSOLE}/people"
PAGE = f"{CONSOLE}/person"
router = PageRouter()


@router.get(LIST)
async def list_people(request: Request, console: ShownConsole, db: ReadingDb) -> Response:
    """List and search people."""
    return await _answer_list(request, console, db)


@router.post(LIST)
async def add(request: Request, console: PostedConsole, form: Form, db: Db, now: Clock) -> Response:
    """Add a person without a password."""
    try:
        added = await add_person(
            db,
            console.operator,
            (form.get("person") or "").strip(),
            email=(form.get("email") or "").strip(),
            name=(form.get("name") or "").strip(),
            now=now(),
        )
    except Refused as refused:
        return await _answer_list(request, console, db, given=form, refused=refused)
    return _lead_back(console, added.person_id)


@router.get(PAGE)
async def show_person(
    request: Request, console: ShownConsole, db: ReadingDb, settings: Settings, now: Clock
) -> Response:
    """Show one person."""
    return await _answer_person(console, db, settings, read_query(request), now())


@router.post(PAGE)
async def rename(
    console: PostedConsole, form: Form, db: Db, settings: Settings, now: Clock
) -> Response:
    """Change a person's name."""
    person_id, name, at = form.get("person") or "", (form.get("name") or "").strip(), now()
    try:
        await change_person(db, console.operator, person_id, name=name, now=at)
    except Refused as refused:
        return await _answer_person(console, db, settings, form, at, refused=refused)
    return _lead_back(console, person_id)


@router.post(f"{PAGE}/access")
async def change_access(
    console: PostedConsole, form: Form, db: Db, settings: Settings, now: Clock
) -> Response:
    """Lock a person out, or let them in again."""
    person_id, disabled = form.get("person") or "", form.get("access") != "allow"
    lifetime = settings.longest_token_lifetime
    await disable_person(db, console.operator, person_id, disabled, lifetime=lifetime, now=now())
    return _lead_back(console, person_id)


@router.post(f"{PAGE}/sign-out")
async def end_sessions(console: PostedConsole, form: Form, db: Db, now: Clock) -> Response:
    """Sign a person out everywhere."""
    person_id = form.get("person") or ""
    await sign_out_person(db, console.operator, person_id, now=now())
    return _lead_back(console, person_id)


@router.post(f"{PAGE}/factors")
async def drop_factors(console: PostedConsole, form: Form, db: Db, now: Clock) -> Response:
    """Delete the second factors that a person lost."""
    person_id = form.get("person") or ""
    await reset_factors(db, console.operator, person_id, now=now())
    return _lead_back(console, person_id)


@router.post(f"{PAGE}/address")
async def confirm(console: PostedConsole, form: Form, db: Db, now: Clock) -> Response:
    """Confirm that mails to the address reach the person."""
    person_id = form.get("person") or ""
    shown = form.get("email") or ""
    await confirm_address(db, console.operator, person_id, shown=shown, now=now())
    return _lead_back(console, person_id)


@router.post(f"{PAGE}/password")
async def send_link(
    console: PostedConsole,
    form: Form,
    db: Db,
    settings: Settings,
    now: Clock,
    new_secret: SecretMaker,
) -> Response:
    """Mail a person without a password a link to choose one."""
    require_mail(settings)
    person_id = form.get("person") or ""
    await mail_password_link(db, console.operator, person_id, token=new_secret(), now=now())
    return _lead_back(console, person_id)


@router.post(f"{PAGE}/delete")
async def delete(
    console: PostedConsole, form: Form, db: Db, settings: Settings, now: Clock
) -> Response:
    """Delete a person for good."""
    person_id, lifetime = form.get("person") or "", settings.longest_token_lifetime
    await delete_account(db, console.operator, person_id, lifetime=lifetime, now=now())
    return console.lead_back(LIST)


def _lead_back(console: Console, person_id: str) -> Response:
    return console.lead_back(f"{PAGE}?{urlencode({'person': person_id, 'saved': 'yes'})}")


async def _answer_list(
    request: Request,
    console: Console,
    db: DbSession,
    *,
    given: Parameters | None = None,
    refused: Refused | None = None,
) -> Response:
    query = read_list_query(request)
    people = await read_people(
        db, console.operator, search=query.search, after=query.after, limit=USUAL
    )
    return console.answer(
        "console/people.html",
        section="people",
        status=400 if refused else 200,
        query=query,
        people=people,
        given=given,
        refused=refused,
    )


async def _answer_person(
    console: Console,
    db: DbSession,
    settings: AuthServerSettings,
    given: Parameters,
    now: datetime,
    *,
    refused: Refused | None = None,
) -> Response:
    person_id, idle = given.get("person") or "", settings.session_idle_lifetime
    return console.answer(
        "console/person.html",
        section="people",
        status=400 if refused else 200,
        shown=await read_person(db, console.operator, person_id, now=now, idle=idle),
        saved=given.get("saved") == "yes",
        refused=refused,
    )
