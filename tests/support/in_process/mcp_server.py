"""An MCP server in process, which speaks either era and answers what a test wants."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from mcp_gateway.http_client.port import HttpResponse
from mcp_gateway.requests.request import HttpRequest

URL = "https://notes.example/mcp"
TEXT = {"type": "string"}
TOOLS: list[dict[str, Any]] = [
    {
        "name": "find_notes",
        "description": "Find notes by words.",
        "inputSchema": {
            "type": "object",
            "properties": {"words": TEXT, "org": TEXT},
            "required": ["words"],
        },
        "outputSchema": {
            "type": "object",
            "properties": {"notes": {"type": "array", "items": {"$ref": "#/$defs/Note"}}},
            "$defs": {"Note": {"type": "object", "properties": {"org": TEXT, "text": TEXT}}},
        },
        "annotations": {"readOnlyHint": True, "title": "Find notes"},
    },
    {
        "name": "write.note",
        "title": "Write a note",
        "description": "Write a note.",
        "inputSchema": {
            "type": "object",
            "properties": {"note": {"$ref": "#/$defs/Note"}},
            "required": ["note"],
            "$defs": {"Note": {"type": "object", "properties": {"text": TEXT}}},
        },
        "annotations": {"destructiveHint": False},
    },
    {"name": "forget_all", "description": "Forget.", "inputSchema": {"type": "object"}},
]
MANIFEST = """\
version: 1
name: Notes
mcp: mcp.json
tools:
  find_notes:
    operation: find_notes
    bind: {org: tenant_id}
  write_note:
    operation: write.note
    scope: mcp:write
"""


def write_manifest(folder: Path, text: str = MANIFEST, tools: list[dict[str, Any]] = TOOLS) -> Path:
    """Write the manifest of the server's tools, and the list of them that was reviewed."""
    folder.mkdir(exist_ok=True)
    (folder / "mcp.json").write_text(json.dumps({"tools": tools}))
    path = folder / "tools.yaml"
    path.write_text(text)
    return path


def structured(value: Any) -> dict[str, Any]:
    """Make a result with structured content, which a server also writes as text."""
    return {
        "content": [{"type": "text", "text": json.dumps(value)}],
        "structuredContent": value,
        "isError": False,
    }


def text(said: str, *, is_error: bool = False) -> dict[str, Any]:
    """Make a result of one text."""
    return {"content": [{"type": "text", "text": said}], "isError": is_error}


@contextmanager
def served(answer: Callable[[HttpRequest], HttpResponse]) -> Iterator[str]:
    """Serve on a loopback port; return the endpoint's URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            said = answer(HttpRequest(self.command, self.path, tuple(self.headers.items()), body))
            self.send_response(said.status)
            self.send_header("Content-Type", said.content_type)
            self.send_header("Content-Length", str(len(said.body)))
            if 300 <= said.status < 400:
                self.send_header("Location", said.link)
            if said.session:
                self.send_header("Mcp-Session-Id", said.session)
            self.end_headers()
            self.wfile.write(said.body)

        do_GET = do_POST

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/mcp"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class McpServer:
    """Keeps what it was asked; `stateless` is the revision without sessions."""

    stateless: bool = True
    with_sessions: bool = True
    as_events: bool = False
    result: Callable[[dict[str, Any]], Any] = lambda params: structured({"notes": []})
    """The result of a call by its params; an answer as a whole replaces it."""
    pages: list[list[dict[str, Any]]] = field(default_factory=lambda: [TOOLS])
    """The pages of its list of tools."""
    asked: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    """Method, headers in lower case and params of each message."""
    sessions: list[str] = field(default_factory=list)
    """The sessions that are open."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer one request."""
        message = json.loads(request.body)
        method, params = message["method"], message.get("params", {})
        headers = {name.lower(): value for name, value in request.headers}
        self.asked.append((method, headers, params))
        if "id" not in message:
            return HttpResponse(202, "", b"")
        if self.stateless:
            if headers.get("mcp-protocol-version") != "2026-07-28":
                return HttpResponse(400, "text/plain", b"Unsupported")
            if method == "server/discover":
                return self._answer(message, {"supportedVersions": ["2026-07-28"]})
        elif method == "initialize":
            made = f"session-{len(self.asked)}" if self.with_sessions else ""
            self.sessions += [made] if made else []
            offered = {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {}}
            return self._answer(message, offered)._replace(session=made)
        elif headers.get("mcp-protocol-version") != "2025-11-25":
            return HttpResponse(400, "application/json", b'{"error":"Bad Request"}')
        elif self.with_sessions and headers.get("mcp-session-id") not in self.sessions:
            return HttpResponse(404, "text/plain", b"Session not found")
        if method == "tools/list":
            page = int(params.get("cursor", "0"))
            more = {"nextCursor": str(page + 1)} if page + 1 < len(self.pages) else {}
            return self._answer(message, {"tools": self.pages[page], **more})
        result = self.result(params)
        return result if isinstance(result, HttpResponse) else self._answer(message, result)

    def calls(self) -> list[dict[str, Any]]:
        """Return the params of the calls of tools, without their metadata."""
        return [
            {key: value for key, value in params.items() if key != "_meta"}
            for method, _, params in self.asked
            if method == "tools/call"
        ]

    def _answer(self, message: dict[str, Any], result: Any) -> HttpResponse:
        key = "error" if isinstance(result, dict) and "code" in result else "result"
        body = json.dumps({"jsonrpc": "2.0", "id": message["id"], key: result}).encode()
        if not self.as_events:
            return HttpResponse(200, "application/json", body)
        progress = b'{"jsonrpc":"2.0","method":"notifications/progress","params":{}}'
        stream = b"event: message\r\ndata: " + progress + b"\r\n\r\n: ping\r\n\r\n"
        return HttpResponse(200, "text/event-stream", stream + b"data: " + body + b"\r\n\r\n")
