"""Two real applications behind the gateway, driven by the official MCP client.

`./dev bench real_apps`: Kinto (Python; Swagger 2.0, served by itself) and Directus (Node, SQLite;
OpenAPI 3.0, served by itself). Nobody here wrote either or its document. Each is installed in the
cache folder, started on loopback, imported with `gatepost import openapi`, and then records are
made, read, listed in pages, changed and deleted through the gateway; what happened is read in the
application itself. Directus builds two native modules, which needs a C++ compiler and minutes.
"""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))

from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from mcp_gateway.http_client.http1 import Http1Client
from support.in_process.gateway import a_world
from support.processes.openapi_corpus import cache_folder
from support.processes.services import free_port

KINTO = "kinto==26.5.0"
DIRECTUS = "directus@11.3.5"
TOKEN = "gatepost-bench"
ARTICLES = {
    "collection": "articles",
    "schema": {},
    "meta": {},
    "fields": [
        {
            "field": "id",
            "type": "integer",
            "schema": {"is_primary_key": True, "has_auto_increment": True},
        },
        {"field": "title", "type": "string", "schema": {}},
    ],
}


@dataclass
class Running:
    """An application that answers."""

    name: str
    document: str
    """Where it serves its OpenAPI document."""
    upstream: str
    headers: Mapping[str, str]
    http: httpx2.Client
    """A client of the application's own API, to check the results."""


def main() -> None:
    """Drive both, and write a table."""
    say("| application | document | operations | imported | exposed by `--all` | calls |")
    say("| --- | --- | --- | --- | --- | --- |")
    for start, drive in ((kinto, drive_kinto), (directus, drive_directus)):
        with tempfile.TemporaryDirectory() as scratch, start(Path(scratch)) as app:
            folder = Path(scratch) / "gateway"
            document, counts = import_document(app, folder)
            calls = asyncio.run(through_the_gateway(app, folder, drive))
            said = " | ".join(map(str, counts))
            say(f"| {app.name} | {document} | {said} | {calls}, all as expected |")


def import_document(app: Running, folder: Path) -> tuple[str, tuple[int, int, int]]:
    """Import as a person would; answer how many operations there are, imported, and exposed."""
    command = [sys.executable, "-m", "gatepost_cli", "import", "openapi", app.document]
    said = subprocess.run(
        [*command, "--all", "--out", str(folder)], capture_output=True, text=True, check=False
    )
    if said.returncode:
        raise SystemExit(said.stdout + said.stderr)
    manifest = yaml.safe_load((folder / "tools.yaml").read_text())
    document = yaml.safe_load((folder / manifest["openapi"]).read_text())
    version = f"Swagger {document['swagger']}" if "swagger" in document else document["openapi"]
    methods = {"get", "put", "post", "delete", "patch", "options", "head"}
    total = sum(len(methods & item.keys()) for item in document["paths"].values())
    exposed = sum(entry.get("expose", True) for entry in manifest["tools"].values())
    return version, (total, len(manifest["tools"]), exposed)


class Hand:
    """Calls tools by the operation behind them, as the manifest names it."""

    def __init__(self, client: Client, folder: Path) -> None:
        """Take a connected client and the folder of the manifest."""
        tools = yaml.safe_load((folder / "tools.yaml").read_text())["tools"]
        self._names = {entry["operation"]: name for name, entry in tools.items()}
        self._client = client
        self.calls = 0

    async def __call__(self, operation: str, **arguments: Any) -> Any:
        """Call the tool of an operation; an error ends the run."""
        self.calls += 1
        answer = await self._client.call_tool(self._names[operation], arguments)
        if answer.is_error:
            raise SystemExit(f"{operation} {arguments}: {answer.content}")
        return answer.structured_content

    async def refuses(self, operation: str, **arguments: Any) -> None:
        """Call a tool and expect an error."""
        self.calls += 1
        answer = await self._client.call_tool(self._names[operation], arguments)
        expect(answer.is_error, f"{operation} {arguments} should fail")


