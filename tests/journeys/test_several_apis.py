"""Two APIs and an MCP server behind one gateway, from one consent to the books, with official clients."""

import json
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from shutil import copy
from time import sleep
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from support.in_process.person import Person
from support.processes import mcp_server
from support.processes.deployment import (
    GATEPOST,
    SAAS,
    Connection,
    Deployment,
    configure,
    connect,
    origin,
    run,
    serve,
)
from support.processes.services import POLL_SECONDS, free_port, running_service
from support.processes.typescript_client import a_typescript_client

pytestmark = pytest.mark.whole_machine

INVOICING = (sys.executable, "-m", "demo_invoicing")
KEY = "key-of-the-gateway-0123456789"


@dataclass(frozen=True, slots=True)
class Suite:
    """Everything running, with both APIs."""

    deployment: Deployment

    def calls_by_api(self) -> Counter[tuple[str, str]]:
        """Count the calls in the call log by tenant and API."""
        with closing(sqlite3.connect(self.deployment.folder / "gatepost.db")) as db:
            rows = db.execute("SELECT tenant_id, api FROM call_log")
            return Counter((tenant, api) for tenant, api in rows)

    def costs_of(self, api: str) -> Counter[str]:
        """Add up the units that the calls of one API cost, by tenant."""
        with closing(sqlite3.connect(self.deployment.folder / "gatepost.db")) as db:
            rows = db.execute("SELECT tenant_id, cost FROM call_log WHERE api = ?", (api,))
            costs: Counter[str] = Counter()
            for tenant, cost in rows:
                costs[tenant] += cost
            return costs

    def until_logged(self, calls: int) -> Counter[tuple[str, str]]:
        """Wait until so many calls are in the call log."""
        while (found := self.calls_by_api()).total() < calls:
            sleep(POLL_SECONDS)
        return found


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory, seeded_sqlite: Path) -> Iterator[Suite]:
    folder = tmp_path_factory.mktemp("several-apis")
    copy(seeded_sqlite, folder / "gatepost.db")
    ports = [free_port() for _ in range(6)]
    urls = [f"http://127.0.0.1:{port}" for port in ports]
    issuer, gateway, other, saas, invoicing, notes = urls
    deployment = Deployment(issuer, f"{gateway}/mcp", f"{other}/mcp", saas, folder)
    configure(deployment, "sqlite+aiosqlite:///gatepost.db")
    run(*INVOICING, "--write", folder / "invoicing")
    trust = (
        *("--gatepost-issuer", deployment.resource),
        *("--gatepost-jwks-url", f"{gateway}/.well-known/jwks.json"),
    )
    config = folder / "gatepost.yaml"
    with ExitStack() as stack:
        stack.enter_context(
            running_service(
                (sys.executable, mcp_server.__file__, notes.rpartition(":")[2], "stateful"),
                url=notes,
                log=folder / "notes.log",
                ready_path="/livez",
            )
        )
        review_notes(folder / "notes", f"{notes}/mcp")
        put_all_behind_one(config, saas, invoicing, f"{notes}/mcp")
        for name, argv, url, ready_path in (
            ("demo-saas", (*SAAS, "--database", folder / "orbit.db", *trust), saas, "/healthz"),
            (
                "demo-invoicing",
                (*INVOICING, "--database", folder / "invoicing.db", *trust),
                invoicing,
                "/healthz",
            ),
            ("auth-server", serve("auth-server", config), issuer, "/readyz"),
            ("mcp-gateway", serve("mcp-gateway", config), gateway, "/readyz"),
        ):
            stack.enter_context(
                running_service(
                    (*argv, "--port", str(urlsplit(url).port)),
                    url=origin(url),
                    log=folder / f"{name}.log",
                    ready_path=ready_path,
                    env={"INVOICING_API_KEY": KEY},
                )
            )
        yield Suite(deployment)


def review_notes(folder: Path, url: str) -> None:
    """Import the tools of the MCP server, and decide what a person would."""
    run(*GATEPOST, "import", "mcp", url, "--out", folder, "--all", "--bind", "org=tenant_id")
    manifest = folder / "tools.yaml"
    reviewed = yaml.safe_load(manifest.read_text())
    for name in ("find_notes", "leak_notes"):
        reviewed["tools"][name]["check"] = {"notes[].org": "tenant_id"}
    reviewed["tools"]["draw"]["limits"] = {"per_minute": 2}
    reviewed["tools"]["write_note"]["billing"] = {"units": 5}
    manifest.write_text(yaml.safe_dump(reviewed))


def put_all_behind_one(config: Path, saas: str, invoicing: str, notes: str) -> None:
    """Write the settings of all APIs in place of those of one."""
    (config.parent / "invoicing_key").write_text(KEY)
    settings = yaml.safe_load(config.read_text())
    section = settings["mcp_gateway"]
    for field in ("manifest", "upstream_url"):
        del section[field]
    credential = {"mode": "static", "value": {"file": "invoicing_key"}}
    section["apis"] = {
        "orbit": {"url": saas, "manifest": "tools.yaml", "prefix": ""},
        "invoicing": {
            "url": invoicing,
            "manifest": "invoicing/tools.yaml",
            "credentials": {"apiKey": credential},
        },
        "notes": {"url": notes, "manifest": "notes/tools.yaml"},
    }
    config.write_text(yaml.safe_dump(settings))


