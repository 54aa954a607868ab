"""/admin/v1/people."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from auth_server.admin_api.authenticate import Caller
from auth_server.admin_api.pages import USUAL_LIMIT, After, Limit, Page
from auth_server.administration.people import (
    OnePersonView,
    PersonView,
    disable_person,
    read_people,
    read_person,
    reset_factors,
    sign_out_person,
)
from auth_server.web.dependencies import Clock, Db, ReadingDb, Settings

router = APIRouter(prefix="/people", tags=["people"])


class PersonDisabled(BaseModel):
    """Whether a person is locked out."""

    model_config = ConfigDict(extra="forbid")

    disabled: bool


@router.get("")
async def list_people(
    caller: Caller,
    db: ReadingDb,
    search: Annotated[
        str, Query(max_length=200, description="A part of an id, name or e-mail address.")
    ] = "",
    after: After = "",
    limit: Limit = USUAL_LIMIT,
) -> Page[PersonView]:
    """List people by id. Requires `people:read`."""
    return Page.of(await read_people(db, caller, search=search, after=after, limit=limit))


@router.get("/{person_id}")
async def show_person(
    caller: Caller, db: ReadingDb, settings: Settings, now: Clock, person_id: str
) -> OnePersonView:
    """Show a person with all that they have. Requires `people:read`."""
    idle = settings.session_idle_lifetime
    return await read_person(db, caller, person_id, now=now(), idle=idle)


@router.put("/{person_id}/disabled", status_code=204)
async def put_person_disabled(
    caller: Caller, db: Db, settings: Settings, now: Clock, person_id: str, change: PersonDisabled
) -> None:
    """Lock a person out and end their sessions and tokens, or undo it. Requires `people:write`."""
    lifetime = settings.longest_token_lifetime
    await disable_person(db, caller, person_id, change.disabled, lifetime=lifetime, now=now())


@router.delete("/{person_id}/sessions", status_code=204)
async def delete_sessions(caller: Caller, db: Db, now: Clock, person_id: str) -> None:
    """Sign a person out everywhere. Requires `people:write`."""
    await sign_out_person(db, caller, person_id, now=now())


@router.delete("/{person_id}/second-factors", status_code=204)
async def delete_second_factors(caller: Caller, db: Db, now: Clock, person_id: str) -> None:
    """Delete the second factors that a person lost, and sign them out. Requires `people:write`."""
    await reset_factors(db, caller, person_id, now=now())
