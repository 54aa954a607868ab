"""The code of `docs/verify-calls.md`, run as an API that a real gateway calls."""

import json
import re
import socket
import subprocess
import sys
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx2
import pytest
from joserfc.jwk import ECKey

import gatepost_verify
from gatepost.claims import parse_claims
from gatepost_verify.keys import KeyCache
from mcp_gateway.http_client.http1 import Http1Client
from mcp_gateway.manifest.load import load_catalogue
from mcp_gateway.requests.request import HttpRequest
from mcp_gateway.signing_key import publish_key
from mcp_gateway.upstream.assertion import AssertionSigner
from support.in_process import tokens
from support.in_process.gateway import World, a_world
from support.markdown import ROOT, fences, read, section
from support.processes.services import POLL_SECONDS, free_port

GUIDE, PAGE = read("docs/connect-your-api.md"), read("docs/verify-calls.md")
RESOURCE, API = "https://mcp.example.com/mcp", "https://api.example.com"
NODE = ROOT / "tests/node/node_modules"
REFUSED = "The Gatepost-Assertion of this request is not accepted."
DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "Tasks", "version": "1"},
    "paths": {
        "/v1/tasks": {
            "post": {
                "operationId": "createTask",
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "properties": {"title": {"type": "string"}},
                                "required": ["title"],
                            }
                        }
                    },
                },
                "responses": {"200": {"description": "Created."}},
            }
        }
    },
}
MANIFEST = """\
version: 1
name: Tasks
openapi: openapi.json
tools:
  create_task:
    operation: createTask
    title: Create a task
    description: Create a task.
    scope: mcp:write
    toolsets: [write]
"""
URLS = """
from django.urls import path
from views import create_task
urlpatterns = [path("v1/tasks", create_task)]
"""
SETTINGS = 'ALLOWED_HOSTS = ["*"]\nROOT_URLCONF = "urls"\nSECRET_KEY = "x"\n'


def examples(heading: str, language: str) -> list[str]:
    """The code below a heading."""
    return fences(section(PAGE, heading), language)


def in_fastapi(folder: Path, port: str) -> list[str]:
    """Write the example, and answer the command that serves it."""
    (folder / "main.py").write_text(*examples("## FastAPI", "python"))
    return [sys.executable, "-m", "uvicorn", "main:app", "--port", port]


def in_flask(folder: Path, port: str) -> list[str]:
    """Write the example, and answer the command that serves it."""
    (folder / "main.py").write_text(*examples("## Flask", "python"))
    return [sys.executable, "-m", "flask", "--app", "main", "run", "--port", port]


def in_django(folder: Path, port: str) -> list[str]:
    """Write the examples, and answer the command that serves them."""
    settings, views = examples("## Django", "python")
    (folder / "settings.py").write_text(SETTINGS + settings)
    (folder / "views.py").write_text(views)
    (folder / "urls.py").write_text(URLS)
    run = ["runserver", "--noreload", "--skip-checks", "--settings=settings", "--pythonpath=."]
    return [sys.executable, "-m", "django", *run, port]


def in_node(heading: str) -> Any:
    """Return what writes an example for Node."""

    def write(folder: Path, port: str) -> list[str]:
        (folder / "node_modules").mkdir()
        for name in ("express", "fastify"):
            (folder / "node_modules" / name).symlink_to(NODE / name)
        (folder / "node_modules/gatepost-verify").symlink_to(ROOT / "packages/node")
        (code,) = examples(heading, "js")
        (folder / "app.mjs").write_text(code.replace("3000", port))
        return [str(NODE / ".bin/node"), "app.mjs"]

    return write


SERVERS = {
    "FastAPI": in_fastapi,
    "Flask": in_flask,
    "Django": in_django,
    "Express": in_node("## Express"),
    "Fastify": in_node("## Fastify"),
    "node:http": in_node("## Without a framework"),
}


@contextmanager
def started(command: list[str], folder: Path, port: int) -> Iterator[None]:
    """Run a server until the end of the block, which begins once it accepts connections."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                pass
            try:
                code = process.wait(POLL_SECONDS)
            except subprocess.TimeoutExpired:
                continue
            pytest.fail(f"it ended with {code}:\n{(folder / 'log').read_text()}")
        yield
    finally:
        process.terminate()
        process.wait()


@contextmanager
def published(port: int, documents: dict[str, bytes]) -> Iterator[None]:
    """Answer for the gateway's keys at its address, since its own server is in this process."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path in documents else 404)
            self.end_headers()
            self.wfile.write(documents.get(self.path, b""))

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Answer) as server:
        Thread(target=server.serve_forever, args=(0.01,)).start()
        try:
            yield
        finally:
            server.shutdown()


@asynccontextmanager
async def behind_a_gateway(name: str, folder: Path) -> AsyncIterator[tuple[World, str]]:
    """Serve an example as the API of a gateway; return both."""
    api, code = f"http://127.0.0.1:{free_port()}", folder / "api"
    gateway_port = free_port()
    resource = f"http://127.0.0.1:{gateway_port}/mcp"
    code.mkdir()
    command = SERVERS[name](code, api.rpartition(":")[2])
    for file in (*code.glob("*.py"), *code.glob("*.mjs")):
        file.write_text(file.read_text().replace(RESOURCE, resource).replace(API, api))
    (folder / "tools.yaml").write_text(MANIFEST)
    (folder / "openapi.json").write_text(json.dumps(DOCUMENT))
    settings: dict[str, Any] = {
        "resource": resource,
        "allowed_hosts": ("127.0.0.1:8401",),
        "manifest": folder / "tools.yaml",
        "upstream_url": api,
    }
    with ExitStack() as stack:
        async with Http1Client() as http, a_world(folder, upstream=http, **settings) as world:
            path = "/.well-known/jwks.json"
            keys = (await world.http.get(path)).content
            stack.enter_context(published(gateway_port, {path: keys}))
            stack.enter_context(started(command, code, int(api.rpartition(":")[2])))
            yield world, api


