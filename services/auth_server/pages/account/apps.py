"""GET /account/apps, and /account/app: show, change and end a person's connections."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Request
from starlette.responses import Response

from auth_server.db.engine import DbSession
from auth_server.errors import OwnProviderRequired, PageError
from auth_server.flow.own_provider import may_act
from auth_server.pages.account.frame import Account, Accounts, posted_account, shown_account
from auth_server.pages.consent.catalogue import CataloguesInUse, read_catalogue
from auth_server.pages.consent.page import grant_vouched_for
from auth_server.pages.picker.data_choice import NothingChosen, offer_data
from auth_server.pages.picker.form import PickerForm, picker_form
from auth_server.pages.picker.offer import kind_of, offer_tools
from auth_server.pages.picker.question import Choice, Question
from auth_server.pages.sign_in.own_provider import lead_to_own_provider
from auth_server.records.call_log.store import Usage, usage_of_actors, usage_of_grants
from auth_server.records.catalogues.names import held_by
from auth_server.records.catalogues.store import find_catalogue
from auth_server.records.clients.store import find_client
from auth_server.records.delegations.table import Delegation
from auth_server.records.grants.store import find_grant, list_live_grants
from auth_server.records.grants.table import Grant
from auth_server.records.linked_accounts.store import list_linked_accounts
from auth_server.records.tenant_apps.store import find_choice, list_ended_choices, lock_choice
from auth_server.records.tenant_apps.table import AppChoice
from auth_server.records.tenants.policy import TenantPolicy
from auth_server.records.tenants.store import TenantMembership, list_tenant_memberships
from auth_server.settings import AuthServerSettings
from auth_server.tenancy.change_policy import ChangeRefused
from auth_server.tenancy.grant_contents import Offered, set_contents, store_contents, what_it_holds
from auth_server.tenancy.sub_agents import (
    end_sub_agent,
    find_grant_of_sub_agent,
    list_sub_agents,
)
from auth_server.tenancy.tenant_apps import allow_again, end_connection
from auth_server.web.dependencies import Clock, Db, ReadingDb, Settings
from auth_server.web.forms import read_query
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter
from gatepost.catalogue import CatalogueDocument, ToolSummary
from gatepost.data_scope import DataScope, narrow_data_scope, parse_data_scope
from gatepost.network.organisation_address import resources_of_address
from gatepost.scopes import covers, parse_scope

router = PageRouter()
PAGE, APP = "/account/apps", "/account/app"
Page = Annotated[Account, Depends(shown_account(PAGE))]
PostedChoice = Annotated[Account, Depends(posted_account(PAGE, None, picker_form()))]
PostedEnd = Annotated[Account, Depends(posted_account(PAGE, None))]
_USAGE = timedelta(days=30)
_MOST_ENDED = 50


@dataclass(frozen=True, slots=True)
class Connection:
    """One grant as its person sees it.

    `service` is the name of the resource, `address` the organisation's address if the app uses it, and
    `vouched_for` as on the consent page; None for a device whose program nobody proved. `kinds` counts
    its working tools that `read`, `change` and `delete`. `usage` covers the last thirty days, and
    is None without calls. `ends_at` is the earlier limit of the person and the tenant. `agents` are
    its sub-agents, each before those below it.
    """

    grant: Grant
    service: str
    address: str
    tenant: str
    vouched_for: str | None
    kinds: Counter[str]
    data_scope: DataScope
    usage: Usage | None
    ends_at: datetime
    end_proof: str
    agents: Sequence["ShownAgent"]


@dataclass(frozen=True, slots=True)
class ShownLink:
    """A linked account; `provider` is the API's name, or the provider's name in former settings."""

    link_id: str
    provider: str
    tenant: str
    linked_at: datetime
    is_broken: bool
    again: str
    """The path of the page that links it again; empty if the provider is gone from the settings."""
    end_proof: str


@dataclass(frozen=True, slots=True)
class ShownAgent:
    """A sub-agent of a connection, described as the connection is."""

    depth: int
    delegation: Delegation
    kinds: Counter[str]
    data_scope: DataScope
    usage: Usage | None
    end_proof: str


@router.get(PAGE)
async def show_apps(account: Page, db: ReadingDb, settings: Settings, clock: Clock) -> Response:
    """List the person's connections, latest first, and their linked accounts."""
    now = clock()
    grants = await list_live_grants(db, person_id=account.person_id)
    connections = await _describe(grants, account, db, now)
    # Maintenance revokes expired grants within a minute.
    durations = [each for each in connections if each.ends_at > now]
    durations.sort(key=lambda each: each.grant.approved_at, reverse=True)
    ended = await list_ended_choices(db, person_id=account.person_id, most=_MOST_ENDED)
    tenants = {one.tenant_id: one for one in await list_tenant_memberships(db, account.person_id)}
    return account.answer(
        "account/apps.html",
        section="apps",
        connections=durations,
        linked=await _list_links(
            account, {key: one.tenant_name for key, one in tenants.items()}, settings, db
        ),
        ended=[
            (choice, tenants[choice.tenant_id].tenant_name, _again_proof(choice, account))
            for choice in ended
            if choice.tenant_id in tenants
        ],
    )


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
    address = settings.find_address(grant.resource)
    catalogue = await read_catalogue(address.entry if address else None, db, catalogues)
    question = await _ask(grant, membership, catalogue, settings, query.get("tool") or "", db)
    page = _Page(account, grant, question, db, accounts.now())
    return await page.show(question.suggested, saved=query.get("saved") is not None)


