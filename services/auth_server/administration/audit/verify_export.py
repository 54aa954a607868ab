"""Verify an exported audit log without the server."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from auth_server.administration.audit.export import HEAD
from auth_server.records.audit.store import chain_hash
from auth_server.records.audit.table import AuditEntry
from auth_server.records.audit.verify import Break, Head


@dataclass(frozen=True, slots=True)
class Verified:
    """What a file holds.

    Attributes:
        entries: the number of entries.
        gaps: how often numbers are left out between them, as in an export that was filtered.
        head: the newest entry of the log when it was exported; None if the file lacks it.
        found: the first break; None if every entry is as it was recorded.
    """

    entries: int
    gaps: int
    head: Head | None
    found: Break | None


def verify_export(file: Path, heads: Iterable[Head] = ()) -> Verified:
    """Verify each entry of a CSV or NDJSON export, and its link to the entry before it.

    Raises:
        OSError: the file can't be read.
        ValueError: a line is not an entry; the message has its number.
    """
    known = {head.number: head.hash for head in heads}
    entries, gaps, last = 0, 0, None
    for row in _read(file):
        if row.event == HEAD:
            head, agrees = Head(row.number, row.hash), True
            if last is not None and last.number == row.number:
                agrees = last.hash == row.hash
            else:
                gaps += 1
            agrees = agrees and known.get(row.number, row.hash) == row.hash
            found = None if agrees else Break(row.number, "it differs from the head")
            return Verified(entries, gaps, head, found)
        found = _break_at(row, last, known)
        if found is not None:
            return Verified(entries, gaps, None, found)
        gaps += last is not None and row.number != last.number + 1
        entries, last = entries + 1, row
    return Verified(entries, gaps, None, None)


def _break_at(row: AuditEntry, last: AuditEntry | None, known: Mapping[int, str]) -> Break | None:
    if row.hash != chain_hash(row):
        return Break(row.number, "it was changed")
    if known.get(row.number, row.hash) != row.hash:
        return Break(row.number, "it differs from the head that was written elsewhere")
    if last is not None and row.number <= last.number:
        return Break(row.number, "it is out of order")
    if last is not None and row.number == last.number + 1 and row.previous_hash != last.hash:
        return Break(row.number, "the entry before it was changed")
    return None


def _read(file: Path) -> Iterator[AuditEntry]:
    with file.open(encoding="utf-8", newline="") as opened:
        is_json = opened.read(1) == "{"
        opened.seek(0)
        lines: Iterable[Mapping[str, object]] = (
            map(json.loads, opened) if is_json else map(_original, csv.DictReader(opened))
        )
        read = 0
        try:
            for line in lines:
                yield _entry(line)
                read += 1
        except (AttributeError, KeyError, TypeError, ValueError, csv.Error):
            raise ValueError(f"{file}: record {read + 1} is not an entry of the log") from None


def _original(cells: Mapping[str, str]) -> dict[str, object]:
    """Undo what keeps a spreadsheet from taking a text for a formula."""
    return {name: cell.removeprefix("'") for name, cell in cells.items()}


def _entry(line: Mapping[str, object]) -> AuditEntry:
    detail = line.get("detail") or "{}"
    if not isinstance(detail, str):
        detail = json.dumps(detail, sort_keys=True, separators=(",", ":"))
    is_head = line["event"] == HEAD
    at = datetime.min if is_head else datetime.fromisoformat(str(line["at"]))
    names = ("person_id", "client_id", "tenant_id", "grant_id", "previous_hash")
    return AuditEntry(
        number=int(str(line["number"])),
        at=at,
        event=str(line["event"]),
        detail=detail,
        hash=str(line["hash"]),
        **{name: str(line.get(name) or "") for name in names},
    )
