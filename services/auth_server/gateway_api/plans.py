"""POST /internal/plans and POST /internal/usage: what gateways need to count calls."""

import asyncio
import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from fastapi import Request
from starlette.responses import Response

from auth_server.client_authentication.authenticate import Authenticator
from auth_server.credits.balance import publish_credit, read_balances
from auth_server.credits.spend_cap import follow_price
from auth_server.db.engine import Database, DbSession, keep_snapshot
from auth_server.db.raw_sql import RawSql, Row
from auth_server.errors import InvalidRequest, TemporarilyUnavailable, UnauthorizedClient
from auth_server.records.gateways.store import count_reports
from auth_server.records.plans.store import list_plans, read_stored_plans
from auth_server.records.plans.terms import PlanTerms, find_plan, publish_plans
from auth_server.records.tenants.store import ChangedPlan, list_changed_plans, read_newest_changes
from auth_server.records.usage.store import read_used_units
from auth_server.web.dependencies import Clock, FeedInUse, OpenDatabase, Settings
from auth_server.web.forms import Parameters, read_form, reject_repeats
from auth_server.web.routing import MachineRouter
from gatepost.clock import Now
from gatepost.health import SILENT_AFTER
from gatepost.metering.plans import (
    PLANS_PATH,
    USAGE_PATH,
    Plan,
    PlansPage,
    TenantPlan,
    end_of_month,
)
from gatepost.revocations import LONGEST_WAIT

router = MachineRouter()

_EVERY = 0.5
"""Seconds between looks for changes while a request waits."""
_OVERLAP = timedelta(seconds=10)
"""How late a change may be committed, counted from the time that it bears."""
_PAGE = 1000
_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
_MONTH = re.compile(r"2[0-9]{3}-(0[1-9]|1[0-2])")


@router.post(PLANS_PATH)
async def follow_plans(
    request: Request,
    authenticator: Authenticator,
    feed: FeedInUse,
    database: OpenDatabase,
    settings: Settings,
    now: Clock,
) -> Response:
    """Return the plans, and the tenants whose plan changed after a place, waiting if nothing is new.

    `after` is the place named in the last response; an unknown one gets every changed tenant. `wait` is
    the longest wait in seconds, by default and at most 25.
    """
    form, resource = await _read_gateway_form(request, authenticator)
    after, wait = (form.get("after") or "")[:400], form.get("wait") or str(LONGEST_WAIT)
    if not wait.isascii() or not wait.isdigit() or len(wait) > 3:
        raise InvalidRequest("wait must be a whole number of seconds")
    upgrade_url = settings.plan_page()
    # 1. Look before reading, so that no change between the two is missed.
    seen = await _look(database.raw_sql, after)
    page = await _read(database, after, resource, upgrade_url, now)
    # 2. Look again at intervals, and read again after each change.
    for _ in range(int(min(int(wait), LONGEST_WAIT) / _EVERY)):
        if page.after != after or not page.complete:
            break
        if feed.closed:
            raise TemporarilyUnavailable("this server is stopping; try again")
        await asyncio.sleep(_EVERY)
        before, seen = seen, await _look(database.raw_sql, after)
        if seen != before:
            page = await _read(database, after, resource, upgrade_url, now)
    return _answer(page.model_dump_json())


@router.post(USAGE_PATH)
async def read_usage(
    request: Request, authenticator: Authenticator, database: OpenDatabase, now: Clock
) -> Response:
    """Return the units that a tenant has used in a month, as the ledger has them."""
    form, _ = await _read_gateway_form(request, authenticator)
    tenant_id, month, env = (form.get(name) or "" for name in ("tenant_id", "month", "env"))
    if not _MONTH.fullmatch(month):
        raise InvalidRequest("month must be written as 2026-11")
    since = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    async with database.reading() as db:
        used = await read_used_units(
            db, tenant_id, since=since, until=end_of_month(since), env=env or "live"
        )
    return _answer(used.model_dump_json())


