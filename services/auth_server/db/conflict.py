"""Repeat transactions that lost against others that ran at the same time."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError

MOST_ATTEMPTS = 3
# PostgreSQL's deadlock_detected, serialization_failure and unique_violation: another transaction
# wrote the same row first, and the next attempt finds it. On SQLite, writers wait for one another.
_STATES = frozenset({"40P01", "40001", "23505"})
T = TypeVar("T")


class Conflict(Exception):
    """The transaction lost against another one and is rolled back; it can be repeated as a whole."""


def is_conflict(error: DBAPIError) -> bool:
    """Return whether a transaction failed because of another one."""
    return getattr(error.orig, "sqlstate", None) in _STATES


async def repeat(work: Callable[[], Awaitable[T]]) -> T:
    """Do work that is one transaction, up to three times if it loses against others."""
    for _ in range(MOST_ATTEMPTS - 1):
        try:
            return await work()
        except DBAPIError as error:
            if not is_conflict(error):
                raise
    return await work()
