"""The console's page of operators."""

from starlette.responses import Response

from auth_server.administration.errors import Refused
from auth_server.administration.operators import read_operators, remove_operator, set_operator
from auth_server.console.frame import CONSOLE, Console, PostedConsole, ShownConsole
from auth_server.db.engine import DbSession
from auth_server.records.operators.table import Role
from auth_server.records.people.store import find_person_by_email
from auth_server.web.dependencies import Clock, Db, ReadingDb
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

PAGE = f"{CONSOLE}/operators"
router = PageRouter()


@router.get(PAGE)
async def list_operators(console: ShownConsole, db: ReadingDb) -> Response:
    """List the operators."""
    return await _answer(console, db)


@router.post(PAGE)
async def put_operator(console: PostedConsole, form: Form, db: Db, now: Clock) -> Response:
    """Make a person an operator, or change their role."""
    console.operator.require("operators:write")  # before the answer tells who has an account
    role: Role = "viewer" if form.get("role") == "viewer" else "operator"
    try:
        person = await find_person_by_email(db, form.get("email") or "")
        if person is None:
            raise Refused("email", "no account has this address")
        await set_operator(db, console.operator, person.person_id, role, now=now())
    except Refused as refused:
        return await _answer(console, db, refused=refused)
    return console.lead_back(PAGE)


@router.post(f"{PAGE}/remove")
async def drop_operator(console: PostedConsole, form: Form, db: Db, now: Clock) -> Response:
    """Take the role from an operator."""
    try:
        await remove_operator(db, console.operator, form.get("person") or "", now=now())
    except Refused as refused:
        return await _answer(console, db, refused=refused)
    return console.lead_back(PAGE)


async def _answer(console: Console, db: DbSession, *, refused: Refused | None = None) -> Response:
    return console.answer(
        "console/operators.html",
        section="operators",
        status=400 if refused else 200,
        operators=await read_operators(db, console.operator),
        refused=refused,
    )
