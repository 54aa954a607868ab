"""The REST API behind the conformance run: one operation for each kind of answer the suite wants."""

import os
import re
import signal
import time
from base64 import b64decode
from dataclasses import dataclass
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


async def greet(request: Request) -> Response:
    """Greet somebody."""
    return PlainTextResponse(f"Hello, {request.query_params['name']}!")


@dataclass
class Job:
    """Work that takes some time."""

    kind: str
    said: str
    ends: float
    cancelled: bool = False

    @property
    def state(self) -> str:
        """How far it is."""
        if self.cancelled:
            return "cancelled"
        if time.monotonic() < self.ends:
            return "running"
        return "broken" if self.kind == "broken" else "done"


_jobs: dict[str, Job] = {}


async def create_job(request: Request) -> Response:
    """Begin a job: one that computes, breaks, or is lost."""
    asked = await request.json()
    job_id = str(len(_jobs) + 1)
    seconds = float(asked.get("seconds", 1))
    said = f"{asked.get('label', '')} {asked.get('name', '')} is ready".strip()
    _jobs[job_id] = Job(asked.get("kind", "computes"), said, time.monotonic() + seconds)
    return JSONResponse({"id": job_id, "state": "running"}, 202)


async def job(request: Request) -> Response:
    """Tell how far a job is, or end it."""
    found = _jobs[request.path_params["job_id"]]
    if found.kind == "lost":
        return JSONResponse({"title": "There is no such job"}, 404)
    if request.method == "DELETE" and found.state == "running":
        found.cancelled = True
    return JSONResponse({"id": request.path_params["job_id"], "state": found.state})


async def job_result(request: Request) -> Response:
    """Answer the result of a job."""
    return PlainTextResponse(_jobs[request.path_params["job_id"]].said)


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
        Route("/greetings", greet),
        Route("/jobs", create_job, methods=["POST"]),
        Route("/jobs/{job_id}", job, methods=["GET", "DELETE"]),
        Route("/jobs/{job_id}/result", job_result),
        Route("/healthz", text),
    ]
)
