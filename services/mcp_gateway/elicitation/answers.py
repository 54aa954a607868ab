"""Answers of people in the handshake era: they come with another request than the question.

That request may reach another process. `LocalAnswers` serves one process, `RedisAnswers` several.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

Answer = Mapping[str, Any]
"""A JSON-RPC response: `result` or `error`."""


class AnswerNotTaken(Exception):
    """The answer can't be brought to whoever waits for it at the moment."""


class Answers(Protocol):
    """Brings a client's response to whoever waits for it."""

    def expect(self, principal: str) -> AbstractContextManager[tuple[str, Awaitable[Answer]]]:
        """Hand out the id to ask under, and what to wait for; forgotten after the block."""
        ...

    async def deliver(self, principal: str, ask_id: str, answer: Answer) -> None:
        """Hand over one response; one that nobody of this principal waits for is dropped.

        Raises:
            AnswerNotTaken: it could not be handed over; the client may send it again.
        """
        ...


class LocalAnswers:
    """Questions and answers within one process."""

    def __init__(self, new_id: Callable[[], str]) -> None:
        """Take where ids come from; nobody must be able to guess one."""
        self._new_id = new_id
        self._waiting: dict[tuple[str, str], asyncio.Future[Answer]] = {}

    @contextmanager
    def expect(self, principal: str) -> Iterator[tuple[str, Awaitable[Answer]]]:
        """Wait under a new id."""
        ask_id = self._new_id()
        waiting = asyncio.get_running_loop().create_future()
        self._waiting[principal, ask_id] = waiting
        try:
            yield ask_id, waiting
        finally:
            del self._waiting[principal, ask_id]

    async def deliver(self, principal: str, ask_id: str, answer: Answer) -> None:
        """Wake whoever waits; the first answer counts."""
        waiting = self._waiting.get((principal, ask_id))
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)