async def _read_gateway_form(
    request: Request, authenticator: Authenticator
) -> tuple[Parameters, str]:
    form = await read_form(request)
    reject_repeats(form)
    client = await authenticator.authenticate(form, request)
    if client.source != "gateway":
        raise UnauthorizedClient("only gateways can ask for plans and usage")
    return form, client.client_id


async def _look(raw_sql: RawSql, after: str) -> tuple[list[Row], list[Row]]:
    """Return rows that differ after any change that `_read` would return."""
    at, _, _ = _parse_place(after)
    changes = await read_newest_changes(raw_sql, since=at - _OVERLAP, most=_PAGE)
    return await read_stored_plans(raw_sql), changes


async def _read(
    database: Database, after: str, resource: str, upgrade_url: str, now: Now
) -> PlansPage:
    at, tenant_id, known = _parse_place(after)
    async with database.reading() as db:
        # Used units and what is left of credit belong together.
        await keep_snapshot(db)
        terms = await list_plans(db)
        plans = publish_plans(terms)
        new = await list_changed_plans(db, after=(at, tenant_id), most=_PAGE)
        if len(new) == _PAGE:
            # Catching up: the plans come with the last page.
            last = new[-1]
            place = _write_place(last.at, last.tenant_id, "")
            tenants = await _publish(db, new, terms, now())
            return PlansPage(
                plans=(), tenants=tenants, after=place, complete=False, upgrade_url=upgrade_url
            )
        if new:
            at, tenant_id = new[-1].at, new[-1].tenant_id
        # Read again what was committed lately: it may bear a time before the place.
        late = await list_changed_plans(db, after=(at - _OVERLAP, ""), most=_PAGE)
        digest = _digest(plans, late)
        changed = {one.tenant_id: one for one in (*new, *late)} if digest != known or new else {}
        tenants = await _publish(db, list(changed.values()), terms, now())
        processes = await count_reports(db, resource, since=now() - SILENT_AFTER)
    return PlansPage(
        plans=plans,
        tenants=tenants,
        after=_write_place(at, tenant_id, digest),
        upgrade_url=upgrade_url,
        processes=processes,
    )


async def _publish(
    db: DbSession, changed: list[ChangedPlan], plans: Sequence[PlanTerms], now: datetime
) -> tuple[TenantPlan, ...]:
    """Write what gateways enforce for tenants: money becomes the units that it pays for."""
    published = []
    balances = await read_balances(db, {one.tenant_id for one in changed}) if changed else {}
    for one in changed:
        plan, balance = find_plan(plans, one.plan), balances.get(one.tenant_id)
        credit = balance and await publish_credit(db, one.tenant_id, balance, plan, now=now)
        budgets = tuple(follow_price(budget, plan.price) for budget in one.budgets)
        published.append(
            TenantPlan(tenant_id=one.tenant_id, plan=one.plan, budgets=budgets, credit=credit)
        )
    return tuple(published)


def _digest(plans: tuple[Plan, ...], late: list[ChangedPlan]) -> str:
    parts = [plan.model_dump_json() for plan in plans]
    parts += [f"{one.tenant_id} {one.at.isoformat()}" for one in late]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _write_place(at: datetime, tenant_id: str, digest: str) -> str:
    return f"{at.isoformat()} {digest} {tenant_id}"


def _parse_place(after: str) -> tuple[datetime, str, str]:
    time, _, rest = after.partition(" ")
    digest, _, tenant_id = rest.partition(" ")
    try:
        at = datetime.fromisoformat(time).astimezone(UTC)
    except (ValueError, OverflowError):
        return _BEGINNING, "", ""
    return (at, tenant_id, digest) if at > _BEGINNING else (_BEGINNING, "", "")


def _answer(body: str) -> Response:
    headers = {"Cache-Control": "no-store"}
    return Response(body, media_type="application/json", headers=headers)
