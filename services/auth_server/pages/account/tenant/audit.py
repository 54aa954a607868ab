"""/account/organisation/audit: an admin searches and exports the audit trail of their tenant."""

from collections.abc import Mapping
from datetime import timedelta
from typing import get_args

from fastapi import Request
from starlette.responses import Response

from auth_server.administration.audit.read import read_day, require_filter
from auth_server.administration.audit.tenant import TENANT_SEES, TenantEntry, Trail
from auth_server.administration.audit.words import DETAIL_WORDS, EVENT_WORDS
from auth_server.administration.errors import Refused
from auth_server.administration.paging import USUAL, Slice
from auth_server.db.engine import DbSession
from auth_server.errors import PageError
from auth_server.pages.account.admin import PAGE as ORGANISATION
from auth_server.pages.account.admin import Admin, require_admin
from auth_server.pages.account.frame import AccountResolver, Accounts
from auth_server.records.audit.search import AuditFilter
from auth_server.records.people.store import resolve_person_id
from auth_server.web.dependencies import OpenDatabase, ReadingDb
from auth_server.web.downloads import Format, stream_rows
from auth_server.web.forms import read_query
from auth_server.web.routing import PageRouter

PAGE = f"{ORGANISATION}/audit"
router = PageRouter()
_FIELDS = ("event", "person", "since", "until")
_LONGEST = 320


@router.get(PAGE)
async def show_trail(request: Request, db: ReadingDb, accounts: Accounts) -> Response:
    """Search the tenant's entries, the newest first."""
    query = read_query(request)
    tenant_id = query.get("tenant")
    admin = await require_admin(accounts, tenant_id, db)
    asked, refused = _read(request), None
    after = (query.get("after") or "")[:128]
    trail = _trail(admin, accounts)
    try:
        entries = await trail.read(db, await _filter(db, asked), after=after, limit=USUAL)
    except Refused as error:
        entries, refused = Slice([]), error
    return admin.account.answer(
        "account/audit.html",
        section="organisations",
        status=400 if refused else 200,
        membership=admin.membership,
        asked={"tenant": admin.membership.tenant_id, **asked},
        searched=any(asked.values()),
        after=after,
        entries=entries,
        events=[(name, EVENT_WORDS[name]) for name in sorted(TENANT_SEES)],
        words=EVENT_WORDS,
        details=DETAIL_WORDS,
        operators=trail.operators,
        service=_brand(accounts),
        refused=refused,
    )


@router.get(f"{PAGE}/export")
async def export_trail(
    request: Request, db: ReadingDb, accounts: Accounts, database: OpenDatabase
) -> Response:
    """Download the tenant's entries that match, the oldest first."""
    query = read_query(request)
    admin = await require_admin(accounts, query.get("tenant"), db)
    given = query.get("format")
    form: Format = next((one for one in get_args(Format) if one == given), "csv")
    try:
        which = await _filter(db, _read(request))
        require_filter(which)
    except Refused as refused:
        raise PageError("This search is not possible", f"{refused}.") from None
    entries = _trail(admin, accounts).export(database, which)
    return stream_rows(entries, TenantEntry, form, name="audit-trail")


def _read(request: Request) -> Mapping[str, str]:
    query = read_query(request)
    return {name: (query.get(name) or "").strip()[:_LONGEST] for name in _FIELDS}


async def _filter(db: DbSession, asked: Mapping[str, str]) -> AuditFilter:
    until = read_day(asked["until"], "until")
    return AuditFilter(
        event=asked["event"],
        person_id=await resolve_person_id(db, asked["person"]),
        since=read_day(asked["since"], "since"),
        until=None if until is None else until + timedelta(days=1),
    )


def _brand(accounts: AccountResolver) -> str:
    return accounts.settings.branding.name or "Gatepost"


def _trail(admin: Admin, accounts: AccountResolver) -> Trail:
    operators = f"an operator of {_brand(accounts)}"
    return Trail(admin.membership.tenant_id, operators, accounts.keys)
