"""What wrong guesses at secrets cost whoever makes them."""

from datetime import datetime
from math import ceil

from auth_server.errors import TooManyRequests
from auth_server.rate_limits.buckets import Buckets


class WrongGuesses:
    """Counts what did not prove itself: of one client from one address, and of one address."""

    def __init__(self, per_minute: int) -> None:
        """Take how many one client from one address may make; an address may make ten times that."""
        self._of_client = Buckets(per_minute)
        self._of_address = Buckets(10 * per_minute)

    def require_patience(self, client_id: str, address: str, now: datetime) -> None:
        """Refuse to look at another guess of whoever made too many.

        Raises:
            TooManyRequests: saying when to come back.
        """
        wait = max(
            self._of_client.wait((client_id, address), now), self._of_address.wait(address, now)
        )
        if wait > 0:
            raise TooManyRequests(
                "too many requests from here were wrong; try again later",
                retry_after=ceil(wait),
            )

    def count(self, client_id: str, address: str, now: datetime) -> None:
        """Count one."""
        self._of_client.take((client_id, address), now)
        self._of_address.take(address, now)
