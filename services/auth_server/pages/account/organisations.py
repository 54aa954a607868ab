"""GET /account/organisations and GET /account/organisation: list and show a person's tenants."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.responses import Response

from auth_server.db.engine import DbSession
from auth_server.pages.account.admin import LIST, PAGE, Admin, require_admin
from auth_server.pages.account.frame import Account, Accounts, shown_account
from auth_server.pages.account.paging import read_number, read_page
from auth_server.pages.account.rules.allowed_apps import list_allowed_apps
from auth_server.records.app_requests.store import list_app_requests
from auth_server.records.call_approvals.store import count_waiting_calls
from auth_server.records.call_log.store import usage_of_grants
from auth_server.records.grants.store import list_grants_of_tenant
from auth_server.records.people.store import find_people
from auth_server.records.tenants.policy import TenantPolicy
from auth_server.records.tenants.store import list_members, list_tenant_memberships
from auth_server.tenancy.app_requests import MOST_SHOWN
from auth_server.tenancy.sub_agents import list_sub_agents
from auth_server.web.dependencies import Clock, ReadingDb, Settings
from auth_server.web.forms import read_query
from auth_server.web.routing import PageRouter
from gatepost.network.organisation_address import has_address, organisation_prefix

router = PageRouter()
Page = Annotated[Account, Depends(shown_account(LIST, full=True))]
SINCE = timedelta(days=30)
"""The time for which ended connections are listed and calls are counted."""
_OFFERED_DAYS = (1, 7, 30, 90, 180)
_OFFERED_MINUTES = (5, 10, 60, 480, 1440)


@dataclass(frozen=True, slots=True)
class RefusedRules:
    """Rules that could not be stored.

    Attributes:
        reason: why.
        policy: the choices in the form, which the page keeps.
        allowed: the apps that were ticked or typed, even if any app was allowed.
    """

    reason: str
    policy: TenantPolicy
    allowed: Collection[str]


@router.get(LIST)
async def list_organisations(account: Page, db: ReadingDb, settings: Settings) -> Response:
    """List the person's tenants with their addresses, and which of them they may manage."""
    memberships = await list_tenant_memberships(db, account.person_id)
    return account.answer(
        "account/organisations.html",
        section="organisations",
        memberships=memberships,
        addresses={
            one.tenant_id: [
                organisation_prefix(resource) + one.tenant_id
                for resource in settings.resource_names
            ]
            for one in memberships
            if has_address(one.tenant_id)
        },
    )


@router.get(PAGE)
async def show_organisation(
    request: Request, db: ReadingDb, accounts: Accounts, now: Clock
) -> Response:
    """Show a tenant to its admin: members, rules, connections."""
    query = read_query(request)
    admin = await require_admin(accounts, query.get("tenant"), db)
    return await answer_organisation(
        admin,
        db,
        now(),
        members=read_number(query, "members"),
        connections=read_number(query, "connections"),
        search=(query.get("search") or "")[:100],
        saved=query.get("saved") or "",
    )


async def answer_organisation(
    admin: Admin,
    db: DbSession,
    now: datetime,
    *,
    members: int = 1,
    connections: int = 1,
    search: str = "",
    refused: RefusedRules | None = None,
    saved: str = "",
) -> Response:
    """Render a tenant's page.

    Args:
        admin: the admin who sees the page.
        db: the open database session.
        now: the time.
        members: the page of members to show.
        connections: the page of connections to show.
        search: a part of the name, e-mail address or role of the members to show.
        refused: rules that could not be stored, and why.
        saved: what has just been stored: `rules`, a `member`, or nothing.
    """
    membership = admin.membership
    policy = refused.policy if refused else membership.policy
    allowed = refused.allowed if refused else policy.allowed_clients or ()
    memberships = await read_page(
        members,
        lambda skip, most: list_members(
            db, membership.tenant_id, search=search, skip=skip, most=most
        ),
    )
    grants = await read_page(
        connections,
        lambda skip, most: list_grants_of_tenant(
            db, membership.tenant_id, ended_since=now - SINCE, skip=skip, most=most
        ),
    )
    agents = await list_sub_agents(db, [grant.grant_id for grant in grants.rows], now=now)
    usage = await usage_of_grants(db, [grant.grant_id for grant in grants.rows], now - SINCE)
    concerned = {row.person_id for row in (*memberships.rows, *grants.rows)}
    apps, other_entries = await list_allowed_apps(db, membership.tenant_id, allowed)
    return admin.account.answer(
        "account/organisation.html",
        apps=apps,
        other_entries=other_entries,
        wishes=len(await list_app_requests(db, membership.tenant_id, most=MOST_SHOWN)),
        calls=await count_waiting_calls(db, membership.tenant_id, now=now),
        section="organisations",
        status=400 if refused else 200,
        membership=membership,
        people=await find_people(db, concerned),
        memberships=memberships,
        search=search,
        grants=grants,
        usage=usage,
        agents=agents,
        policy=policy,
        days=_days_to_offer(policy),
        minutes=_minutes_to_offer(policy),
        refused=refused.reason if refused else "",
        saved=saved,
        proof=admin.proof(),
    )


def _days_to_offer(policy: TenantPolicy) -> Collection[Any]:
    own = {policy.longest_grant / timedelta(days=1)} if policy.longest_grant else set()
    return sorted({*_OFFERED_DAYS, *(int(d) if d == int(d) else d for d in own)})


def _minutes_to_offer(policy: TenantPolicy) -> Collection[int]:
    own = {int(policy.longest_token.total_seconds()) // 60} if policy.longest_token else set()
    return sorted({*_OFFERED_MINUTES, *own})
