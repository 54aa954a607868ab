"""Limit wrong guesses at secrets."""

from datetime import datetime
from math import ceil

from auth_server.errors import TooManyRequests
from auth_server.rate_limits.buckets import Buckets


class WrongGuesses:
    """Counts failed proofs of identity, for each client at an address and for each address."""

    def __init__(self, per_minute: int) -> None:
        """Take the limit of one client at one address; an address may make ten times as many."""
        self.counted = 0
        """Wrong guesses since the process started."""
        self._of_client = Buckets(per_minute)
        self._of_address = Buckets(10 * per_minute)

    def require_patience(self, client_id: str, address: str, now: datetime) -> None:
        """Refuse another attempt after too many wrong guesses.

        Raises:
            TooManyRequests: the client or the address must wait.
        """
        wait = max(
            self._of_client.wait((client_id, address), now), self._of_address.wait(address, now)
        )
        if wait > 0:
            raise TooManyRequests(
                "too many failed requests from this address; try again later",
                retry_after=ceil(wait),
                setting="wrong_guesses_per_minute",
            )

    def count(self, client_id: str, address: str, now: datetime) -> None:
        """Count one wrong guess."""
        self.counted += 1
        self._of_client.take((client_id, address), now)
        self._of_address.take(address, now)
