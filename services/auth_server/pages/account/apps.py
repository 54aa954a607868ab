"""GET /account/apps, and /account/app: show, change and end a person's connections."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import Response

from auth_server.db.engine import DbSession
from auth_server.errors import OwnProviderRequired, PageError
from auth_server.flow.own_provider import may_act
from auth_server.pages.account.frame import Account, Accounts, posted_account, shown_account
from auth_server.pages.consent.approve import audit_of, what_it_holds
from auth_server.pages.consent.catalogue import CataloguesInUse, read_catalogue
from auth_server.pages.consent.page import vouched_for
from auth_server.pages.picker.data_choice import NothingChosen, offer_data
from auth_server.pages.picker.form import PickerForm, picker_form
from auth_server.pages.picker.offer import kind_of, offer_tools
from auth_server.pages.picker.question import Choice, Question
from auth_server.pages.sign_in.own_provider import lead_to_own_provider
from auth_server.records.audit.store import record
from auth_server.records.call_log.store import Usage, usage_of_grants
from auth_server.records.catalogues.store import find_catalogue
from auth_server.records.clients.store import find_client
from auth_server.records.grants.store import find_grant, list_live_grants
from auth_server.records.grants.table import Grant
from auth_server.records.refresh_tokens.store import widen_families
from auth_server.records.tenants.policy import TenantPolicy
from auth_server.records.tenants.store import TenantMembership, list_tenant_memberships
from auth_server.revocations.revoke import outdate_grant, revoke_grant
from auth_server.settings import AuthServerSettings
from auth_server.web.dependencies import Clock, Db, ReadingDb, Settings
from auth_server.web.forms import read_query
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter
from gatepost.catalogue import CatalogueDocument
from gatepost.data_scope import DataScope, parse_data_scope
from gatepost.scopes import OFFLINE_ACCESS, covers, format_scope, parse_scope

router = PageRouter()
PAGE, APP = "/account/apps", "/account/app"
Page = Annotated[Account, Depends(shown_account(PAGE))]
PostedChoice = Annotated[Account, Depends(posted_account(PAGE, None, picker_form()))]
PostedEnd = Annotated[Account, Depends(posted_account(PAGE, None))]
_USAGE = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Connection:
    """One grant as its person sees it.

    `service` is the name of the resource, and `vouched_for` as on the consent page. `kinds` counts
    its working tools that `read`, `change` and `delete`. `usage` covers the last thirty days, and
    is None without calls. `ends_at` is the earlier limit of the person and the tenant.
    """

    grant: Grant
    service: str
    tenant: str
    vouched_for: str
    kinds: Counter[str]
    data_scope: DataScope
    usage: Usage | None
    ends_at: datetime
    end_proof: str


@router.get(PAGE)
async def show_apps(account: Page, db: ReadingDb, clock: Clock) -> Response:
    """List the person's connections, latest first."""
    now = clock()
    grants = await list_live_grants(db, person_id=account.person_id)
    connections = await _describe(grants, account, db, now)
    # Maintenance revokes expired grants within a minute.
    durations = [each for each in connections if each.ends_at > now]
    durations.sort(key=lambda each: each.grant.approved_at, reverse=True)
    return account.answer("account/apps.html", section="apps", connections=durations)


@router.get(APP)
async def show_app(
    request: Request,
    db: ReadingDb,
    accounts: Accounts,
    settings: Settings,
    catalogues: CataloguesInUse,
) -> Response:
    """Show one connection with its tools and data, which the person can change."""
    query = read_query(request)
    grant_id = query.get("grant") or ""
    account = await accounts.require(db, f"{APP}?grant={grant_id}")
    grant = await _require_own(grant_id, account, db)
    membership = await _require_membership(grant, account, db)
    catalogue = await read_catalogue(settings.find_resource(grant.resource), db, catalogues)
    question = await _ask(grant, membership, catalogue, settings, query.get("tool") or "")
    page = _Page(account, grant, question, db, accounts.now())
    return await page.show(question.suggested, saved=query.get("saved") is not None)


