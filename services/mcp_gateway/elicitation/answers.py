"""Answers in the handshake era, which arrive with separate requests.

That request may reach another process. `LocalAnswers` serves one process, `RedisAnswers` several.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

Answer = Mapping[str, Any]
"""A JSON-RPC response: `result` or `error`."""


MOST_OPEN = 50
"""Questions that may be open to one person through one client, in one process."""


class TooManyOpen(Exception):
    """A client has left as many questions open as it may."""


class AnswersClosed(Exception):
    """The process stops, so no answer arrives any more."""


class AnswerNotTaken(Exception):
    """The answer can't be delivered to the waiting call at the moment."""


class Answers(Protocol):
    """Delivers a client's response to the call that waits for it."""

    def expect(self, principal: str) -> AbstractContextManager[tuple[str, Awaitable[Answer]]]:
        """Yield an id for the question and the awaitable of its answer; valid within the block.

        Raises:
            TooManyOpen: this principal has `MOST_OPEN` open questions.
            AnswersClosed: the process stops; awaiting an answer raises it, too.
        """
        ...

    async def deliver(self, principal: str, ask_id: str, answer: Answer) -> None:
        """Deliver one response; drop it if no call of this principal waits for it.

        Raises:
            AnswerNotTaken: the delivery failed; the client may send the response again.
        """
        ...

    def close(self) -> None:
        """End every open question of this process."""
        ...


class LocalAnswers:
    """Questions and answers within one process."""

    def __init__(self, new_id: Callable[[], str]) -> None:
        """Take the function that makes ids, which must be impossible to guess."""
        self._new_id = new_id
        self._waiting: dict[tuple[str, str], asyncio.Future[Answer]] = {}
        self._open: Counter[str] = Counter()
        self._closed = False

    @contextmanager
    def expect(self, principal: str) -> Iterator[tuple[str, Awaitable[Answer]]]:
        """Register a new id."""
        if self._closed:
            raise AnswersClosed
        if self._open[principal] >= MOST_OPEN:
            raise TooManyOpen
        ask_id = self._new_id()
        waiting = asyncio.get_running_loop().create_future()
        self._waiting[principal, ask_id] = waiting
        self._open[principal] += 1
        try:
            yield ask_id, waiting
        finally:
            del self._waiting[principal, ask_id]
            self._open[principal] -= 1
            if not self._open[principal]:
                del self._open[principal]

    async def deliver(self, principal: str, ask_id: str, answer: Answer) -> None:
        """Wake the waiting call; only the first answer counts."""
        waiting = self._waiting.get((principal, ask_id))
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    def close(self) -> None:
        """End every open question, and refuse new ones."""
        self._closed = True
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(AnswersClosed())
                waiting.exception()  # a call may have several questions, and awaits one of them
