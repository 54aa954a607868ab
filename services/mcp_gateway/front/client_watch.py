"""Watch the client while its call runs: keep the connection alive, and notice a disconnect."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from mcp_gateway.front.asgi import CutOff, Disconnected, Receive
from mcp_gateway.front.event_stream import EventStream

_T = TypeVar("_T")
_INTERVAL = 0.05
"""Seconds between two rounds. A call is watched from its second round; most end before."""


class ClientWatch:
    """Watches the clients of one process; a call that ends soon costs an entry and no timer."""

    def __init__(self, every: float) -> None:
        """Take the seconds of silence after which a client receives a keep-alive."""
        self._every = every
        self._calls: dict[_Call, None] = {}
        self._watched: dict[_Call, None] = {}
        self._looking: asyncio.TimerHandle | None = None

    async def run(
        self,
        work: Coroutine[Any, Any, _T],
        receive: Receive,
        stream: EventStream | None,
        *,
        leaving_cancels: bool,
    ) -> _T:
        """Run the work, once the body has been read.

        Args:
            work: the coroutine that answers the request.
            receive: reports a disconnect.
            stream: carries keep-alives; None if the client does not accept a stream.
            leaving_cancels: whether a disconnect cancels the work. If not, it does so only while
                the work waits for that client.

        Raises:
            Disconnected: the client disconnected, and the work was cancelled.
            CutOff: the process stops, and the work was cancelled.
        """
        call = _Call(receive, stream, leaving_cancels=leaving_cancels)
        self._calls[call] = None
        if self._looking is None:
            self._look_later()
        try:
            return await work
        except asyncio.CancelledError:
            if not call.stopped:
                raise
            call.running.uncancel()
            raise (CutOff if call.cut_off else Disconnected) from None
        finally:
            self._calls.pop(call, None)
            if call.watching is not None:
                self._watched.pop(call, None)
                call.watching.cancel()

    def cut_off(self) -> None:
        """Cancel all running work, because the process stops."""
        for call in (*self._calls, *self._watched):
            if not call.stopped:
                call.stopped = call.cut_off = True
                call.running.cancel()

    def _look_later(self) -> None:
        self._looking = asyncio.get_running_loop().call_later(_INTERVAL, self._look)

    def _look(self) -> None:
        self._looking = None
        for call in [call for call in self._calls if call.seen]:
            del self._calls[call]
            self._watched[call] = None
            call.watching = asyncio.create_task(call.watch(self._every))
        for call in self._calls:
            call.seen = True
        if self._calls:
            self._look_later()


class _Call:
    """One running call and its client."""

    __slots__ = (
        "_leaving_cancels",
        "_receive",
        "_stream",
        "cut_off",
        "running",
        "seen",
        "stopped",
        "watching",
    )

    def __init__(
        self, receive: Receive, stream: EventStream | None, *, leaving_cancels: bool
    ) -> None:
        running = asyncio.current_task()
        assert running is not None  # noqa: S101 - only a task awaits
        self._receive = receive
        self._stream = stream
        self._leaving_cancels = leaving_cancels
        self.running: asyncio.Task[Any] = running
        self.seen = False
        self.stopped = False
        self.cut_off = False
        self.watching: asyncio.Task[None] | None = None

    async def watch(self, every: float) -> None:
        """Send keep-alives, and cancel the work if the client disconnects."""
        stream = self._stream
        heard = asyncio.ensure_future(self._receive())
        try:
            while not (heard.done() and heard.result()["type"] == "http.disconnect"):
                if heard.done():
                    heard = asyncio.ensure_future(self._receive())
                done, _ = await asyncio.wait({heard}, timeout=every)
                if not done and stream is not None:
                    await stream.keep_alive()
        finally:
            heard.cancel()
        if stream is not None:
            stream.gone = True
        if self.stopped:
            return
        if self._leaving_cancels or (stream is not None and stream.waiting):
            self.stopped = True
            self.running.cancel()
