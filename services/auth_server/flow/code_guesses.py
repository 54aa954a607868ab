"""Count wrong codes of an account, and pause longer the more of them there are.

Only somebody who knows the password can guess codes, so a pause locks no stranger's victim out.
"""

from datetime import datetime, timedelta

from auth_server.db.engine import DbSession
from auth_server.records.attempts.store import count_guess, read_number
from auth_server.records.audit.store import Audit, record
from auth_server.secrets import hash_secret

_FREE, _MORE = 10, 5
_FIRST, _LONGEST = timedelta(minutes=15), timedelta(days=1)


def pause_after(number: int) -> timedelta:
    """Return how long to wait after this many codes without a right one.

    The pause is fifteen minutes after the tenth, and twice as long after each further five, up to a
    day. So at most forty codes can be tried on the first day, and five on each later one.
    """
    if number < _FREE or number % _MORE:
        return timedelta(0)
    doublings = min((number - _FREE) // _MORE, 10)
    return min(_FIRST * (1 << doublings), _LONGEST)


def counted_as(person_id: str, browser: str | None) -> str:
    """Return the key under which a person's codes are counted.

    Args:
        person_id: the person.
        browser: the id of a browser with which they signed in before, which is counted separately;
            None for all others together.
    """
    place = "account" if browser is None else f"browser {browser}"
    return hash_secret(f"{place} code of {person_id}")


async def admit_guess(db: DbSession, key: str, *, now: datetime) -> datetime | None:
    """Count one code before it is checked; return None, or when to try again."""
    return await count_guess(db, key, pause=pause_after, now=now)


async def record_pause(db: DbSession, key: str, person_id: str, *, now: datetime) -> None:
    """Append an audit entry if the wrong code just counted begins a pause."""
    number = await read_number(db, key)
    if pause := pause_after(number):
        minutes = int(pause.total_seconds()) // 60
        detail = {"wrong_codes": number, "minutes": minutes}
        await record(db, Audit("codes.paused", person_id=person_id, detail=detail), now=now)


async def count_wrong_codes(db: DbSession, person_id: str) -> int:
    """Count the wrong codes from browsers in which the person has not signed in before."""
    return await read_number(db, counted_as(person_id, None))
