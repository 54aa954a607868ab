"""One check of a backup, and what it needs."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from auth_server.db.engine import DbSession
from auth_server.keys import Keys
from auth_server.records.audit.verify import Head


@dataclass(frozen=True, slots=True)
class Given:
    """What the checks compare the database with.

    Attributes:
        keys: the configured keys, of which one must open each stored secret.
        heads: heads of the audit log that the backup must contain.
        written: heads that the server wrote elsewhere; a backup lacks those that are newer than it.
        now: the time of the check.
        max_age: how old the newest record may be, if that matters.
    """

    keys: Keys
    heads: Sequence[Head]
    written: Sequence[Head]
    now: datetime
    max_age: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What one check found, as a sentence for the operator."""

    ok: bool
    text: str


Check = Callable[[DbSession, Given], Awaitable[Found]]
