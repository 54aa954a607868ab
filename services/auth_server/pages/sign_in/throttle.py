"""Limit sign-in attempts by account and by address, with a separate limit for known browsers.

If accounts were locked, strangers could lock out their owners. So a browser with which the person
signed in before has a separate limit, which strangers can't use up.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from auth_server.db.engine import DbSession
from auth_server.flow.code_guesses import admit_guess, counted_as
from auth_server.flow.known_browser import KnownBrowser, is_known
from auth_server.records.attempts.store import count_attempt, forget_attempts, give_back_attempt
from auth_server.secrets import hash_secret
from auth_server.settings import AuthServerSettings
from auth_server.web.address import address_of
from auth_server.web.browser import read_known

WINDOW = timedelta(minutes=15)
MOST_OF_ACCOUNT = 10
MOST_OF_ADDRESS = 50


@dataclass(frozen=True, slots=True)
class Throttle:
    """The counts to which one attempt adds."""

    account: str
    address: str | None
    """None in a known browser."""

    async def admit(self, db: DbSession, *, now: datetime) -> datetime | None:
        """Count one attempt before it is made; return None, or when to try again.

        The address comes first, so that no number of invented accounts adds rows for one address.
        """
        if self.address is not None:
            most = MOST_OF_ADDRESS
            wait = await count_attempt(db, self.address, most=most, window=WINDOW, now=now)
            if wait is not None:
                return wait
        wait = await self._admit_account(db, now)
        if wait is not None and self.address is not None:
            await give_back_attempt(db, self.address)
        return wait

    async def passed(self, db: DbSession) -> None:
        """Reset the account's count after a success; the address keeps others' failures."""
        if self.address is not None:
            await give_back_attempt(db, self.address)
        await forget_attempts(db, [self.account])

    async def _admit_account(self, db: DbSession, now: datetime) -> datetime | None:
        return await count_attempt(db, self.account, most=MOST_OF_ACCOUNT, window=WINDOW, now=now)


@dataclass(frozen=True, slots=True)
class CodeThrottle(Throttle):
    """The counts to which one code adds: the account's makes pauses that grow."""

    async def _admit_account(self, db: DbSession, now: datetime) -> datetime | None:
        return await admit_guess(db, self.account, now=now)


def throttle_of(browser: KnownBrowser, account: str, person_id: str | None) -> Throttle:
    """Make the throttle of a password.

    Args:
        browser: the browser of the attempt.
        account: the typed address, whether or not it is known.
        person_id: the person with that account, if any.
    """
    known = _known_to(browser, person_id)
    if known is not None:
        return Throttle(hash_secret(f"browser {known} {account}"), None)
    return Throttle(hash_secret(f"account {account}"), _address(browser))


def throttle_of_code(browser: KnownBrowser, person_id: str) -> CodeThrottle:
    """Make the throttle of a code that a person's browser sends after the password."""
    known = _known_to(browser, person_id)
    address = None if known is not None else _address(browser)
    return CodeThrottle(counted_as(person_id, known), address)


def _known_to(browser: KnownBrowser, person_id: str | None) -> str | None:
    known = read_known(browser.request, browser.settings)
    if person_id is None or not known or not is_known(known, person_id, browser.keys):
        return None
    return known.partition(".")[0]


def _address(browser: KnownBrowser) -> str:
    return hash_secret(f"address {address_of(browser.request, browser.settings)}")


@dataclass(frozen=True, slots=True)
class CallbackThrottle:
    """The count of the callbacks from one address that a provider refused."""

    counted_as: str

    async def admit(self, db: DbSession, *, now: datetime) -> datetime | None:
        """Count one callback before the provider is asked; return None, or when to try again."""
        return await count_attempt(
            db, self.counted_as, most=MOST_OF_ADDRESS, window=WINDOW, now=now
        )

    async def give_back(self, db: DbSession) -> None:
        """Take a callback off the count, because the provider did not refuse it."""
        await give_back_attempt(db, self.counted_as)


def throttle_of_callback(request: Request, settings: AuthServerSettings) -> CallbackThrottle:
    """Make the throttle of a provider's callback."""
    return CallbackThrottle(hash_secret(f"callback from {address_of(request, settings)}"))


def wait(until: datetime, now: datetime, page: Callable[[int], Response]) -> Response:
    """Make the response to too many attempts: a page with the minutes to wait, and `Retry-After`."""
    seconds = math.ceil((until - now).total_seconds())
    response = page(math.ceil(seconds / 60))
    response.headers["Retry-After"] = str(seconds)
    return response
