"""Hash and verify local passwords with argon2id in a bounded thread pool (RFC 9106)."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

Result = TypeVar("Result")
SHORTEST = 8
LONGEST = 1024
MOST_WAITING = 200


def hash_password(password: str) -> str:
    """Hash a password for storage, which takes tens of milliseconds."""
    return _hasher().hash(password)


def _hasher() -> PasswordHasher:
    # OWASP's second profile: 19 MiB, two passes, one lane.
    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


class PasswordsBusy(Exception):
    """So many passwords wait to be verified that another would wait for seconds."""


class Passwords:
    """Verifies passwords in the same time whether or not the person exists."""

    def __init__(self) -> None:
        """Open the pool, and make the hash for unknown people."""
        self._hasher = _hasher()
        self._nobody = self._hasher.hash(os.urandom(16).hex())
        # One thread for each core, so that a flood of sign-ins fills a bounded queue here instead
        # of blocking the event loop.
        self._pool = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="argon2")
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """Hash a new password of at most `LONGEST` characters.

        Raises:
            PasswordsBusy: too many passwords wait already.
        """
        return await self._run(self._hasher.hash, password)

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Return whether the password is right; without a hash, the person is unknown.

        Raises:
            PasswordsBusy: too many passwords wait already.
        """
        if len(password) > LONGEST:
            return False
        right = await self._run(self._verify, password_hash or self._nobody, password)
        return right and password_hash is not None

    async def _run(self, work: Callable[..., Result], *arguments: str) -> Result:
        if self._waiting >= MOST_WAITING:
            raise PasswordsBusy
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)
        finally:
            self._waiting -= 1

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False