@router.post(APP)
async def change_app(
    form: PickerForm, account: PostedChoice, db: Db, settings: Settings, clock: Clock
) -> Response:
    """Store the person's new choice, and revoke access tokens that differ from it.

    Only a session of the kind that allowed the connection, of the same customer's provider or of none, may
    widen it.
    """
    grant_id, now = form.get("grant") or "", clock()
    grant = await _require_own(grant_id, account, db, lock=True)
    membership = await _require_membership(grant, account, db)
    catalogue = await find_catalogue(db, grant.resource, version=form.get("catalogue") or "")
    if catalogue is None:
        text = "Nothing was changed. Go back, reload the page and try again."
        raise PageError("This form has expired", text, status=403)
    question = await _ask(grant, membership, catalogue, settings, form.get("also") or "", db)
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
    added = await set_contents(db, grant, choice.tools, data_scope, question.catalogue)
    grant.catalogue_hash = question.catalogue.hash
    # Of what the organisation connected, the ceiling is the most, whoever chooses within it.
    if not grant.by_tenant and not what_it_holds(grant) <= held:
        _require_same_sign_in(grant, account)
    offered = Offered(
        question.offer.names, {kind.name: frozenset(kind.values) for kind in question.data.kinds}
    )
    lifetime = settings.longest_token_lifetime
    await store_contents(
        db,
        grant,
        offered,
        held=held,
        added=added,
        by="connected apps",
        lifetime=lifetime,
        now=now,
    )
    return account.lead_back(f"{APP}?grant={grant_id}&saved=yes")


@router.post(f"{APP}/end")
async def end_app(
    form: Form, account: PostedEnd, db: Db, settings: Settings, now: Clock
) -> Response:
    """End a connection, with everything issued from it."""
    grant = await _require_own(form.get("grant") or "", account, db)
    account.forms.require(form.get("proof"), "end-app", grant.grant_id)
    lifetime = settings.longest_token_lifetime
    await end_connection(db, grant, "person", lifetime=lifetime, now=now())
    return account.lead_back(PAGE)


@router.post(f"{APP}/agent/end")
async def end_agent(form: Form, account: PostedEnd, db: Db, now: Clock) -> Response:
    """End a sub-agent of an app, with those below it."""
    delegation_id = form.get("delegation") or ""
    account.forms.require(form.get("proof"), "end-agent", delegation_id)
    grant = await find_grant_of_sub_agent(db, delegation_id)
    await _require_own(grant.grant_id if grant is not None else "", account, db)
    await end_sub_agent(db, delegation_id, "person", now=now())
    return account.lead_back(PAGE)


@router.post(f"{APP}/again")
async def allow_app_again(form: Form, account: PostedEnd, db: Db, now: Clock) -> Response:
    """Let the organisation connect an app again that the person ended."""
    tenant_id, client_id = form.get("tenant") or "", form.get("client") or ""
    resource = form.get("resource") or ""
    account.forms.require(form.get("proof"), "app-again", tenant_id, client_id, resource)
    choice = await lock_choice(
        db,
        person_id=account.person_id,
        tenant_id=tenant_id,
        client_id=client_id,
        resource=resource,
    )
    try:
        if choice is not None:
            await allow_again(db, choice, by=account.person_id, now=now())
    except ChangeRefused as error:
        raise PageError("Connection unavailable", str(error), status=403) from None
    return account.lead_back(PAGE)


async def _list_links(
    account: Account, tenants: Mapping[str, str], settings: AuthServerSettings, db: DbSession
) -> list[ShownLink]:
    titles = {entry.name: entry.title for entry in settings.link_providers}
    shown = []
    for one in await list_linked_accounts(db, account.person_id):
        query = urlencode({"provider": one.provider, "tenant": one.tenant_id})
        shown.append(
            ShownLink(
                one.link_id,
                titles.get(one.provider, one.provider),
                tenants.get(one.tenant_id, one.tenant_id),
                one.linked_at,
                one.broken is not None,
                f"/account/link?{query}" if one.provider in titles else "",
                account.forms.make("end-link", one.link_id),
            )
        )
    return shown


