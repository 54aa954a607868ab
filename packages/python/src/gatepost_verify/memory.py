"""The memory of used ids: each assertion is accepted once."""

import asyncio
import inspect
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from threading import Lock
from typing import Any, Protocol

from gatepost_verify.errors import VerificationUnavailable

PREFIX = "gatepost:jti:"
_WAIT_SECONDS = 2


class Memory(Protocol):
    """Remembers ids; raises `VerificationUnavailable` if it can't."""

    def first_use(self, jti: str, seconds: int) -> bool:
        """Return True once for each id, and remember it for that many seconds."""


class AsyncMemory(Protocol):
    """The same without blocking."""

    def first_use(self, jti: str, seconds: int) -> Awaitable[bool]:
        """Return True once for each id, and remember it for that many seconds."""


class InProcessMemory:
    """Remembers ids in this process. Several processes of an API need `RedisMemory`."""

    def __init__(self, *, capacity: int = 100_000, now: Callable[[], float] = time.time) -> None:
        """Remember at most `capacity` ids; above that, nothing is accepted."""
        self._capacity = capacity
        self._now = now
        self._until: OrderedDict[str, float] = OrderedDict()
        self._lock = Lock()

    def first_use(self, jti: str, seconds: int) -> bool:
        """Return True once for each id.

        Raises:
            VerificationUnavailable: the memory is full.
        """
        now = self._now()
        with self._lock:
            # All have about the same lifetime, so the oldest entries expire first.
            while self._until and next(iter(self._until.values())) <= now:
                self._until.popitem(last=False)
            if jti in self._until:
                return False
            if len(self._until) >= self._capacity:
                raise VerificationUnavailable(f"more than {self._capacity} ids are in use")
            self._until[jti] = now + seconds
        return True


class RedisMemory:
    """Remembers ids in Redis, for all processes of an API. Takes a client of `redis.Redis`."""

    def __init__(self, client: Any, *, prefix: str = PREFIX) -> None:
        """Take a connected client, and what its keys start with."""
        self._client = client
        self._prefix = prefix

    def first_use(self, jti: str, seconds: int) -> bool:
        """Return True once for each id.

        Raises:
            TypeError: the client is of another kind.
            VerificationUnavailable: Redis does not answer.
        """
        try:
            said = self._client.set(self._prefix + jti, b"1", nx=True, ex=seconds)
        except Exception as error:
            raise _unavailable(error) from error
        if said is not None and not isinstance(said, bool):
            # Anything else, such as a coroutine, would count as true for every id.
            if inspect.iscoroutine(said):
                said.close()
            raise TypeError(
                "RedisMemory takes a redis.Redis; AsyncRedisMemory a redis.asyncio.Redis"
            )
        return bool(said)


class AsyncRedisMemory:
    """The same for a client of `redis.asyncio.Redis`."""

    def __init__(self, client: Any, *, prefix: str = PREFIX) -> None:
        """Take a connected client, and what its keys start with."""
        self._client = client
        self._prefix = prefix

    async def first_use(self, jti: str, seconds: int) -> bool:
        """Return True once for each id.

        Raises:
            VerificationUnavailable: Redis does not answer within two seconds.
        """
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                said = await self._client.set(self._prefix + jti, b"1", nx=True, ex=seconds)
            return bool(said)
        except Exception as error:
            raise _unavailable(error) from error


def _unavailable(error: Exception) -> VerificationUnavailable:
    # The message of a client may contain the address with its password.
    return VerificationUnavailable(f"the memory of used ids failed: {type(error).__name__}")
