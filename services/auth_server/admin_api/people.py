"""/admin/v1/people."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from auth_server.admin_api.authenticate import Caller
from auth_server.admin_api.pages import USUAL_LIMIT, After, Limit, Page
from auth_server.administration.accounts import (
    add_person,
    change_person,
    confirm_address,
    delete_account,
    mail_password_link,
    require_mail,
)
from auth_server.administration.people import (
    OnePersonView,
    PersonView,
    disable_person,
    read_people,
    read_person,
    reset_factors,
    sign_out_person,
)
from auth_server.web.dependencies import Clock, Db, ReadingDb, SecretMaker, Settings

router = APIRouter(prefix="/people", tags=["people"])


class PersonDisabled(BaseModel):
    """Whether a person is locked out."""

    model_config = ConfigDict(extra="forbid")

    disabled: bool


class VerifiedAddress(BaseModel):
    """The person's address as you know it."""

    model_config = ConfigDict(extra="forbid")

    email: Annotated[
        str,
        Field(max_length=320, description="Refused if the person has another address by now."),
    ]


class NewPerson(BaseModel):
    """A person to add, who signs in through a provider or chooses a password by mail."""

    model_config = ConfigDict(extra="forbid")

    person_id: str = Field(max_length=255, description="Their id in your product.")
    email: str = Field(max_length=320, description="The address they sign in with.")
    name: str = Field(max_length=200, description="The name that others see.")


class PersonChange(BaseModel):
    """What to change."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=200, description="The name that others see.")


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


@router.post("", status_code=201)
async def post_person(caller: Caller, db: Db, now: Clock, new: NewPerson) -> PersonView:
    """Add a person without a password. Requires `people:write`."""
    return await add_person(db, caller, new.person_id, email=new.email, name=new.name, now=now())


@router.patch("/{person_id}")
async def patch_person(
    caller: Caller, db: Db, now: Clock, person_id: str, change: PersonChange
) -> PersonView:
    """Change a person's name. Requires `people:write`."""
    return await change_person(db, caller, person_id, name=change.name, now=now())


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


@router.put("/{person_id}/verified-address", status_code=204)
async def put_verified_address(
    caller: Caller, db: Db, now: Clock, person_id: str, change: VerifiedAddress
) -> None:
    """Confirm that mails to this address reach the person. Requires `people:write`."""
    await confirm_address(db, caller, person_id, shown=change.email, now=now())


@router.post("/{person_id}/password-link", status_code=204)
async def post_password_link(
    caller: Caller,
    db: Db,
    settings: Settings,
    now: Clock,
    new_secret: SecretMaker,
    person_id: str,
) -> None:
    """Mail a person without a password a link to choose one. Requires `people:write`."""
    require_mail(settings)
    await mail_password_link(db, caller, person_id, token=new_secret(), now=now())


@router.delete("/{person_id}", status_code=204)
async def delete_person(
    caller: Caller, db: Db, settings: Settings, now: Clock, person_id: str
) -> None:
    """Delete a person; records of calls and changes keep their id. Requires `people:write`."""
    lifetime = settings.longest_token_lifetime
    await delete_account(db, caller, person_id, lifetime=lifetime, now=now())
