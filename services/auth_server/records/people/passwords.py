"""Local passwords: argon2id in a bounded pool of threads (RFC 9106)."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

LONGEST = 1024
MOST_WAITING = 200


def hash_password(password: str) -> str:
    """Hash a password for storage; takes tens of milliseconds."""
    return _hasher().hash(password)


def _hasher() -> PasswordHasher:
    # OWASP's second profile: 19 MiB, two passes, one lane.
    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


class PasswordsBusy(Exception):
    """So many passwords wait to be compared that another would wait for seconds."""


class Passwords:
    """Verification that costs the same whether or not the person exists."""

    def __init__(self) -> None:
        """Open the pool; hashes once, for the person that does not exist."""
        self._hasher = _hasher()
        self._nobody = self._hasher.hash(os.urandom(16).hex())
        # As many at once as there are cores: a flood of sign-ins queues here, not in the event
        # loop, and not without end.
        self._pool = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="argon2")
        self._waiting = 0

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Tell whether the password is right; no hash stands for an unknown person.

        Raises:
            PasswordsBusy: too many wait already.
        """
        if len(password) > LONGEST:
            return False
        if self._waiting >= MOST_WAITING:
            raise PasswordsBusy
        self._waiting += 1
        try:
            right = await asyncio.get_running_loop().run_in_executor(
                self._pool, self._verify, password_hash or self._nobody, password
            )
        finally:
            self._waiting -= 1
        return right and password_hash is not None

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False
