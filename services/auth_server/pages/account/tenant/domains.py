"""/account/organisation/domains: an admin claims e-mail domains, and proves them in the DNS."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import Response

from auth_server.db.engine import DbSession
from auth_server.outbound.txt_records import LookUpTxt, NoAnswer
from auth_server.pages.account.admin import Admin, posted_admin, require_admin
from auth_server.pages.account.frame import Accounts
from auth_server.records.tenant_domains.store import list_domains
from auth_server.rendering.translation import translatable
from auth_server.tenancy.change_policy import ChangeRefused
from auth_server.tenancy.domains import (
    ENDS_AFTER,
    PAGE,
    begin_check,
    claim_domain,
    page_of,
    remove_domain,
    settle_check,
)
from auth_server.web.dependencies import (
    Clock,
    Db,
    ReadingDb,
    SecretMaker,
    Settings,
    Transaction,
    part,
)
from auth_server.web.forms import read_query
from auth_server.web.posted_form import Form, PostedForm
from auth_server.web.routing import PageRouter

router = PageRouter()
PostedAdmin = Annotated[Admin, Depends(posted_admin(PostedForm()))]
LookUp = Annotated[LookUpTxt, Depends(part(lambda runtime: runtime.look_up_txt))]
DONE: Mapping[str, tuple[str, str]] = {
    "claimed": (translatable("Add the record, then check the domain."), "good"),
    "removed": (translatable("The domain was removed."), "good"),
    "verified": (translatable("The domain is verified."), "good"),
    "missing": (
        translatable("The record was not found. A new record can take an hour to appear."),
        "warn",
    ),
    "unanswered": (
        translatable("The name servers of the domain did not answer. Try again later."),
        "warn",
    ),
    "taken": (
        translatable(
            "Another organisation has verified this domain. It must remove the domain, or its record "
            "must be gone for seven days."
        ),
        "bad",
    ),
    "lost": (translatable("The record is gone. The domain is no longer verified."), "bad"),
}
"""Each result of a form, in words, and the colour of its notice."""


@router.get(PAGE)
async def show_domains(request: Request, db: ReadingDb, accounts: Accounts) -> Response:
    """List the domains, each with its record, and a form for another one."""
    query = read_query(request)
    tenant_id = query.get("tenant")
    admin = await require_admin(accounts, tenant_id, db)
    return await _answer(admin, db, done=query.get("done"))


@router.post(PAGE)
async def add_domain(
    form: Form, admin: PostedAdmin, db: Db, now: Clock, new_secret: SecretMaker
) -> Response:
    """Claim a domain."""
    text, tenant_id = form.get("domain") or "", admin.membership.tenant_id
    try:
        await claim_domain(db, text, tenant_id, by=admin.person_id, token=new_secret(), now=now())
    except ChangeRefused as error:
        return await _answer(admin, db, given=text, refused=str(error))
    return _back(admin, "claimed")


@router.post(f"{PAGE}/remove")
async def drop_domain(
    form: Form, admin: PostedAdmin, db: Db, settings: Settings, now: Clock
) -> Response:
    """Remove a domain."""
    name, tenant_id = form.get("domain") or "", admin.membership.tenant_id
    try:
        await remove_domain(
            db,
            tenant_id,
            name,
            by=admin.person_id,
            lifetime=settings.longest_token_lifetime,
            now=now(),
        )
    except ChangeRefused as error:
        return await _answer(admin, db, refused=str(error))
    return _back(admin, "removed")


@router.post(f"{PAGE}/check")
async def check_domain(
    form: Form,
    accounts: Accounts,
    transaction: Transaction,
    look_up: LookUp,
    settings: Settings,
    now: Clock,
) -> Response:
    """Look the record of a domain up, while no database session is open."""
    async with transaction() as db:
        admin = await require_admin(accounts, form.get("tenant"), db)
        admin.account.forms.require(form.get("proof"), "organisation", admin.membership.tenant_id)
        name, tenant_id = form.get("domain") or "", admin.membership.tenant_id
        try:
            domain = await begin_check(db, tenant_id, name, by=admin.person_id, now=now())
        except ChangeRefused as error:
            return await _answer(admin, db, refused=str(error))
        record = domain.record_name
    try:
        texts = await look_up(record)
    except NoAnswer:
        return _back(admin, "unanswered")
    async with transaction() as db:
        lifetime = settings.longest_token_lifetime
        found = await settle_check(db, tenant_id, name, texts, lifetime=lifetime, now=now())
    return _back(admin, found or "removed")


def _back(admin: Admin, done: str) -> Response:
    return admin.account.lead_back(f"{page_of(admin.membership.tenant_id)}&done={done}")


async def _answer(
    admin: Admin,
    db: DbSession,
    *,
    given: str = "",
    refused: str = "",
    done: str | None = None,
) -> Response:
    return admin.account.answer(
        "account/domains.html",
        section="organisations",
        status=400 if refused else 200,
        membership=admin.membership,
        domains=await list_domains(db, admin.membership.tenant_id),
        ends_after=ENDS_AFTER,
        given=given[:253],
        refused=refused,
        done=DONE.get(done or ""),
        proof=admin.proof(),
    )
