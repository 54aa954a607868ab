"""The REST API of the gateway's bench: a fixed answer for the least CPU, and a key set.

`python api.py PORT JWKS`. It is not an authorization server: a
follower of revocations or plans gets a 404, and no tenant has used any units.
"""

import asyncio
import sys
from pathlib import Path
from typing import cast

import uvloop

TASK = (
    b'{"id":"1","tenant_id":"org_acme","title":"Write the quarterly-report","status":"open",'
    b'"assignee":{"id":"usr_1","name":"Ada Lovelace","email":"ada@acme.example"},'
    b'"labels":["finance","board","q3"],"due":"2026-12-01","created_at":"2026-11-01T09:00:00Z",'
    b'"updated_at":"2026-11-20T17:30:00Z","description":"' + b"Collect the figures. " * 12 + b'"}'
)


class Api(asyncio.Protocol):
    """Answers requests by their paths, without reading bodies."""

    jwks = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        """Answer each whole head."""
        *heads, self._rest = (self._rest + data).split(b"\r\n\r\n")
        for head in heads:
            path = head.split(b" ", 2)[1]
            if path.startswith(b"/v1/"):
                self._answer(b"200 OK", TASK)
            elif path == b"/internal/usage":
                # The form behind the head stays in front of the next request's method, unread.
                self._answer(b"200 OK", b"{}")
            elif path in {b"/jwks.json", b"/livez"}:
                self._answer(b"200 OK", self.jwks)
            else:
                self._answer(b"404 Not Found", b"{}")

    def _answer(self, status: bytes, body: bytes) -> None:
        head = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        self._transport.write(head % (status, len(body)) + body)


async def serve(port: int) -> None:
    """Serve until the process ends."""
    server = await asyncio.get_running_loop().create_server(Api, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    Api.jwks = Path(sys.argv[2]).read_bytes()
    uvloop.run(serve(int(sys.argv[1])))
