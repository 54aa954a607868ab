"""Run Lua scripts in Redis, loading them again if Redis has lost them."""

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from mcp_gateway.redis.connection import RedisConnection
from mcp_gateway.redis.resp import Argument, ErrorReply, write_argument

_MANY = 10_000


class WrittenEnds(NamedTuple):
    """The parts of a written command that do not change from call to call."""

    key: str
    """The first key."""
    before: bytes
    after: bytes

    def fill(self, changing: Sequence[Argument]) -> bytes:
        """Write a whole command with the arguments that change."""
        return self.before + b"".join(map(write_argument, changing)) + self.after


class RedisScript:
    """One script of a connection."""

    def __init__(self, redis: RedisConnection, text: str) -> None:
        """Take the connection and the script."""
        self._redis = redis
        self._text = text
        self._sha = hashlib.sha1(text.encode()).hexdigest()  # noqa: S324 - Redis names scripts so
        self._by_sha = write_argument("EVALSHA") + write_argument(self._sha)
        self._by_text = write_argument("EVAL") + write_argument(text)
        self._known: dict[tuple[object, ...], WrittenEnds] = {}

    async def run(self, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """Run the script, and return its reply.

        Raises:
            RedisUnavailable: the reply is unknown, or an error.
        """
        try:
            return await self._redis.ask("EVALSHA", self._sha, len(keys), *keys, *arguments)
        except ErrorReply as reply:
            if not str(reply).startswith("NOSCRIPT"):
                raise
            return await self._redis.ask("EVAL", self._text, len(keys), *keys, *arguments)

    def recall(self, known: tuple[object, ...]) -> WrittenEnds | None:
        """Return what `write` wrote for this key, if it is still known."""
        return self._known.get(known)

    def write(
        self,
        known: tuple[object, ...],
        *,
        keys: Sequence[str],
        changing: int,
        constant: Sequence[Argument],
    ) -> WrittenEnds:
        """Write the parts of a command that calls share, and keep them by a key.

        Args:
            known: everything that decides about the parts.
            keys: the keys of the command.
            changing: how many arguments change from call to call; they come first.
            constant: the other arguments.
        """
        before: tuple[Argument, ...] = ("EVALSHA", self._sha, len(keys), *keys)
        count = len(before) + changing + len(constant)
        ends = WrittenEnds(
            keys[0],
            b"*%d\r\n" % count + b"".join(map(write_argument, before)),
            b"".join(map(write_argument, constant)),
        )
        if len(self._known) >= _MANY:
            self._known.clear()
        self._known[known] = ends
        return ends

    async def run_written(self, command: bytes, key: str) -> Any:
        """Run the script as a written command, as `run` does; a key says where."""
        try:
            return await self._redis.ask_written(command, key)
        except ErrorReply as reply:
            if not str(reply).startswith("NOSCRIPT"):
                raise
            # The text itself, since the server that loads it must be the one that has the keys now.
            written = command.replace(self._by_sha, self._by_text, 1)
            return await self._redis.ask_written(written, key)