@router.post(APP)
async def change_app(
    form: PickerForm, account: PostedChoice, db: Db, settings: Settings, clock: Clock
) -> Response:
    """Store the person's new choice, and revoke access tokens that differ from it."""
    grant_id, now = form.get("grant") or "", clock()
    grant = await _require_own(grant_id, account, db, lock=True)
    membership = await _require_membership(grant, account, db)
    catalogue = await find_catalogue(db, grant.resource, version=form.get("catalogue") or "")
    if catalogue is None:
        text = "Nothing was changed. Go back, reload the page and try again."
        raise PageError("This form has expired", text, status=403)
    question = await _ask(grant, membership, catalogue, settings, form.get("also") or "")
    account.forms.require(form.get("proof"), "app", *_shown(grant, question))
    choice, page = question.read_choice(form), _Page(account, grant, question, db, now)
    if form.get("preset") is not None:
        return await page.show(choice)
    if not choice.tools:
        return await page.show(choice, nothing_chosen="tool")
    try:
        data_scope = question.read_data(choice)
    except NothingChosen as kind:
        return await page.show(choice, nothing_chosen=str(kind))
    held = what_it_holds(grant)
    if added := _set(grant, question, choice, data_scope):
        await widen_families(db, grant.grant_id, added)
    if what_it_holds(grant) != held:
        await _outdate(grant, db, lifetime=settings.longest_token_lifetime, now=now)
    return account.lead_back(f"{APP}?grant={grant_id}&saved=yes")


@router.post(f"{APP}/end")
async def end_app(
    form: Form, account: PostedEnd, db: Db, settings: Settings, now: Clock
) -> Response:
    """End a connection, with everything issued from it."""
    grant = await _require_own(form.get("grant") or "", account, db)
    account.forms.require(form.get("proof"), "end-app", grant.grant_id)
    lifetime = settings.longest_token_lifetime
    reason = "ended by the person"
    await revoke_grant(db, grant.grant_id, reason, lifetime=lifetime, now=now())
    return account.lead_back(PAGE)


async def _require_own(
    grant_id: str, account: Account, db: DbSession, *, lock: bool = False
) -> Grant:
    grant = await find_grant(db, grant_id, lock=lock)
    # Another person's grant gets the same page as an unknown one.
    if grant is None or grant.person_id != account.person_id:
        raise PageError(
            "Connection unavailable",
            "It has ended, or it isn't yours.",
            status=404,
            detail="no such grant of this person",
        )
    return grant


async def _require_membership(grant: Grant, account: Account, db: DbSession) -> TenantMembership:
    for membership in await list_tenant_memberships(db, account.person_id):
        if membership.tenant_id == grant.tenant_id:
            if not may_act(account.signed_in, membership):
                back = f"{APP}?grant={grant.grant_id}"
                raise OwnProviderRequired(lead_to_own_provider(membership.tenant_id, back))
            return membership
    text = "You are no longer a member of this organisation."
    raise PageError("Connection unavailable", text, status=404)


async def _ask(
    grant: Grant,
    membership: TenantMembership,
    catalogue: CatalogueDocument,
    settings: AuthServerSettings,
    wanted: str,
) -> Question:
    """Offer what the app has ever requested or holds, and the one tool that a link names.

    The gateway gives people such a link if their app can't request a scope itself.
    """
    entry = settings.find_resource(grant.resource)
    requestable = entry.scopes if entry is not None else ()
    linked = {t.name for t in catalogue.tools if t.name == wanted and covers(requestable, t.scope)}
    offer = await offer_tools(
        catalogue,
        parse_scope(grant.asked_scope),
        membership.policy,
        also=linked.union(grant.tools),
    )
    data = offer_data(membership.data_scope, parse_data_scope(grant.data_scope))
    lasts = grant.expires_at - grant.approved_at
    current = Choice(offer.names & frozenset(grant.tools), data.suggested, lasts)
    return Question(catalogue, offer, data, (lasts,), None, current)


