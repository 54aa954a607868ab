"""Write the audit log's head where a change of the database does not reach it: the log, and a file."""

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import structlog

from auth_server.db.engine import DbSession
from auth_server.records.audit.seal import find_seal
from auth_server.records.audit.verify import Head

log = structlog.get_logger()


class HeadWriter:
    """Writes each new head once."""

    def __init__(self, file: Path | None) -> None:
        """Take the file to append to, besides the log."""
        self._file = file
        self._written: Head | None = None

    async def write(self, db: DbSession, *, now: datetime) -> None:
        """Write the head, unless it is still the last one written.

        Raises:
            OSError: the file can't be written.
        """
        seal = await find_seal(db)
        head = None if seal is None else Head(seal.number, seal.hash)
        if head is None or head == self._written:
            return
        log.info("audit_head", number=head.number, hash=head.hash)
        if self._file is not None:
            members = {"at": now.isoformat(), "number": head.number, "hash": head.hash}
            await asyncio.to_thread(_append, self._file, json.dumps(members))
        self._written = head


def read_heads(file: Path) -> Sequence[Head]:
    """Read the heads in a file.

    Raises:
        OSError: the file can't be read.
        ValueError: a line is not a head; the message has its number.
    """
    heads = []
    for number, line in enumerate(file.read_text().splitlines(), start=1):
        try:
            members = json.loads(line)
            heads.append(Head(int(members["number"]), str(members["hash"])))
        except (ValueError, KeyError, TypeError):
            raise ValueError(f"{file}: line {number} is not a head of the audit log") from None
    return heads


def parse_head(text: str) -> Head:
    """Parse `NUMBER:HASH`.

    Raises:
        ValueError: the text has another form.
    """
    number, _, digest = text.partition(":")
    if not (number.isascii() and number.isdigit() and len(digest) == 64):
        raise ValueError("a head is written NUMBER:HASH, as in the log line audit_head")
    return Head(int(number), digest)


def _append(file: Path, line: str) -> None:
    with file.open("a") as opened:
        opened.write(f"{line}\n")