def _again_proof(choice: AppChoice, account: Account) -> str:
    return account.forms.make("app-again", choice.tenant_id, choice.client_id, choice.resource)


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


def _require_same_sign_in(grant: Grant, account: Account) -> None:
    # The grant counts as allowed in sessions of its provider, so no other session adds anything to it.
    if grant.provider != account.signed_in.own_provider:
        raise PageError(
            "Sign in as you did when you connected this app",
            "One of these sign-ins was with your organisation's own provider, and the other one was not. "
            "You can remove tools here, or disconnect the app and connect it again.",
            status=403,
            detail="a wider choice in a session of another kind",
        )


async def _ask(
    grant: Grant,
    membership: TenantMembership,
    catalogue: CatalogueDocument,
    settings: AuthServerSettings,
    wanted: str,
    db: DbSession,
) -> Question:
    """Offer what the app has ever requested or holds, and the one tool that a link names.

    The gateway gives people such a link if their app can't request a scope itself. Of an app that the
    organisation connected, it offers what the organisation allows.
    """
    ceiling, most = membership.data_scope, catalogue
    if grant.by_tenant:
        most, ceiling = await _ceiling_of(grant, catalogue, ceiling, db)
    address = settings.find_address(grant.resource)
    requestable = address.entry.scopes if address is not None else ()
    linked = {t.name for t in most.tools if t.name == wanted and covers(requestable, t.scope)}
    held = held_by(catalogue, grant.tools, grant.apis)
    offer = await offer_tools(
        most,
        parse_scope(grant.asked_scope),
        membership.policy,
        also=linked | held,
    )
    data = offer_data(ceiling, parse_data_scope(grant.data_scope))
    lasts = grant.expires_at - grant.approved_at
    current = Choice(offer.names & held, data.suggested, lasts)
    return Question(catalogue, offer, data, (lasts,), None, current)


async def _ceiling_of(
    grant: Grant, catalogue: CatalogueDocument, held: DataScope, db: DbSession
) -> tuple[CatalogueDocument, DataScope]:
    choice = await find_choice(
        db,
        person_id=grant.person_id,
        tenant_id=grant.tenant_id,
        client_id=grant.client_id,
        resource=grant.resource,
    )
    if choice is not None:
        allowed = held_by(catalogue, choice.ceiling_tools, choice.ceiling_apis)
    else:
        allowed = held_by(catalogue, grant.tools, grant.apis)
    data = parse_data_scope(choice.ceiling_data_scope if choice is not None else grant.data_scope)
    tools = tuple(tool for tool in catalogue.tools if tool.name in allowed)
    return catalogue.model_copy(update={"tools": tools}), narrow_data_scope(held, data) or data


def _shown(grant: Grant, question: Question) -> tuple[str, ...]:
    # The version makes the second of two changes from the same page fail.
    names = " ".join(sorted(question.offer.names))
    return grant.grant_id, str(grant.version), question.catalogue.hash, question.shown_data, names


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
    grant_ids = [grant.grant_id for grant in grants]
    usage = await usage_of_grants(db, grant_ids, since)
    agents = await list_sub_agents(db, grant_ids, now=now)
    called = await usage_of_actors(db, [one for one in grant_ids if agents[one]], since)
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
        usable = [
            tool
            for tool in (catalogue.tools if catalogue is not None else ())
            if tool.read_only or not policy.read_only
        ]
        held = held_by(catalogue, grant.tools, grant.apis) if catalogue is not None else ()
        found.append(
            Connection(
                grant=grant,
                service=catalogue.name if catalogue is not None else grant.resource,
                address=grant.resource if len(resources_of_address(grant.resource)) > 1 else "",
                tenant=membership.tenant_name if membership is not None else grant.tenant_id,
                vouched_for=grant_vouched_for(grant, client),
                kinds=_count_kinds(usable, tuple(held)),
                data_scope=parse_data_scope(grant.data_scope),
                usage=usage.get(grant.grant_id),
                ends_at=min(
                    grant.expires_at, policy.latest_end(grant.approved_at) or grant.expires_at
                ),
                end_proof=account.forms.make("end-app", grant.grant_id),
                agents=[
                    ShownAgent(
                        depth,
                        one,
                        _count_kinds(usable, one.tools),
                        parse_data_scope(one.data_scope),
                        called.get((grant.grant_id, one.actor)),
                        account.forms.make("end-agent", one.delegation_id),
                    )
                    for one, depth in agents[grant.grant_id]
                ],
            )
        )
    return found


def _count_kinds(usable: Sequence[ToolSummary], named: Sequence[str]) -> Counter[str]:
    names = frozenset(named)
    return Counter(kind_of(tool) for tool in usable if tool.name in names)
