"""/account/organisation/apps: an admin names the apps that the tenant's own provider connects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import Response

from auth_server.db.engine import DbSession
from auth_server.pages.account.admin import PAGE as ORGANISATION
from auth_server.pages.account.admin import Admin, posted_admin, require_admin
from auth_server.pages.account.frame import Accounts
from auth_server.pages.picker.offer import kind_of
from auth_server.records.catalogues.names import keep_own
from auth_server.records.catalogues.store import find_catalogue
from auth_server.records.clients.store import list_client_names
from auth_server.records.people.store import find_people
from auth_server.records.tenant_apps.store import (
    list_ended_choices,
    list_tenant_apps,
    lock_choice,
)
from auth_server.records.tenant_apps.table import AppCeiling, TenantApp, read_ceilings
from auth_server.records.tenant_providers.store import find_provider
from auth_server.rendering.translation import translatable
from auth_server.settings import AuthServerSettings
from auth_server.tenancy.change_policy import ChangeRefused
from auth_server.tenancy.tenant_apps import (
    MOST_CEILINGS,
    AppKey,
    allow_again,
    end_tenant_app,
    set_tenant_app,
)
from auth_server.web.dependencies import Clock, Db, ReadingDb, Settings
from auth_server.web.forms import Parameters, read_query
from auth_server.web.posted_form import Form, PostedForm
from auth_server.web.routing import PageRouter
from gatepost.catalogue import CatalogueDocument

router = PageRouter()
PAGE = f"{ORGANISATION}/apps"
PostedAdmin = Annotated[Admin, Depends(posted_admin(PostedForm()))]
_MOST_ENDED, _BLANK = 50, 1
DONE: Mapping[str, str] = {
    "set": translatable("Saved. Your provider can connect this app now."),
    "ended": translatable("Your provider no longer connects this app. Its connections have ended."),
    "again": translatable("Your provider can connect the app for this member again."),
}
"""Each result of a form, in words."""
ACCESS: Sequence[tuple[str, str, frozenset[str]]] = (
    ("read", translatable("Read"), frozenset({"read"})),
    ("change", translatable("Read and write"), frozenset({"read", "change"})),
    ("all", translatable("Read, write and delete"), frozenset({"read", "change", "delete"})),
)
"""The choices of tools by their effects; any other set of tools is written as a list."""


@dataclass(frozen=True, slots=True)
class Line:
    """A ceiling as the form shows it: `access` is one of `ACCESS`, `named` or empty."""

    group: str
    access: str
    tools: str
    data_scope: str


@dataclass(frozen=True, slots=True)
class ShownApp:
    """An app as the page shows it; the last line is for everybody else."""

    client_id: str
    name: str
    resource: str
    service: str
    lines: tuple[Line, ...]


@router.get(PAGE)
async def show_apps(
    request: Request, db: ReadingDb, accounts: Accounts, settings: Settings
) -> Response:
    """List the apps with their ceilings, a form for another one, and ended connections."""
    query = read_query(request)
    admin = await require_admin(accounts, query.get("tenant"), db)
    return await _answer(admin, db, settings, done=query.get("done"))


@router.post(PAGE)
async def change_app(
    form: Form,
    admin: PostedAdmin,
    db: Db,
    settings: Settings,
    now: Clock,
) -> Response:
    """Add an app, or replace its ceilings."""
    resource, client_id = form.get("resource") or "", (form.get("client") or "").strip()
    lines = _read_lines(form)
    catalogue = await find_catalogue(db, resource)
    try:
        await set_tenant_app(
            db,
            AppKey(admin.membership.tenant_id, client_id, resource),
            [_read_ceiling(line, catalogue) for line in lines if line.access],
            issuers=settings.providers_with_own_issuer,
            by=admin.person_id,
            lifetime=settings.longest_token_lifetime,
            now=now(),
        )
    except ChangeRefused as error:
        given = ShownApp(client_id, "", resource, "", lines)
        return await _answer(admin, db, settings, given=given, refused=str(error))
    return _back(admin, "set")


@router.post(f"{PAGE}/end")
async def end_app(
    form: Form, admin: PostedAdmin, db: Db, settings: Settings, now: Clock
) -> Response:
    """Stop connecting an app."""
    key = AppKey(admin.membership.tenant_id, form.get("client") or "", form.get("resource") or "")
    lifetime = settings.longest_token_lifetime
    await end_tenant_app(db, key, by=admin.person_id, lifetime=lifetime, now=now())
    return _back(admin, "ended")


@router.post(f"{PAGE}/again")
async def allow_member_again(
    form: Form, admin: PostedAdmin, db: Db, settings: Settings, now: Clock
) -> Response:
    """Let the provider connect an app again for a member whose connection an admin ended."""
    choice = await lock_choice(
        db,
        person_id=form.get("person") or "",
        tenant_id=admin.membership.tenant_id,
        client_id=form.get("client") or "",
        resource=form.get("resource") or "",
    )
    try:
        if choice is not None:
            await allow_again(db, choice, by=admin.person_id, now=now())
    except ChangeRefused as error:
        return await _answer(admin, db, settings, refused=str(error))
    return _back(admin, "again")


def _back(admin: Admin, done: str) -> Response:
    return admin.account.lead_back(f"{admin.page.replace(ORGANISATION, PAGE, 1)}&done={done}")


def _read_lines(form: Parameters) -> tuple[Line, ...]:
    """Read the lines of the form that name a group, and at last the one for everybody else."""
    found = [
        Line(
            group=(form.get(f"group{n}") or "").strip(),
            access=form.get(f"access{n}") or "",
            tools=form.get(f"tools{n}") or "",
            data_scope=form.get(f"data{n}") or "",
        )
        for n in (*range(1, MOST_CEILINGS), 0)
    ]
    return (*(line for line in found[:-1] if line.group), found[-1])


def _read_ceiling(line: Line, catalogue: CatalogueDocument | None) -> AppCeiling:
    kinds = next((kinds for key, _, kinds in ACCESS if key == line.access), None)
    if kinds is None:
        tools = frozenset(line.tools.replace(",", " ").split())
    else:
        known = catalogue.tools if catalogue is not None else ()
        tools = frozenset(tool.name for tool in known if kind_of(tool) in kinds)
    return AppCeiling(line.group, tools, line.data_scope)


def _show_line(ceiling: AppCeiling, catalogue: CatalogueDocument | None) -> Line:
    tools = catalogue.tools if catalogue is not None else ()
    # Saving the form again must not allow what another API took.
    taken = catalogue.taken if catalogue is not None else {}
    own = keep_own(ceiling.tools, ceiling.apis, taken)
    for key, _, kinds in ACCESS:
        if own and own == {t.name for t in tools if kind_of(t) in kinds}:
            return Line(ceiling.group, key, "", ceiling.data_scope)
    return Line(ceiling.group, "named", " ".join(sorted(own)), ceiling.data_scope)


def _show(
    app: TenantApp, names: Mapping[str, str], catalogue: CatalogueDocument | None
) -> ShownApp:
    lines = [_show_line(one, catalogue) for one in read_ceilings(app)]
    if not lines or lines[-1].group:
        lines.append(Line("", "", "", ""))
    return ShownApp(
        client_id=app.client_id,
        name=names.get(app.client_id, app.client_id),
        resource=app.resource,
        service=catalogue.name if catalogue is not None else app.resource,
        lines=tuple(lines),
    )


async def _answer(
    admin: Admin,
    db: DbSession,
    settings: AuthServerSettings,
    *,
    given: ShownApp | None = None,
    refused: str = "",
    done: str | None = None,
) -> Response:
    tenant_id = admin.membership.tenant_id
    own = await find_provider(db, tenant_id)
    way = next(
        (one for one in settings.sign_in if own and getattr(one, "name", None) == own.provider),
        None,
    )
    apps = await list_tenant_apps(db, tenant_id)
    names = await list_client_names(db, {app.client_id for app in apps})
    resources = [entry.resource for entry in settings.resources]
    catalogues = {
        resource: await find_catalogue(db, resource)
        for resource in {*resources, *(app.resource for app in apps)}
    }
    ended = await list_ended_choices(db, tenant_id=tenant_id, most=_MOST_ENDED)
    new = ShownApp("", "", "", "", (Line("", "", "", ""),))
    return admin.account.answer(
        "account/tenant_apps.html",
        section="organisations",
        status=400 if refused else 200,
        membership=admin.membership,
        provider=getattr(way, "title", own.provider if own else None),
        issuer=settings.issuer,
        apps=[_show(app, names, catalogues[app.resource]) for app in apps],
        new=given if given is not None else new,
        blank=_BLANK,
        access=ACCESS,
        services=[(one, getattr(catalogues[one], "name", one)) for one in resources],
        ended=ended,
        people=await find_people(db, {one.person_id for one in ended}),
        refused=refused,
        done=DONE.get(done or ""),
        proof=admin.proof(),
    )
