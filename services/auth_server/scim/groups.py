"""/scim/v2/Groups: the groups of a tenant's provider, which ceilings of apps name."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from auth_server.db.conflict import repeat
from auth_server.db.engine import DbSession, OpenTransaction
from auth_server.directory.acting import Directory
from auth_server.directory.groups import (
    MOST_MEMBERS,
    SaidGroup,
    change_group,
    create_group,
    delete_group,
)
from auth_server.directory.url import scim_url
from auth_server.records.directory.groups import (
    count_members,
    find_group,
    list_group_members,
    search_groups,
)
from auth_server.records.directory.table import DirectoryGroup
from auth_server.scim.errors import ScimError, answer
from auth_server.scim.filters import parse_filter
from auth_server.scim.groups_form import read_group, read_group_patch, write_group
from auth_server.scim.listing import list_response
from auth_server.scim.request import Asked, Caller, Query, read_json
from auth_server.scim.users import require_id
from auth_server.settings import AuthServerSettings
from auth_server.web.dependencies import Clock, ReadingDb, Settings, Transaction
from gatepost.clock import Now

router = APIRouter()


@router.get("/Groups")
async def list_groups(caller: Caller, db: ReadingDb, settings: Settings, asked: Query) -> Response:
    """List groups by id, and fewer than asked for if they have many members (§3.4.2.4)."""
    condition = parse_filter(asked.filter) if asked.filter else None
    total, rows = await search_groups(
        db, caller.tenant_id, condition, skip=asked.skip, most=asked.count
    )
    base, written = scim_url(settings.issuer), []
    counts = await count_members(db, [row.group_id for row in rows])
    shown, members = list(rows), None
    if asked.wants("members"):
        room = MOST_MEMBERS
        for at, row in enumerate(rows):
            room -= counts.get(row.group_id, 0)
            if room < 0 and at:
                shown = list(rows[:at])
                break
        members = await list_group_members(db, [row.group_id for row in shown])
    for row in shown:
        mine = None if members is None else members.get(row.group_id, ())
        written.append(asked.select(write_group(row, mine, base)))
    return list_response(total, written, skip=asked.skip)


@router.get("/Groups/{group_id}")
async def show_group(
    caller: Caller, db: ReadingDb, settings: Settings, asked: Query, group_id: str
) -> Response:
    """Show a group."""
    group = await find_group(db, caller.tenant_id, require_id(group_id))
    if group is None:
        raise _no_such_group()
    return answer(await _write(db, group, settings, asked))


@router.post("/Groups")
async def post_group(
    request: Request,
    caller: Caller,
    transaction: Transaction,
    settings: Settings,
    now: Clock,
    asked: Query,
) -> Response:
    """Create a group (§3.3)."""
    said = read_group(await read_json(request))

    async def create() -> dict[str, object]:
        async with transaction() as db:
            group = await create_group(db, caller, said, now=now())
            return await _write(db, group, settings, asked)

    written = await repeat(create)
    headers = {"Location": f"{scim_url(settings.issuer)}/Groups/{written['id']}"}
    return answer(written, status=201, headers=headers)


@router.put("/Groups/{group_id}")
async def put_group(
    request: Request,
    caller: Caller,
    transaction: Transaction,
    settings: Settings,
    now: Clock,
    asked: Query,
    group_id: str,
) -> Response:
    """Replace a group (§3.5.1)."""
    said = read_group(await read_json(request))
    return answer(
        await _change(transaction, caller, require_id(group_id), said, now, settings, asked)
    )


@router.patch("/Groups/{group_id}")
async def patch_group(
    request: Request,
    caller: Caller,
    transaction: Transaction,
    settings: Settings,
    now: Clock,
    asked: Query,
    group_id: str,
) -> Response:
    """Change a group (§3.5.2); without a list of attributes, the response is empty, as Entra advises."""
    said = read_group_patch(await read_json(request))
    read = asked if asked.restricts else Asked("", 0, 0, frozenset({"id"}), frozenset())
    written = await _change(transaction, caller, require_id(group_id), said, now, settings, read)
    return answer(written) if asked.restricts else Response(status_code=204)


@router.delete("/Groups/{group_id}")
async def remove_group(
    caller: Caller, transaction: Transaction, now: Clock, group_id: str
) -> Response:
    """Delete a group (§3.6); its members stay members of the tenant."""
    named = require_id(group_id)

    async def delete() -> bool:
        async with transaction() as db:
            return await delete_group(db, caller, named, now=now())

    if not await repeat(delete):
        raise _no_such_group()
    return Response(status_code=204)


async def _change(
    transaction: OpenTransaction,
    caller: Directory,
    group_id: str,
    said: SaidGroup,
    now: Now,
    settings: AuthServerSettings,
    asked: Asked,
) -> dict[str, object]:
    """Change a group in one transaction, and write what is asked for of it."""

    async def change() -> dict[str, object] | None:
        async with transaction() as db:
            group = await change_group(db, caller, group_id, said, now=now())
            return None if group is None else await _write(db, group, settings, asked)

    written = await repeat(change)
    if written is None:
        raise _no_such_group()
    return written


async def _write(
    db: DbSession, group: DirectoryGroup, settings: AuthServerSettings, asked: Asked
) -> dict[str, object]:
    members = None
    if asked.wants("members"):
        found = await list_group_members(db, [group.group_id])
        members = found.get(group.group_id, ())
    return asked.select(write_group(group, members, scim_url(settings.issuer)))


def _no_such_group() -> ScimError:
    return ScimError(404, "this organisation's directory has no group with this id")
