"""/scim/v2/Users: the people of a tenant's provider."""

from collections.abc import Callable

from fastapi import APIRouter, Request
from starlette.responses import Response

from auth_server.db.conflict import repeat
from auth_server.db.engine import OpenTransaction
from auth_server.directory.acting import Directory
from auth_server.directory.url import scim_url
from auth_server.directory.users import SaidUser, change_user, create_user, delete_user
from auth_server.records.directory.table import DirectoryUser
from auth_server.records.directory.users import find_user, search_users
from auth_server.scim.errors import ScimError, answer, answer_error
from auth_server.scim.filters import parse_filter
from auth_server.scim.listing import list_response
from auth_server.scim.patch import apply, read_operations
from auth_server.scim.request import Asked, Caller, Query, is_id, read_json
from auth_server.scim.schema import USER_ATTRIBUTES
from auth_server.scim.users_form import read_user, write_user
from auth_server.settings import AuthServerSettings
from auth_server.web.dependencies import Clock, ReadingDb, Settings, Transaction
from gatepost.clock import Now

router = APIRouter()
_KEPT = (
    "this person stays a member, as the organisation's last admin or an admin for emergencies; their "
    "connections, API keys and sessions from this provider have ended. Name another admin, or end the permission for "
    "emergencies, and send this again"
)


@router.get("/Users")
async def list_users(caller: Caller, db: ReadingDb, settings: Settings, asked: Query) -> Response:
    """List users by id (RFC 7644 §3.4.2)."""
    condition = parse_filter(asked.filter) if asked.filter else None
    total, rows = await search_users(
        db, caller.tenant_id, condition, skip=asked.skip, most=asked.count
    )
    base = scim_url(settings.issuer)
    return list_response(
        total, [asked.select(write_user(row, base)) for row in rows], skip=asked.skip
    )


@router.get("/Users/{user_id}")
async def show_user(
    caller: Caller, db: ReadingDb, settings: Settings, asked: Query, user_id: str
) -> Response:
    """Show a user."""
    user = await find_user(db, caller.tenant_id, require_id(user_id))
    if user is None:
        raise no_such_user()
    return answer(asked.select(write_user(user, scim_url(settings.issuer))))


@router.post("/Users")
async def post_user(
    request: Request,
    caller: Caller,
    transaction: Transaction,
    settings: Settings,
    now: Clock,
    asked: Query,
) -> Response:
    """Create a user (§3.3)."""
    said = read_user(await read_json(request))

    async def create() -> tuple[DirectoryUser, bool]:
        async with transaction() as db:
            return await create_user(db, caller, said, now=now())

    user, done = await repeat(create)
    if not done:
        return answer_error(409, _KEPT)
    written = write_user(user, scim_url(settings.issuer))
    headers = {"Location": written["meta"]["location"]}
    return answer(asked.select(written), status=201, headers=headers)


@router.put("/Users/{user_id}")
async def put_user(
    request: Request,
    caller: Caller,
    transaction: Transaction,
    settings: Settings,
    now: Clock,
    asked: Query,
    user_id: str,
) -> Response:
    """Replace a user (§3.5.1); who says nothing about `active` leaves it as it is."""
    body = await read_json(request)

    def say(user: DirectoryUser) -> SaidUser:
        return read_user(body, active=user.active)

    user = await _change(transaction, caller, require_id(user_id), say, now)
    return _answer_change(user, settings, asked)


@router.patch("/Users/{user_id}")
async def patch_user(
    request: Request,
    caller: Caller,
    transaction: Transaction,
    settings: Settings,
    now: Clock,
    asked: Query,
    user_id: str,
) -> Response:
    """Change a user (§3.5.2)."""
    operations = read_operations(await read_json(request), USER_ATTRIBUTES)

    def say(user: DirectoryUser) -> SaidUser:
        # Who takes `active` away leaves it as it is, and so does not activate anybody (A232).
        changed = apply(write_user(user, ""), operations, USER_ATTRIBUTES)
        return read_user(changed, active=user.active)

    user = await _change(transaction, caller, require_id(user_id), say, now)
    return _answer_change(user, settings, asked)


@router.delete("/Users/{user_id}")
async def remove_user(
    caller: Caller, transaction: Transaction, now: Clock, user_id: str
) -> Response:
    """Delete a user (§3.6)."""
    named = require_id(user_id)

    async def delete() -> bool | None:
        async with transaction() as db:
            return await delete_user(db, caller, named, now=now())

    done = await repeat(delete)
    if done is None:
        raise no_such_user()
    return Response(status_code=204) if done else answer_error(409, _KEPT)


def require_id(text: str) -> str:
    """Return an id from a path; one that no database stores names nothing.

    Raises:
        ScimError: 404.
    """
    if not is_id(text):
        raise ScimError(404, "this organisation's directory has nothing with this id")
    return text


def no_such_user() -> ScimError:
    """Make the refusal of an unknown user, the same for those of other tenants (A227)."""
    return ScimError(404, "this organisation's directory has no user with this id")


async def _change(
    transaction: OpenTransaction,
    caller: Directory,
    user_id: str,
    say: Callable[[DirectoryUser], SaidUser],
    now: Now,
) -> DirectoryUser | None:
    """Change a user in one transaction; None if the person stays a member against it."""

    async def change() -> tuple[DirectoryUser, bool] | None:
        async with transaction() as db:
            return await change_user(db, caller, user_id, say, now=now())

    changed = await repeat(change)
    if changed is None:
        raise no_such_user()
    user, done = changed
    return user if done else None


def _answer_change(
    user: DirectoryUser | None, settings: AuthServerSettings, asked: Asked
) -> Response:
    if user is None:
        return answer_error(409, _KEPT)
    return answer(asked.select(write_user(user, scim_url(settings.issuer))))