async def through_the_gateway(app: Running, folder: Path, drive: Any) -> int:
    """Open a gateway in front of the application and an MCP client in front of that."""
    async with (
        Http1Client() as upstream,
        a_world(
            folder,
            upstream=upstream,
            manifest=folder / "tools.yaml",
            upstream_url=app.upstream,
            upstream_headers=dict(app.headers),
        ) as world,
    ):
        world.http.headers["authorization"] = f"Bearer {world.token()}"
        transport = streamable_http_client(world.settings.resource, http_client=world.http)
        async with Client(transport) as client:
            hand = Hand(client, folder)
            await drive(hand, app)
            return hand.calls


async def drive_kinto(call: Hand, app: Running) -> None:
    """Keep notes in a bucket: create, read, list in pages, update, delete."""
    records = "/buckets/{bucket_id}/collections/{collection_id}/records"
    place = {"bucket_id": "desk", "collection_id": "notes"}
    await call("PUT /buckets/{id}", id="desk", data={})
    await call("PUT /buckets/{bucket_id}/collections/{id}", bucket_id="desk", id="notes", data={})
    made = [
        (await call(f"POST {records}", **place, data={"title": f"note {n}", "n": n}))["data"]
        for n in range(5)
    ]
    there = "buckets/desk/collections/notes/records"
    expect(len(app.http.get(there).json()["data"]) == 5, "five records are there")
    one = await call(f"GET {records}/{{id}}", **place, id=made[2]["id"])
    expect(one["data"]["title"] == "note 2", "one is read")
    seen: list[int] = []
    since: dict[str, Any] = {}
    while page := (
        await call(f"GET {records}", **place, _limit=2, _sort=["last_modified"], **since)
    )["data"]:
        expect(len(page) <= 2, "a page holds two")
        seen += [record["n"] for record in page]
        since = {"_since": page[-1]["last_modified"]}
    expect(seen == [0, 1, 2, 3, 4], f"all are listed in pages: {seen}")
    await call(f"PATCH {records}/{{id}}", **place, id=made[0]["id"], data={"title": "new"})
    changed = app.http.get(f"{there}/{made[0]['id']}").json()["data"]
    expect((changed["title"], changed["n"]) == ("new", 0), "one is changed")
    await call(f"DELETE {records}/{{id}}", **place, id=made[1]["id"])
    expect(app.http.get(f"{there}/{made[1]['id']}").status_code == 404, "one is gone")
    await call.refuses(f"GET {records}/{{id}}", **place, id=made[1]["id"])
    await call.refuses(f"GET {records}/{{id}}", **place, id="../..")


async def drive_directus(call: Hand, app: Running) -> None:
    """Keep articles: create, read, list in pages with a filter, update, delete."""
    items = "/items/articles"
    made = [
        (await call(f"POST {items}", body={"title": f"article {n}"}))["data"]["id"]
        for n in range(5)
    ]
    expect(len(app.http.get("items/articles").json()["data"]) == 5, "five articles are there")
    one = await call(f"GET {items}/{{id}}", id=made[2])
    expect(one["data"]["title"] == "article 2", "one is read")
    seen = []
    for offset in (0, 2, 4):
        page = await call(f"GET {items}", limit=2, cursor=offset, sort=["-id"], fields=["id"])
        seen += [article["id"] for article in page["data"]]
    expect(seen == made[::-1], f"all are listed in pages: {seen}")
    await call(f"PATCH {items}/{{id}}", id=made[0], title="new")
    expect(app.http.get(f"items/articles/{made[0]}").json()["data"]["title"] == "new", "changed")
    await call(f"DELETE {items}/{{id}}", id=made[1])
    expect(app.http.get(f"items/articles/{made[1]}").status_code in {403, 404}, "one is gone")
    await call.refuses(f"GET {items}/{{id}}", id=made[1])


def expect(holds: bool, what: str) -> None:
    """End the run where something is not so."""
    if not holds:
        raise SystemExit(f"not so: {what}")


