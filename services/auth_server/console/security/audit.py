"""The console's pages of the audit log."""

from collections.abc import Mapping
from datetime import timedelta
from typing import get_args

from fastapi import Request
from starlette.responses import Response, StreamingResponse

from auth_server.administration.audit.export import Format, open_export
from auth_server.administration.audit.read import read_day, read_entries
from auth_server.administration.audit.words import DETAIL_WORDS, EVENT_WORDS
from auth_server.administration.errors import Refused
from auth_server.administration.paging import USUAL, Slice
from auth_server.console.frame import CONSOLE, ShownConsole
from auth_server.db.engine import DbSession
from auth_server.records.audit.search import AuditFilter
from auth_server.records.people.store import find_people, resolve_person_id
from auth_server.web.dependencies import OpenDatabase, ReadingDb, Settings
from auth_server.web.forms import read_query
from auth_server.web.routing import PageRouter

PAGE = f"{CONSOLE}/audit"
router = PageRouter()
_FIELDS = ("event", "person", "client", "tenant", "grant", "since", "until")
_LONGEST = 1024


@router.get(PAGE)
async def search_audit_log(request: Request, console: ShownConsole, db: ReadingDb) -> Response:
    """Search the audit log."""
    asked, refused = _read(request), None
    after = (read_query(request).get("after") or "")[:32]
    try:
        which = await _filter(db, asked)
        entries = await read_entries(db, console.operator, which, after=after, limit=USUAL)
    except Refused as error:
        entries, refused = Slice([]), error
    return console.answer(
        "console/audit.html",
        section="audit",
        status=400 if refused else 200,
        asked=asked,
        after=after,
        entries=entries,
        people=await find_people(db, {entry.person_id for entry in entries.rows}),
        events=sorted(EVENT_WORDS.items()),
        words=EVENT_WORDS,
        details=DETAIL_WORDS,
        refused=refused,
    )


@router.get(f"{PAGE}/export")
async def export_audit_log(
    request: Request,
    console: ShownConsole,
    db: ReadingDb,
    database: OpenDatabase,
    settings: Settings,
) -> Response:
    """Download the entries that match."""
    given = read_query(request).get("format")
    form: Format = next((one for one in get_args(Format) if one == given), "csv")
    which = await _filter(db, _read(request))
    export = await open_export(database, console.operator, which, form, issuer=settings.issuer)
    return StreamingResponse(
        export.chunks, headers=dict(export.headers), media_type=export.media_type
    )


def _read(request: Request) -> Mapping[str, str]:
    query = read_query(request)
    return {name: (query.get(name) or "").strip()[:_LONGEST] for name in _FIELDS}


async def _filter(db: DbSession, asked: Mapping[str, str]) -> AuditFilter:
    until = read_day(asked["until"], "until")
    return AuditFilter(
        event=asked["event"],
        person_id=await resolve_person_id(db, asked["person"]),
        client_id=asked["client"],
        tenant_id=asked["tenant"],
        grant_id=asked["grant"],
        since=read_day(asked["since"], "since"),
        until=None if until is None else until + timedelta(days=1),
    )
