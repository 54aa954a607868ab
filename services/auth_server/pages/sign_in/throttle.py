"""How often somebody may guess: by account and by address, and apart from both in a known browser.

Locking an account would hand strangers a way to keep its owner out. So a browser in which the
person signed in before has a count of its own, which no stranger can use up.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.responses import Response

from auth_server.db.engine import DbSession
from auth_server.pages.sign_in.known_browser import KnownBrowser, is_known
from auth_server.records.attempts.store import count_attempt, forget_attempts, give_back_attempt
from auth_server.secrets import hash_secret
from auth_server.web.address import address_of
from auth_server.web.browser import read_known

WINDOW = timedelta(minutes=15)
MOST_OF_ACCOUNT = 10
MOST_OF_ADDRESS = 50


@dataclass(frozen=True, slots=True)
class Throttle:
    """What one attempt counts towards."""

    account: str
    address: str | None
    """None in a browser that is known."""

    async def admit(self, db: DbSession, *, now: datetime) -> datetime | None:
        """Count one attempt before it is made; answers None, or when to try again."""
        wait = await count_attempt(db, self.account, most=MOST_OF_ACCOUNT, window=WINDOW, now=now)
        if wait is not None or self.address is None:
            return wait
        return await count_attempt(db, self.address, most=MOST_OF_ADDRESS, window=WINDOW, now=now)

    async def passed(self, db: DbSession) -> None:
        """Note that the attempt was right. What others failed from the same address stays."""
        await forget_attempts(db, [self.account])
        if self.address is not None:
            await give_back_attempt(db, self.address)


def throttle_of(browser: KnownBrowser, account: str, person_id: str | None) -> Throttle:
    """Find what an attempt counts towards.

    Args:
        browser: where the attempt is made.
        account: what was typed, counted whether or not there is such a person; or whose second
            factor is tried, counted apart.
        person_id: whose it is, where somebody's.
    """
    known = read_known(browser.request, browser.settings)
    if person_id is not None and known and is_known(known, person_id, browser.keys):
        return Throttle(hash_secret(f"browser {known.partition('.')[0]} {account}"), None)
    address = address_of(browser.request, browser.settings)
    return Throttle(hash_secret(f"account {account}"), hash_secret(f"address {address}"))


def wait(until: datetime, now: datetime, page: Callable[[int], Response]) -> Response:
    """Answer that it was too often: a page that says for how many minutes, and `Retry-After`."""
    seconds = math.ceil((until - now).total_seconds())
    response = page(math.ceil(seconds / 60))
    response.headers["Retry-After"] = str(seconds)
    return response