@contextmanager
def kinto(scratch: Path) -> Iterator[Running]:
    """Install and start Kinto, in memory, with an account that may make buckets."""
    folder = cache_folder().parent / KINTO.replace("==", "-")
    python = folder / "bin" / "python"
    if not (folder / ".installed").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        wanted = [KINTO, "setuptools<81"]
        pip = [str(python), "-m", "pip", "install", "-q", *wanted]
        subprocess.run(pip, check=True, stderr=subprocess.DEVNULL)
        (folder / ".installed").touch()
    ini = scratch / "kinto.ini"
    command = [str(folder / "bin" / "kinto"), "init", "--ini", str(ini)]
    memory = ["--backend", "memory", "--cache-backend", "memory"]
    subprocess.run([*command, *memory], check=True, capture_output=True)
    ini.write_text(ini.read_text().replace("= account:admin", "= system.Authenticated"))
    port = free_port()
    url = f"http://127.0.0.1:{port}/v1"
    start = [str(folder / "bin" / "kinto"), "start", "--ini", str(ini), "--port", str(port)]
    headers = {"Authorization": "Basic YmVuY2g6YmVuY2g="}
    with process(start, scratch, {}), client(url, headers) as http:
        wait_for(http, "")
        account = {"data": {"password": "bench"}}
        http.put("accounts/bench", json=account, headers={"Authorization": ""}).raise_for_status()
        yield Running("Kinto", f"{url}/__api__", url, headers, http)


@contextmanager
def directus(scratch: Path) -> Iterator[Running]:
    """Install and start Directus on SQLite, with one collection made in it."""
    folder = cache_folder().parent / DIRECTUS.replace("@", "-")
    npm = shutil.which("npm") or "npm"
    if not (folder / ".installed").exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text("{}")
        quiet = ["--no-audit", "--no-fund", "--silent"]
        install = [npm, "install", "--ignore-scripts", "--legacy-peer-deps", *quiet, DIRECTUS]
        subprocess.run(install, cwd=folder, check=True)
        # The two without a compiled module in their package, whose code is otherwise not run.
        native = [npm, "rebuild", "--silent", "sqlite3", "isolated-vm"]
        subprocess.run(native, cwd=folder, check=True)
        (folder / ".installed").touch()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "PUBLIC_URL": url,
        "DB_CLIENT": "sqlite3",
        "DB_FILENAME": str(scratch / "data.db"),
        "SECRET": TOKEN,
        "ADMIN_EMAIL": "admin@example.com",
        "ADMIN_PASSWORD": TOKEN,
        "ADMIN_TOKEN": TOKEN,
        "TELEMETRY": "false",
    }
    binary = str(folder / "node_modules" / ".bin" / "directus")
    whole = {**os.environ, **environment}
    subprocess.run([binary, "bootstrap"], cwd=scratch, env=whole, check=True, capture_output=True)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with process([binary, "start"], scratch, environment), client(url, headers) as http:
        wait_for(http, "server/ping")
        http.post("collections", json=ARTICLES).raise_for_status()
        document = f"{url}/server/specs/oas?access_token={TOKEN}"
        yield Running("Directus", document, url, headers, http)


@contextmanager
def process(command: list[str], folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Run a server until the block ends."""
    with (folder / "output.txt").open("w") as output:
        running = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **environment}, stdout=output, stderr=output
        )
        try:
            yield
        except SystemExit as ended:
            said = (folder / "output.txt").read_text()[-2000:]
            raise SystemExit(f"{ended}\n{said}") from None
        finally:
            running.terminate()
            running.wait(10)


def client(url: str, headers: Mapping[str, str]) -> httpx2.Client:
    """Open a client of an application's own API."""
    return httpx2.Client(base_url=url + "/", headers=dict(headers), timeout=30)


def wait_for(http: httpx2.Client, path: str) -> None:
    """Wait until a server answers."""
    for _ in range(600):
        try:
            if http.get(path).status_code < 500:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.1)
    raise SystemExit(f"nothing answers at {http.base_url}")


def say(line: str) -> None:
    """Write one line to the person."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