@pytest.mark.whole_machine
@pytest.mark.parametrize("name", SERVERS)
async def test_an_api_that_follows_the_page_serves_the_gateway_and_nobody_else_a256(
    name: str, tmp_path: Path
) -> None:
    async with behind_a_gateway(name, tmp_path) as (world, api):
        audience = {"aud": world.settings.resource}
        token = world.token(**audience, data_scope="")
        result = await world.call("new", "create_task", {"title": "Äpfel"}, token=token)
        restricted = world.token(**audience, data_scope="team:design")
        refusal = await world.call("new", "create_task", {"title": "x"}, token=restricted)
        async with httpx2.AsyncClient(base_url=api) as stranger:
            nobody = await stranger.post("/v1/tasks", json={"title": "x"})
            forged = await stranger.post(
                "/v1/tasks", json={"title": "x"}, headers={"Gatepost-Assertion": "a.b.c"}
            )

    log = (tmp_path / "api/log").read_text()
    assert not result.get("isError"), (result, log)
    (content,) = result["content"]
    told = {"title": "Äpfel", "tenant": "org_acme", "author": "usr_ada"}
    assert json.loads(content["text"]) == told
    assert refusal["isError"]
    assert "restricted in a way" in refusal["content"][0]["text"]
    assert (nobody.status_code, forged.status_code) == (401, 401)
    assert forged.json()["detail"] == REFUSED
    assert "refused: malformed" in log
    assert "data_scope" in log


class Api:
    """The plain function of the page, and a gateway that signs for it."""

    def __init__(self) -> None:
        """Make the gateway's key."""
        self.key = ECKey.generate_key("P-256")
        (code,) = examples("## Without a framework", "python")
        self.namespace: dict[str, Any] = {}
        exec(code, self.namespace)  # noqa: S102 - our own document
        jwks = publish_key(self.key)
        keys = KeyCache("https://mcp.example.com/jwks", fetch=lambda _: jwks)
        self.namespace["verifier"] = gatepost_verify.Verifier(
            issuer=RESOURCE, audience=API, keys=keys
        )

    def sign(self, url: str, body: bytes) -> str:
        """Sign for a request."""
        now = datetime.now(UTC)
        signer = AssertionSigner(self.key, resource=RESOURCE, audience=API, now=lambda: now)
        caller = parse_claims(tokens.claims(now, data_scope=""))
        return signer.sign(HttpRequest("POST", url, (), body), caller, "create_task", "call_1")

    def ask(self, assertion: str, target: str, body: bytes) -> tuple[int, Any]:
        """Call the function."""
        status, answer = self.namespace["create_task"](assertion, target, body)
        return int(status), answer


def test_the_plain_function_of_the_page_serves_the_gateway_and_nobody_else() -> None:
    api, target, body = Api(), "/v1/tasks?draft=1", b'{"title":"x"}'
    signed = api.sign(API + target, body)
    assert api.ask(signed, target, b'{"title":"y"}') == (401, REFUSED)
    assert api.ask(signed, "/v1/tasks", body) == (401, REFUSED)
    told = {"title": "x", "tenant": "org_acme", "author": "usr_ada"}
    assert api.ask(signed, target, body) == (200, told)
    assert api.ask(signed, target, body) == (401, REFUSED)


def test_the_guides_claims_are_those_the_gateway_signs() -> None:
    told = section(GUIDE, "## 5. Verify the identity assertion")
    names = re.findall(r"^\| (`[^|]+`) \|", told, re.MULTILINE)
    api = Api()
    _, payload, _ = api.sign(API, b"").split(".")
    signed = json.loads(urlsafe_b64decode(payload + "=="))
    assert {name.strip("`") for cell in names for name in cell.split(", ")} == set(signed)


def test_the_page_lists_every_code_and_every_member_of_a_caller() -> None:
    codes = re.findall(r"^\| `(\w+)` \|", section(PAGE, "## Other languages"), re.MULTILINE)
    annotations = gatepost_verify.AssertionRefused.__init__.__annotations__
    assert set(codes) == set(annotations["code"].__args__)
    table = section(PAGE, "## The caller")
    members = [name for name in dir(gatepost_verify.Caller) if not name.startswith("_")]
    assert [name for name in members if f"`{name}`" not in table] == []


def test_the_guides_manifest_is_served(tmp_path: Path) -> None:
    (manifest,) = fences(GUIDE, "yaml")
    (tmp_path / "tools.yaml").write_text(manifest)
    document = ROOT / "deploy/demo_saas/openapi.json"
    (tmp_path / "openapi.json").write_bytes(document.read_bytes())
    catalogue = load_catalogue(tmp_path / "tools.yaml")
    tool = catalogue.tools["create_task"]
    assert "org_id" not in tool.input_schema["properties"]
    assert "delete_task" not in catalogue.tools
