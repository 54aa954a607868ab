"""Two APIs behind one gateway, from one consent to the books, with the official client."""

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

    def until_logged(self, calls: int) -> Counter[tuple[str, str]]:
        """Wait until so many calls are in the call log."""
        while (found := self.calls_by_api()).total() < calls:
            sleep(POLL_SECONDS)
        return found


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory, seeded_sqlite: Path) -> Iterator[Suite]:
    folder = tmp_path_factory.mktemp("several-apis")
    copy(seeded_sqlite, folder / "gatepost.db")
    ports = [free_port() for _ in range(5)]
    urls = [f"http://127.0.0.1:{port}" for port in ports]
    issuer, gateway, other, saas, invoicing = urls
    deployment = Deployment(issuer, f"{gateway}/mcp", f"{other}/mcp", saas, folder)
    configure(deployment, "sqlite+aiosqlite:///gatepost.db")
    run(*INVOICING, "--write", folder / "invoicing")
    put_both_behind_one(folder / "gatepost.yaml", saas, invoicing)
    trust = (
        *("--gatepost-issuer", deployment.resource),
        *("--gatepost-jwks-url", f"{gateway}/.well-known/jwks.json"),
    )
    config = folder / "gatepost.yaml"
    with ExitStack() as stack:
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


def put_both_behind_one(config: Path, saas: str, invoicing: str) -> None:
    """Write the settings of both APIs in place of those of one."""
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