async def read(connection: Connection, tool: str, **arguments: Any) -> Any:
    """Call a tool; return its answer, or the text of its error."""
    result = await connection.call(tool, **arguments)
    return result.content[0].text if result.is_error else result.structured_content  # type: ignore[union-attr]


async def test_one_consent_opens_two_apis_which_stay_apart_down_to_the_books(
    suite: Suite, ada: Person, bo: Person
) -> None:
    deployment = suite.deployment
    acme = await connect(deployment, ada)
    globex = await connect(deployment, bo)

    async with acme.client() as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
    assert {"list_projects", "invoicing_list_invoices", "invoicing_create_payment"} <= names

    mine = await read(acme, "invoicing_list_invoices")
    theirs = await read(globex, "invoicing_list_invoices")
    assert {one["org_id"] for one in mine["data"]} == {"org_acme"}
    assert {one["org_id"] for one in theirs["data"]} == {"org_globex"}
    [number, *_] = [one["id"] for one in mine["data"] if one["status"] == "open"]
    paid = await read(acme, "invoicing_create_payment", invoice=number, amount=1_000)
    assert (paid["org_id"], paid["amount"]) == ("org_acme", 1_000)
    refused = await read(globex, "invoicing_get_invoice", id=number)
    assert f"There is no invoice {number}" in refused
    for connection, team in ((acme, "prj_website"), (globex, "prj_pipeline")):
        projects = json.dumps(await read(connection, "list_projects"))
        assert team in projects
    assert "prj_website" not in json.dumps(await read(globex, "list_projects"))

    assert suite.until_logged(7) == {
        ("org_acme", "invoicing"): 2,
        ("org_globex", "invoicing"): 2,
        ("org_acme", "orbit"): 1,
        ("org_globex", "orbit"): 2,
    }
    config = ("--config", deployment.folder / "gatepost.yaml")
    told = run(*GATEPOST, "usage", "calls", "--api", "invoicing", "--json", *config)
    calls = [json.loads(line) for line in told.splitlines()]
    assert Counter(call["tool"] for call in calls) == {
        "invoicing_list_invoices": 2,
        "invoicing_create_payment": 1,
        "invoicing_get_invoice": 1,
    }
    assert {call["api"] for call in calls} == {"invoicing"}
    assert f"{run(*GATEPOST, 'usage', 'reconcile', *config)}".startswith("The ledger and the usage")
    told = run(*GATEPOST, "usage", "show", "--tenant", "org_globex", "--json", *config)
    shares = {one["key"]: (one["calls"], one["units"]) for one in json.loads(told)["apis"]}
    costs = {api: suite.costs_of(api)["org_globex"] for api in ("invoicing", "orbit")}
    assert shares == {api: (2, units) for api, units in costs.items()}
    told = run(*GATEPOST, "usage", "show", "--tenant", "org_globex", *config)
    assert f"APIs:\n  orbit: {costs['orbit']} units" in told


async def test_an_mcp_server_is_one_more_api_for_a_python_and_a_typescript_agent(
    suite: Suite, ada: Person, bo: Person
) -> None:
    deployment = suite.deployment
    acme = await connect(deployment, ada)
    globex = await connect(deployment, bo)
    before = suite.calls_by_api()

    for connection, tenant in ((acme, "org_acme"), (globex, "org_globex")):
        wrote = await read(connection, "notes_write_note", text=f"milk for {tenant}")
        assert wrote == {"result": f"Written for {tenant}"}
    for connection, tenant in ((acme, "org_acme"), (globex, "org_globex")):
        found = await read(connection, "notes_find_notes", words="milk for")
        assert found == {"notes": [{"org": tenant, "text": f"milk for {tenant}"}]}
    assert "withheld" in await read(globex, "notes_leak_notes")
    for _ in range(2):
        assert (await globex.call("notes_draw")).content[0].type == "image"
    async with globex.client("legacy") as client:
        refused = await client.call_tool("notes_draw")
    assert refused.is_error
    assert "2 a minute" in refused.content[0].text  # type: ignore[union-attr]
    assert not (await acme.call("notes_draw")).is_error

    find = json.dumps({"name": "notes_find_notes", "arguments": {"words": "milk for"}})
    listing = json.dumps({"name": "list_projects", "arguments": {}})
    async with a_typescript_client("v2", deployment.resource, "auto", find, listing) as client:
        authorize = (await client.hear("authorize"))["authorize"]
        await client.tell(await ada.approve(authorize))
        await client.hear("sent")
        await client.hear("tools")
        found = (await client.hear("result"))["result"]["structuredContent"]
        assert found == {"notes": [{"org": "org_acme", "text": "milk for org_acme"}]}
        assert "prj_website" in json.dumps(await client.hear("result"))
        await client.hear("tokens")

    made = Counter(
        {
            ("org_acme", "notes"): 4,
            ("org_globex", "notes"): 6,
            ("org_acme", "orbit"): 1,
        }
    )
    assert suite.until_logged((before + made).total()) - before == made
    assert suite.costs_of("notes") == {"org_acme": 5 + 3, "org_globex": 5 + 3}