def _shown(grant: Grant, question: Question) -> tuple[str, ...]:
    # The version makes the second of two changes from the same page fail.
    names = " ".join(sorted(question.offer.names))
    return grant.grant_id, str(grant.version), question.catalogue.hash, question.shown_data, names


def _set(grant: Grant, question: Question, choice: Choice, data_scope: DataScope) -> frozenset[str]:
    """Change the grant; return the scopes that the person added and the app has never requested."""
    needed = {tool.scope for tool in question.catalogue.tools if tool.name in choice.tools}
    asked, held = parse_scope(grant.asked_scope), parse_scope(grant.scope)
    added = frozenset(scope for scope in needed - held if not covers(asked, scope))
    grant.scope = format_scope(needed | (held & {OFFLINE_ACCESS}))
    grant.tools = sorted(choice.tools)
    grant.data_scope = str(data_scope)
    grant.catalogue_hash = question.catalogue.hash
    return added


async def _outdate(grant: Grant, db: DbSession, *, lifetime: timedelta, now: datetime) -> None:
    grant.version += 1
    grant.updated_at = now
    await db.flush()
    # Also after a wider choice, so that the app refreshes and gets it at once.
    await outdate_grant(db, grant.grant_id, grant.version, lifetime=lifetime, now=now)
    await record(db, audit_of(grant, by="connected apps"), now=now)


@dataclass(frozen=True, slots=True)
class _Page:
    account: Account
    grant: Grant
    question: Question
    db: DbSession
    now: datetime

    async def show(
        self, choice: Choice, *, nothing_chosen: str | None = None, saved: bool = False
    ) -> Response:
        (connection,) = await _describe([self.grant], self.account, self.db, self.now)
        return await self.account.answer_list(
            "account/app.html",
            items=len(self.question.catalogue.tools),
            section="apps",
            status=200 if nothing_chosen is None else 400,
            connection=connection,
            question=self.question,
            offer=self.question.offer,
            choice=choice,
            nothing_chosen=nothing_chosen,
            saved=saved,
            proof=self.account.forms.make("app", *_shown(self.grant, self.question)),
        )


async def _describe(
    grants: Sequence[Grant], account: Account, db: DbSession, now: datetime
) -> list[Connection]:
    since = now - _USAGE
    usage = await usage_of_grants(db, [grant.grant_id for grant in grants], since)
    memberships = {
        membership.tenant_id: membership
        for membership in await list_tenant_memberships(db, account.person_id)
    }
    resources = {grant.resource for grant in grants}
    catalogues = {resource: await find_catalogue(db, resource) for resource in resources}
    found = []
    for grant in grants:
        membership, catalogue = memberships.get(grant.tenant_id), catalogues[grant.resource]
        client = await find_client(db, grant.client_id)
        policy = membership.policy if membership is not None else TenantPolicy()
        granted = frozenset(grant.tools)
        working = [
            tool
            for tool in (catalogue.tools if catalogue is not None else ())
            if tool.name in granted and (tool.read_only or not policy.read_only)
        ]
        found.append(
            Connection(
                grant=grant,
                service=catalogue.name if catalogue is not None else grant.resource,
                tenant=membership.tenant_name if membership is not None else grant.tenant_id,
                vouched_for="" if client is None else vouched_for(client),
                kinds=Counter(kind_of(tool) for tool in working),
                data_scope=parse_data_scope(grant.data_scope),
                usage=usage.get(grant.grant_id),
                ends_at=min(
                    grant.expires_at, policy.latest_end(grant.approved_at) or grant.expires_at
                ),
                end_proof=account.forms.make("end-app", grant.grant_id),
            )
        )
    return found
