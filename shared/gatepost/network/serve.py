"""Serve until a signal, and then stop without failing a request.

uvicorn closes its listener at the signal, while load balancers still send requests, and waits without
end for an open stream.
"""

import asyncio
from dataclasses import dataclass
from functools import partial
from socket import socket
from types import FrameType
from typing import Any

import structlog
import uvicorn

from gatepost.network.stopping import Stopping

_CLOSE = (b"connection", b"close")
_LOOK = 0.02
_HURRIED = 2
"""Signals after which a process does not wait any more."""
_LAST_SECONDS = 1.0
"""For requests that are on their way when the listener closes, and for answers to those cut off."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class StopTimes:
    """How long a process takes to stop."""

    lame_duck: float
    """Seconds in which a draining process serves everything."""
    finish: float
    """Seconds that running requests have after that."""


class DrainingServer(uvicorn.Server):
    """A uvicorn that drains at the first signal, hurries at the second and exits at the third.

    A process that was stopped in order exits with 0.
    """

    def __init__(self, config: uvicorn.Config, stopping: Stopping, times: StopTimes) -> None:
        """Take uvicorn's configuration, the parts that hear of the end, and its times."""
        super().__init__(config)
        self._stopping = stopping
        self._times = times
        self._signals = 0
        self._drained_at: float | None = None
        self._hurry = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Count a signal; the loop sees it within a tenth of a second."""
        self._signals += 1
        self._stopping.draining = True
        self.should_exit = True
        self.force_exit = self._signals > _HURRIED
        if self._signals == _HURRIED and self._loop is not None:
            # A signal handler must not touch the loop, except in this way.
            self._loop.call_soon_threadsafe(self._hurry.set)

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Start as uvicorn does."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)

    async def on_tick(self, counter: int) -> bool:
        """Return whether the lame duck's time is over; every answer meanwhile closes its connection."""
        if not await super().on_tick(counter):
            return False
        loop = asyncio.get_running_loop()
        if self._drained_at is None:
            self._drained_at = loop.time()
            log.info("draining", seconds=self._times.lame_duck)
        # uvicorn replaces the list each second; requests that run already share this one.
        if _CLOSE not in self.server_state.default_headers:
            self.server_state.default_headers.append(_CLOSE)
        over = loop.time() - self._drained_at >= self._times.lame_duck
        return over or self._signals >= _HURRIED

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Accept no more, end what waits, and let the running requests finish."""
        await self._accept_the_rest(sockets or [])
        for server in self.servers:
            server.close()
        self._stopping.end_waits()
        if self._times.lame_duck and not self._hurry.is_set():
            await self._read_the_rest()
        await super().shutdown(sockets)
        log.info("stopped")

    async def _accept_the_rest(self, sockets: list[socket]) -> None:
        # The kernel has accepted these connections already and would reset them.
        loop = asyncio.get_running_loop()
        protocol: Any = self.config.http_protocol_class
        make = partial(
            protocol,
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )
        for listener in sockets:
            listener.setblocking(False)
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    break
                await loop.connect_accepted_socket(make, connection)

    async def _read_the_rest(self) -> None:
        """Wait until no connection is idle, because its client may have sent a request already."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + _LAST_SECONDS
        while loop.time() < ends_at and not self._hurry.is_set():
            connections: Any = self.server_state.connections
            if not any(one.cycle is None or one.cycle.response_complete for one in connections):
                return
            await asyncio.sleep(_LOOK)

    async def _wait_tasks_to_complete(self) -> None:
        finishing = asyncio.ensure_future(super()._wait_tasks_to_complete())
        hurry = asyncio.ensure_future(self._hurry.wait())
        try:
            either = {finishing, hurry}
            await asyncio.wait(
                either, timeout=self._times.finish, return_when=asyncio.FIRST_COMPLETED
            )
            if finishing.done():
                return
            self._stopping.cut_off()
            await asyncio.wait({finishing}, timeout=_LAST_SECONDS)
            if tasks := set(self.server_state.tasks):
                log.warning("requests_cut_off", requests=len(tasks))
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks, timeout=_LAST_SECONDS)
        finally:
            finishing.cancel()
            hurry.cancel()
