"""A proxy that only adds an access token to every request.

The suite has no way to send one. Names, order, case and blanks of headers, `Host` among them, reach
the gateway as the suite wrote them.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_LARGEST_HEAD = 1 << 16


@asynccontextmanager
async def authenticating_proxy(port: int, upstream_port: int, token: str) -> AsyncIterator[None]:
    """Serve on a loopback port for as long as the block lasts."""

    serving: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(serve(reader, writer))
        serving.add(task)
        task.add_done_callback(serving.discard)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_gateway = None
        try:
            from_gateway, to_gateway = await asyncio.open_connection("127.0.0.1", upstream_port)
            back = asyncio.create_task(_pass_back(from_gateway, writer))
            try:
                while head := await _read_head(reader):
                    to_gateway.write(_with_token(head, token))
                    to_gateway.write(await reader.readexactly(_body_length(head)))
                    await to_gateway.drain()
            finally:
                back.cancel()
                await asyncio.gather(back, return_exceptions=True)
        except (OSError, asyncio.IncompleteReadError):
            pass  # one side has closed the connection
        finally:
            writer.close()
            if to_gateway is not None:
                to_gateway.close()

    server = await asyncio.start_server(accept, "127.0.0.1", port, limit=_LARGEST_HEAD)
    try:
        yield
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


async def _pass_back(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(1 << 16):
        writer.write(chunk)
        await writer.drain()
    writer.close()


async def _read_head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as end:
        if end.partial:
            raise
        return b""


def _with_token(head: bytes, token: str) -> bytes:
    line, rest = head.split(b"\r\n", 1)
    return line + b"\r\nAuthorization: Bearer " + token.encode() + b"\r\n" + rest


def _body_length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0
