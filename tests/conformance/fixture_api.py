"""The REST API behind the conformance run: one operation for each kind of answer the suite wants."""

import os
import re
import signal
from base64 import b64decode
from pathlib import Path
from secrets import token_hex

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

_PIXEL = Path(__file__).with_name("pixel.png").read_bytes()
_SILENCE = b64decode("UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=")
_BOUNDARY = "part"
_TITLES = {"tools": "Change the", "prompts": "A simple"}
"""How the titles begin that change."""


async def text(_: Request) -> Response:
    """Answer text."""
    return PlainTextResponse("This is plain text.")


async def image(_: Request) -> Response:
    """Answer a picture."""
    return Response(_PIXEL, media_type="image/png")


async def audio(_: Request) -> Response:
    """Answer a sound."""
    return Response(_SILENCE, media_type="audio/wav")


async def document(_: Request) -> Response:
    """Answer neither text nor media."""
    return Response(b"%PDF-1.7\n", media_type="application/pdf")


async def mixed(_: Request) -> Response:
    """Answer several things at once (RFC 2046 §5.1.3)."""
    parts = (
        ("text/plain", b"Several things at once:"),
        ("image/png", _PIXEL),
        ("application/pdf", b"%PDF-1.7\n"),
    )
    body = b"".join(
        f"--{_BOUNDARY}\r\nContent-Type: {kind}\r\n\r\n".encode() + content + b"\r\n"
        for kind, content in parts
    )
    closing = f"--{_BOUNDARY}--\r\n".encode()
    return Response(body + closing, media_type=f"multipart/mixed; boundary={_BOUNDARY}")


async def failure(_: Request) -> Response:
    """Fail."""
    problem = {"title": "This operation always fails"}
    return JSONResponse(problem, 500, media_type="application/problem+json")


async def change(request: Request) -> Response:
    """Give the tools or the prompts of the served manifest another title, and have it loaded at once."""
    title = _TITLES[request.path_params["which"]]
    folder = Path(os.environ["CONFORMANCE_FOLDER"])
    manifest = folder / "tools.yaml"
    text = manifest.read_text()
    manifest.write_text(re.sub(rf"({title})[ a-z0-9]*", rf"\1 {token_hex(4)}", text))
    os.kill(int((folder / "gateway.pid").read_text()), signal.SIGHUP)
    return PlainTextResponse("Changed.")


async def repeat(request: Request) -> Response:
    """Say what was sent; `state-ok` since it can only come here once everything was in order."""
    return PlainTextResponse(f"state-ok: {(await request.body()).decode()}")


async def record(request: Request) -> Response:
    """Answer one record."""
    return JSONResponse({"id": request.path_params["id"]})


app = Starlette(
    routes=[
        Route("/text", text),
        Route("/image", image),
        Route("/audio", audio),
        Route("/document", document),
        Route("/mixed", mixed),
        Route("/failure", failure),
        Route("/records/{id}", record),
        Route("/changes/{which}", change, methods=["POST"]),
        Route("/repeat", repeat, methods=["POST"]),
        Route("/healthz", text),
    ]
)
