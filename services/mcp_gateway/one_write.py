"""Send an answer in one write; uvicorn writes head and body with a system call each."""

import asyncio
from typing import Any, cast

from gatepost.network.http11 import Http11


class OneWrite(Http11):
    """Serves HTTP as uvicorn does, and sends the output of one turn of the loop together."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wrap the transport so that it gathers writes."""
        super().connection_made(transport)
        self.transport = cast(asyncio.Transport, _Gathering(transport, self.loop))


class _Gathering:
    """A transport that writes at the end of the turn, and otherwise behaves like the wrapped one."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        if not self._held:
            self._loop.call_soon(self._flush)
        self._held.append(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _flush(self) -> None:
        if self._held:
            held, self._held = self._held, []
            if not self._transport.is_closing():
                self._transport.write(b"".join(held))
