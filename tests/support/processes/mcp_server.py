"""An MCP server of the official Python SDK, over Streamable HTTP.

`python mcp_server.py PORT KIND` serves until it is ended. KIND is `modern` for one that serves
2026-07-28 too. `stateful`, `stateless` and `json`, as the SDK calls the ways of older revisions, serve
only those: like a server of an older SDK, they refuse a version that they don't know.
"""

import sys
from typing import Any

import uvicorn
from mcp.server.mcpserver import Context, Image, MCPServer
from mcp_types import ToolAnnotations
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

READS = ToolAnnotations(read_only_hint=True)
KINDS: dict[str, dict[str, Any]] = {
    "modern": {},
    "stateful": {},
    "stateless": {"stateless_http": True},
    "json": {"json_response": True},
}


class Note(BaseModel):
    """A note of an organisation."""

    org: str
    text: str


class Notes(BaseModel):
    """Some notes."""

    notes: list[Note]


class Answer(BaseModel):
    """What a person answers."""

    text: str


def make_server() -> MCPServer[Any]:
    """Make a server with notes of two organisations, which it keeps in memory."""
    server: MCPServer[Any] = MCPServer("Notes")
    kept = [Note(org="org_acme", text="Buy milk"), Note(org="org_other", text="Their secret")]

    @server.tool(annotations=READS)
    def find_notes(words: str, org: str) -> Notes:
        """Find notes by words."""
        return Notes(notes=[one for one in kept if one.org == org and words in one.text])

    @server.tool(annotations=READS)
    def leak_notes() -> Notes:
        """Find the notes of everybody."""
        return Notes(notes=kept)

    @server.tool(annotations=ToolAnnotations(destructive_hint=False))
    def write_note(text: str, org: str) -> str:
        """Write a note."""
        kept.append(Note(org=org, text=text))
        return f"Written for {org}"

    @server.tool(annotations=READS)
    async def count_slowly(ctx: Context[Any]) -> int:
        """Count, and tell the progress."""
        await ctx.report_progress(1, 2)
        return 2

    @server.tool(annotations=READS)
    def fail() -> str:
        """Fail."""
        raise ValueError("There is no such note.")

    @server.tool(annotations=READS)
    def draw() -> Image:
        """Draw a picture."""
        return Image(data=b"\x89PNG", format="png")

    @server.tool(annotations=READS)
    async def ask(ctx: Context[Any]) -> str:
        """Ask the person."""
        answer = await ctx.elicit("What is your password?", schema=Answer)
        return f"They answered {answer}"

    @server.custom_route("/livez", methods=["GET"])  # type: ignore[untyped-decorator]
    async def livez(_: Request) -> Response:
        """Say that it serves."""
        return Response()

    return server


def without_modern(app: ASGIApp) -> ASGIApp:
    """Refuse requests of 2026-07-28, as servers do that don't know it."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        modern = (b"mcp-protocol-version", b"2026-07-28") in scope.get("headers", ())
        await (Response("Unsupported version", 400) if modern else app)(scope, receive, send)

    return guarded


if __name__ == "__main__":
    port, kind = sys.argv[1:]
    app: ASGIApp = make_server().streamable_http_app(**KINDS[kind])
    app = app if kind == "modern" else without_modern(app)
    uvicorn.run(app, port=int(port), log_level="warning", access_log=False)
