"""/admin/v1/audit."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import StreamingResponse

from auth_server.admin_api.authenticate import Caller
from auth_server.admin_api.pages import USUAL_LIMIT, After, Limit, Page
from auth_server.administration.audit.export import Format, open_export
from auth_server.administration.audit.read import AuditEntryView, read_entries
from auth_server.records.audit.search import AuditFilter
from auth_server.web.dependencies import OpenDatabase, ReadingDb, Settings

router = APIRouter(prefix="/audit", tags=["audit"])


async def _read_filter(
    event: Annotated[str, Query(max_length=64, description="Such as `grant.created`.")] = "",
    person_id: Annotated[str, Query(max_length=255)] = "",
    client_id: Annotated[str, Query(max_length=1024)] = "",
    tenant_id: Annotated[str, Query(max_length=255)] = "",
    grant_id: Annotated[str, Query(max_length=64, description="A grant or API key.")] = "",
    since: Annotated[datetime | None, Query(description="The earliest time.")] = None,
    until: Annotated[datetime | None, Query(description="The time before which.")] = None,
) -> AuditFilter:
    return AuditFilter(event, person_id, client_id, tenant_id, grant_id, since, until)


Which = Annotated[AuditFilter, Depends(_read_filter)]


@router.get("")
async def list_entries(
    caller: Caller, db: ReadingDb, which: Which, after: After = "", limit: Limit = USUAL_LIMIT
) -> Page[AuditEntryView]:
    """List the entries that match, the newest first. Requires `audit:read`."""
    return Page.of(await read_entries(db, caller, which, after=after, limit=limit))


@router.get(
    "/export",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {}, "application/x-ndjson": {}}}},
)
async def export_entries(
    caller: Caller,
    database: OpenDatabase,
    settings: Settings,
    which: Which,
    form: Annotated[
        Format, Query(alias="format", description="`ocsf` is NDJSON of OCSF events.")
    ] = "ndjson",
) -> StreamingResponse:
    """Export the entries that match, the oldest first. Requires `audit:read`.

    The header `Audit-Head` and the last line of CSV and NDJSON name the newest entry of the log and
    its hash. `gatepost auth-server audit-verify --file` verifies such a file.
    """
    export = await open_export(database, caller, which, form, issuer=settings.issuer)
    return StreamingResponse(
        export.chunks, headers=dict(export.headers), media_type=export.media_type
    )
