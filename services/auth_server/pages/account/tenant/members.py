"""GET and POST /account/organisation/member: an admin changes or removes a member of their tenant."""

from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import Response

from auth_server.db.engine import DbSession
from auth_server.errors import PageError
from auth_server.pages.account.admin import PAGE, Admin, require_admin
from auth_server.pages.account.frame import Accounts
from auth_server.records.people.store import find_people
from auth_server.records.tenants.store import find_membership, list_roles
from auth_server.records.tenants.table import Membership
from auth_server.rendering.translation import translatable
from auth_server.tenancy.change_membership import remove_membership, set_membership
from auth_server.tenancy.change_policy import ChangeRefused
from auth_server.web.dependencies import Clock, Db, ReadingDb, Settings
from auth_server.web.forms import read_query
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter
from gatepost.data_scope import MalformedDataScope, parse_data_scope

router = PageRouter()
MEMBER = f"{PAGE}/member"


async def _require_member(admin: Admin, person_id: str | None, db: DbSession) -> Membership:
    member = await find_membership(db, person_id or "", admin.membership.tenant_id)
    if member is None:
        raise PageError(
            "Member not found",
            "They may have been removed. Go back and reload the page.",
            status=404,
        )
    return member


async def _posted_member(form: Form, db: Db, accounts: Accounts) -> tuple[Admin, Membership]:
    admin = await require_admin(accounts, form.get("tenant"), db)
    member = await _require_member(admin, form.get("person"), db)
    admin.account.forms.require(
        form.get("proof"), "organisation", admin.membership.tenant_id, member.person_id
    )
    return admin, member


PostedMember = Annotated[tuple[Admin, Membership], Depends(_posted_member)]


@router.get(MEMBER)
async def show_member(request: Request, db: ReadingDb, accounts: Accounts) -> Response:
    """Show a member's role and data, which an admin can change."""
    query = read_query(request)
    admin = await require_admin(accounts, query.get("tenant"), db)
    member = await _require_member(admin, query.get("person"), db)
    return await _answer(admin, member, db)


@router.post(MEMBER)
async def change_member(
    form: Form, about: PostedMember, db: Db, settings: Settings, clock: Clock
) -> Response:
    """Change a member's role and data, or remove them."""
    admin, member = about
    lifetime, now = settings.longest_token_lifetime, clock()
    role, data = form.get("role") or "", form.get("data_scope") or ""
    try:
        if form.get("decision") == "remove":
            people = await find_people(db, {member.person_id})
            typed = (form.get("typed") or "").strip().casefold()
            if typed != people[member.person_id].known_as.casefold():
                text = translatable("Type the e-mail address or name as shown, to confirm.")
                return await _answer(admin, member, db, refused=text, removing=True)
            await remove_membership(
                db,
                member.person_id,
                admin.membership.tenant_id,
                by=admin.person_id,
                lifetime=lifetime,
                now=now,
            )
            return admin.account.lead_back(f"{admin.page}&saved=member#members")
        await set_membership(
            db,
            member.person_id,
            admin.membership.tenant_id,
            role=role.strip(),
            data_scope=parse_data_scope(data),
            by=admin.person_id,
            lifetime=lifetime,
            now=now,
        )
    except ChangeRefused as error:
        return await _answer(admin, member, db, given=(role, data), refused=str(error))
    except MalformedDataScope:
        text = translatable("The data must be entries such as team:sales, separated by spaces.")
        return await _answer(admin, member, db, given=(role, data), refused=text)
    return admin.account.lead_back(f"{admin.page}&saved=member#members")


async def _answer(
    admin: Admin,
    member: Membership,
    db: DbSession,
    *,
    given: tuple[str, str] | None = None,
    refused: str = "",
    removing: bool = False,
) -> Response:
    people = await find_people(db, {member.person_id})
    role, data_scope = given or (member.role, member.data_scope)
    return admin.account.answer(
        "account/member.html",
        section="organisations",
        status=400 if refused else 200,
        membership=admin.membership,
        member=people[member.person_id],
        is_self=member.person_id == admin.person_id,
        role=role,
        data_scope=data_scope,
        roles=await list_roles(db, admin.membership.tenant_id),
        refused=refused,
        removing=removing,
        proof=admin.proof(member.person_id),
    )
