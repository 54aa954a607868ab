"""/account/organisation/directory: an admin lets the tenant's own provider keep users and groups by SCIM."""

from fastapi import Request
from starlette.responses import Response

from auth_server.db.engine import DbSession
from auth_server.directory.tokens import make_token, revoke_token
from auth_server.directory.url import scim_url
from auth_server.pages.account.admin import PAGE as ORGANISATION
from auth_server.pages.account.admin import Admin, require_admin
from auth_server.pages.account.frame import Accounts
from auth_server.pages.account.tenant.sign_in_rule import PostedAdmin
from auth_server.records.directory.groups import count_groups, list_groups_by_name
from auth_server.records.directory.tokens import list_tokens
from auth_server.records.directory.users import count_users
from auth_server.records.tenant_domains.store import list_domains
from auth_server.records.tenant_providers.store import find_provider
from auth_server.settings import AuthServerSettings
from auth_server.tenancy.change_policy import ChangeRefused
from auth_server.web.dependencies import Clock, Db, ReadingDb, SecretMaker, Settings
from auth_server.web.forms import Parameters, read_query
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

router = PageRouter()
PAGE = f"{ORGANISATION}/directory"
_MOST_GROUPS = 100


@router.get(PAGE)
async def show_directory(
    request: Request, db: ReadingDb, accounts: Accounts, settings: Settings
) -> Response:
    """Show what the provider keeps here, its tokens, and a form for another one."""
    admin = await require_admin(accounts, read_query(request).get("tenant"), db)
    return await _answer(admin, db, settings)


@router.post(PAGE)
async def create_token(
    form: Form,
    admin: PostedAdmin,
    db: Db,
    settings: Settings,
    now: Clock,
    new_secret: SecretMaker,
) -> Response:
    """Make a token and show it once."""
    try:
        _, text = await make_token(
            db,
            admin.membership.tenant_id,
            label=form.get("label") or "",
            data_scope=form.get("data_scope") or "",
            secret=new_secret(),
            by=admin.person_id,
            now=now(),
        )
    except ChangeRefused as error:
        return await _answer(admin, db, settings, given=form, refused=str(error))
    return await _answer(admin, db, settings, created=text)


@router.post(f"{PAGE}/revoke")
async def end_token(form: Form, admin: PostedAdmin, db: Db, now: Clock) -> Response:
    """Revoke a token."""
    tenant_id, token_id = admin.membership.tenant_id, form.get("token") or ""
    await revoke_token(db, tenant_id, token_id, by=admin.person_id, now=now())
    return admin.account.lead_back(admin.page.replace(ORGANISATION, PAGE, 1))


async def _answer(
    admin: Admin,
    db: DbSession,
    settings: AuthServerSettings,
    *,
    created: str = "",
    given: Parameters | None = None,
    refused: str = "",
) -> Response:
    tenant_id = admin.membership.tenant_id
    own = await find_provider(db, tenant_id)
    name = own.provider if own is not None else None
    way = next((one for one in settings.sign_in if getattr(one, "name", None) == name), None)
    users, active = await count_users(db, tenant_id)
    return admin.account.answer(
        "account/directory.html",
        section="organisations",
        status=400 if refused else 200,
        membership=admin.membership,
        provider=getattr(way, "title", name),
        url=scim_url(settings.issuer),
        domains=[one.domain for one in await list_domains(db, tenant_id) if one.verified_domain],
        tokens=await list_tokens(db, tenant_id),
        users=users,
        active=active,
        groups=await list_groups_by_name(db, tenant_id, most=_MOST_GROUPS),
        all_groups=await count_groups(db, tenant_id),
        created=created,
        given=given,
        refused=refused,
        proof=admin.proof(),
    )
