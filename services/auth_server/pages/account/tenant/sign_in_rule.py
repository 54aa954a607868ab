"""/account/organisation/provider: an admin requires the tenant's own identity provider of its members."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import Response

from auth_server.db.engine import DbSession
from auth_server.pages.account.admin import PAGE as ORGANISATION
from auth_server.pages.account.admin import Admin, posted_admin, require_admin
from auth_server.pages.account.frame import Accounts
from auth_server.records.people.store import find_people
from auth_server.records.tenant_domains.store import list_domains
from auth_server.records.tenant_providers.store import find_provider
from auth_server.records.tenants.store import find_tenant, list_admins, list_break_glass
from auth_server.rendering.translation import translatable
from auth_server.settings import AuthServerSettings
from auth_server.tenancy.change_policy import ChangeRefused
from auth_server.tenancy.own_provider import (
    count_other_sign_ins,
    lift_rule,
    name_break_glass,
    require_provider,
)
from auth_server.tenancy.shut_out import list_shut_out
from auth_server.web.dependencies import Clock, Db, ReadingDb, Settings
from auth_server.web.forms import read_query
from auth_server.web.posted_form import Form, PostedForm
from auth_server.web.routing import PageRouter

router = PageRouter()
PAGE = f"{ORGANISATION}/provider"
PostedAdmin = Annotated[Admin, Depends(posted_admin(PostedForm()))]
_MOST_ADMINS = 100
_MOST_SHUT_OUT = 25
DONE: Mapping[str, str] = {
    "required": translatable("The rule is on."),
    "lifted": translatable("The rule is off. What it ended stays ended."),
    "saved": translatable("Saved."),
}
"""Each result of a form, in words."""


@router.get(PAGE)
async def show_rule(
    request: Request, db: ReadingDb, accounts: Accounts, settings: Settings
) -> Response:
    """Show the rule, what it ends, and the admins who can do without the provider."""
    query = read_query(request)
    admin = await require_admin(accounts, query.get("tenant"), db)
    after = (query.get("after") or "")[:255]
    return await _answer(admin, db, settings, done=query.get("done"), after=after)


@router.post(PAGE)
async def change_rule(
    form: Form, admin: PostedAdmin, db: Db, settings: Settings, now: Clock
) -> Response:
    """Switch the rule on or off."""
    tenant_id, wanted = admin.membership.tenant_id, form.get("rule") == "on"
    try:
        if wanted:
            await require_provider(
                db,
                tenant_id,
                by=admin.person_id,
                signed_in_by=admin.account.signed_in.own_provider,
                lifetime=settings.longest_token_lifetime,
                now=now(),
            )
        else:
            await lift_rule(db, tenant_id, by=admin.person_id, now=now())
    except ChangeRefused as error:
        return await _answer(admin, db, settings, refused=str(error))
    return _back(admin, "required" if wanted else "lifted")


@router.post(f"{PAGE}/break-glass")
async def change_break_glass(
    form: Form, admin: PostedAdmin, db: Db, settings: Settings, now: Clock
) -> Response:
    """Name an admin for emergencies, or not any more."""
    person_id, named = form.get("person") or "", form.get("named") == "yes"
    try:
        await name_break_glass(
            db, admin.membership.tenant_id, person_id, named, by=admin.person_id, now=now()
        )
    except ChangeRefused as error:
        return await _answer(admin, db, settings, refused=str(error))
    return _back(admin, "saved")


def _back(admin: Admin, done: str) -> Response:
    return admin.account.lead_back(f"{admin.page.replace(ORGANISATION, PAGE, 1)}&done={done}")


async def _answer(
    admin: Admin,
    db: DbSession,
    settings: AuthServerSettings,
    *,
    refused: str = "",
    done: str | None = None,
    after: str = "",
) -> Response:
    tenant_id = admin.membership.tenant_id
    tenant, own = await find_tenant(db, tenant_id), await find_provider(db, tenant_id)
    name = own.provider if own is not None else None
    way = next((one for one in settings.sign_in if getattr(one, "name", None) == name), None)
    admins = await list_admins(db, tenant_id, most=_MOST_ADMINS)
    break_glass = {one.person_id for one in await list_break_glass(db, tenant_id)}
    connections, keys = await count_other_sign_ins(db, tenant_id)
    people = await find_people(db, {*admins, *break_glass})
    domains = [one.domain for one in await list_domains(db, tenant_id) if one.verified_domain]
    shut_out, following = await list_shut_out(
        db, tenant_id, domains, after=after, most=_MOST_SHUT_OUT
    )
    return admin.account.answer(
        "account/sign_in_rule.html",
        section="organisations",
        status=400 if refused else 200,
        membership=admin.membership,
        since=tenant.provider_only_since if tenant is not None else None,
        provider=getattr(way, "title", name),
        domains=domains,
        shut_out=shut_out,
        after=after,
        following=following,
        from_there=name is not None and admin.account.signed_in.own_provider == name,
        way=name if way is not None else None,
        connections=connections,
        keys=keys,
        admins=[people[one] for one in admins],
        break_glass=break_glass,
        refused=refused,
        done=DONE.get(done or ""),
        proof=admin.proof(),
    )
