"""Local passwords: argon2id in a bounded pool of threads (RFC 9106)."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

LONGEST = 1024


def hash_password(password: str) -> str:
    """Hash a password for storage; takes tens of milliseconds."""
    return _hasher().hash(password)


def _hasher() -> PasswordHasher:
    # OWASP's second profile: 19 MiB, two passes, one lane.
    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


@dataclass(frozen=True, slots=True)
class Passwords:
    """Verification that costs the same whether or not the person exists."""

    hasher: PasswordHasher
    pool: ThreadPoolExecutor
    nobody: str

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Tell whether the password is right; no hash stands for an unknown person."""
        if len(password) > LONGEST:
            return False
        loop = asyncio.get_running_loop()
        right = await loop.run_in_executor(
            self.pool, self._verify, password_hash or self.nobody, password
        )
        return right and password_hash is not None

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self.hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False


def open_passwords() -> Passwords:
    """Make the verifier; hashes once, for the person that does not exist."""
    hasher = _hasher()
    # As many at once as there are cores: a flood of sign-ins queues here, not in the event loop.
    pool = ThreadPoolExecutor(max_workers=os.cpu_count() or 1, thread_name_prefix="argon2")
    return Passwords(hasher, pool, hasher.hash(os.urandom(16).hex()))
