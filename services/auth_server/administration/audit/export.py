"""Export the audit log with its head, so that the file can be verified without the server."""

import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from auth_server.administration.audit.ocsf import to_ocsf
from auth_server.administration.audit.read import require_filter
from auth_server.administration.operator import ActingOperator
from auth_server.db.engine import Database
from auth_server.records.audit.search import AuditFilter, search_newest, search_oldest
from auth_server.records.audit.table import AuditEntry
from auth_server.records.audit.verify import Head

Format = Literal["csv", "ndjson", "ocsf"]
HEAD = "audit.head"
"""The event of the last line, which has the number and the hash of the newest entry."""
COLUMNS = (
    "number",
    "at",
    "event",
    "person_id",
    "client_id",
    "tenant_id",
    "grant_id",
    "detail",
    "previous_hash",
    "hash",
)
_STEP = 200
_MEDIA_TYPES: Mapping[Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "ndjson": "application/x-ndjson",
    "ocsf": "application/x-ndjson",
}


@dataclass(frozen=True, slots=True)
class AuditExport:
    """An export that has begun.

    Attributes:
        head: the newest entry when it began; None if the log is empty.
        headers: those of the response.
        media_type: that of the response.
        chunks: the file, made while it is read.
    """

    head: Head | None
    headers: Mapping[str, str]
    media_type: str
    chunks: AsyncIterator[bytes]


async def open_export(
    database: Database, operator: ActingOperator, which: AuditFilter, form: Format, *, issuer: str
) -> AuditExport:
    """Begin to export the entries that match, the oldest first.

    It ends at the head of this moment, and reads a few entries at a time.

    Raises:
        Forbidden: `audit:read` is missing.
        Refused: a value of the filter is invalid.
    """
    operator.require("audit:read")
    require_filter(which)
    async with database.reading() as db:
        newest = await search_newest(db, AuditFilter(), before=None, most=1)
    head = Head(newest[0].number, newest[0].hash) if newest else None
    name = "audit-ocsf.ndjson" if form == "ocsf" else f"audit.{form}"
    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="{name}"',
        "X-Content-Type-Options": "nosniff",
    }
    if head is not None:
        headers["Audit-Head"] = f"{head.number}:{head.hash}"
    chunks = _export(database, which, head, _FORMS[form], issuer)
    return AuditExport(head, headers, _MEDIA_TYPES[form], chunks)


Line = Callable[[AuditEntry, str], str]


@dataclass(frozen=True, slots=True)
class _Form:
    first: str
    line: Line
    last: Callable[[Head], str]


async def _export(
    database: Database, which: AuditFilter, head: Head | None, form: _Form, issuer: str
) -> AsyncIterator[bytes]:
    yield form.first.encode()
    after = 0
    while head is not None and after < head.number:
        async with database.reading() as db:
            rows = await search_oldest(db, which, after=after, most=_STEP)
        rows = [row for row in rows if row.number <= head.number]
        yield "".join(form.line(row, issuer) for row in rows).encode()
        if len(rows) < _STEP:
            break
        after = rows[-1].number
    if head is not None:
        yield form.last(head).encode()


def _members(row: AuditEntry) -> dict[str, object]:
    return {**row.model_dump(include=set(COLUMNS)), "at": row.at.isoformat(timespec="microseconds")}


def _csv_line(values: Mapping[str, object]) -> str:
    written = io.StringIO()
    csv.writer(written).writerow(_inert(str(values.get(name, ""))) for name in COLUMNS)
    return written.getvalue()


def _inert(cell: str) -> str:
    """Keep a spreadsheet from taking a text for a formula."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "'", "\t")) else cell


def _json_line(values: Mapping[str, object]) -> str:
    return f"{json.dumps(values, separators=(',', ':'))}\n"


def _as_json(row: AuditEntry, _: str) -> str:
    members = _members(row)
    ordered = {name: members[name] for name in COLUMNS}
    return _json_line({**ordered, "detail": json.loads(row.detail)})


def _head(head: Head) -> dict[str, object]:
    return {"number": head.number, "event": HEAD, "hash": head.hash}


_FORMS: Mapping[Format, _Form] = {
    "csv": _Form(
        f"{','.join(COLUMNS)}\r\n",
        lambda row, _: _csv_line(_members(row)),
        lambda head: _csv_line(_head(head)),
    ),
    "ndjson": _Form("", _as_json, lambda head: _json_line(_head(head))),
    "ocsf": _Form("", lambda row, issuer: _json_line(to_ocsf(row, issuer)), lambda _: ""),
}
