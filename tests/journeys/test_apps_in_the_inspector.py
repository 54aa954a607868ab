"""Apps in the MCP Inspector: its own client, sandbox and policy, against the whole product."""

import asyncio
import json
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect

from gatepost_cli.demo import show_apps
from support.browsers.tour import off_the_loop, running_chromium
from support.in_process.person import ADA
from support.processes.deployment import (
    Connection,
    Deployment,
    a_person,
    connect,
    running_deployment,
)
from support.processes.services import POLL_SECONDS, free_port, running_service

pytestmark = pytest.mark.whole_machine

PACKAGES = Path(__file__).parents[1] / "node/node_modules"
LAUNCHER = PACKAGES / "@modelcontextprotocol/inspector/clients/launcher/build/index.js"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The system's Chromium, only for this module: no async test can run at the same time."""
    with running_chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def deployment(
    tmp_path_factory: pytest.TempPathFactory, seeded_sqlite: Path
) -> Iterator[Deployment]:
    """Everything running, with the demo's apps."""
    folder = tmp_path_factory.mktemp("apps")
    shutil.copy(seeded_sqlite, folder / "gatepost.db")
    with running_deployment(folder, "sqlite+aiosqlite:///gatepost.db") as running:
        show_apps(folder / "tools.yaml")
        yield running


async def connect_ada(deployment: Deployment, untick: Collection[str] = ()) -> Connection:
    """Connect an app for Ada, of Acme, who unticks some tools; wait until the gateway has the apps."""
    async with a_person(ADA[0]) as ada:
        connection = await connect(deployment, ada, untick=untick)
    # A modern client would keep the first list for a minute.
    async with connection.client("legacy") as client:
        for _ in range(600):
            if any(tool.meta for tool in (await client.list_tools()).tools):
                return connection
            await asyncio.sleep(POLL_SECONDS)
    raise AssertionError("The gateway did not load the changed manifest.")


@contextmanager
def open_inspector(connection: Connection, folder: Path) -> Iterator[str]:
    """Run the Inspector with one connection; return the address of its page."""
    server = {
        "type": "streamable-http",
        "url": connection.deployment.resource,
        "headers": connection.headers,
    }
    config = folder / "mcp.json"
    config.write_text(json.dumps({"mcpServers": {"orbit": server}}))
    port, token = free_port(), token_hex(16)
    url = f"http://127.0.0.1:{port}"
    environment = {
        "HOST": "127.0.0.1",
        "CLIENT_PORT": str(port),
        "MCP_SANDBOX_PORT": str(free_port()),
        "MCP_APP_ORIGIN_PORT": str(free_port()),
        "MCP_AUTO_OPEN_ENABLED": "false",
        "MCP_INSPECTOR_API_TOKEN": token,
        "MCP_INSPECTOR_SECRET_STORE": "memory",
        "HOME": str(folder),
    }
    argv = (PACKAGES / ".bin/node", LAUNCHER, "--web", "--config", config)
    with running_service(argv, url=url, log=folder / "inspector.log", env=environment):
        yield f"{url}/?{urlencode({'MCP_INSPECTOR_API_TOKEN': token})}"


def open_app(page: Page, tool: str, **arguments: str) -> FrameLocator:
    """Call a tool in the place of a model, and return the frame of its app."""
    page.get_by_role("button", name=tool).click()
    for name, value in arguments.items():
        page.get_by_test_id("apps-form").get_by_role("textbox", name=name).fill(value)
    page.get_by_test_id("open-app").click()
    return page.frame_locator("iframe").frame_locator("iframe")


def connect_inspector(page: Page, address: str) -> None:
    """Connect to the one server, and show its apps."""
    page.goto(address)
    # The switch itself is invisible; its label shows a picture of it.
    page.get_by_role("switch").click(force=True)
    page.get_by_text("Apps", exact=True).click()


def test_tasks_are_read_opened_changed_and_created(
    deployment: Deployment, chromium: Browser, tmp_path: Path
) -> None:
    connection = off_the_loop(connect_ada(deployment))
    with (
        open_inspector(connection, tmp_path) as address,
        chromium.new_context(viewport={"width": 1800, "height": 1000}) as context,
    ):
        page = context.new_page()
        connect_inspector(page, address)
        expect(page.get_by_text("MCP Apps (3)")).to_be_visible()
        app = open_app(page, "List tasks")
        expect(app.get_by_role("status")).to_have_text("20 entries")
        first = app.get_by_role("rowheader").first
        title = first.inner_text()
        app.get_by_role("button", name="Next page").click()
        expect(app.get_by_role("status")).to_contain_text("page 2")
        expect(first).not_to_have_text(title)
        app.get_by_role("button", name="Previous page").click()
        expect(first).to_have_text(title)

        app.get_by_role("button", name=title).click()
        expect(app.get_by_role("heading", name="Task")).to_be_visible()
        app.get_by_role("button", name="Update task").click()
        app.get_by_label("Title").fill("Changed in the Inspector")
        app.get_by_role("button", name="Update task").click()
        expect(app.get_by_text("Changed in the Inspector")).to_be_visible()
        sql = "SELECT org_id FROM tasks WHERE title = ?"
        assert deployment.rows(sql, "Changed in the Inspector") == [{"org_id": "org_acme"}]

        wrong = {"project_id": "prj_nothing", "title": "Made in the Inspector"}
        app = open_app(page, "Create task", **wrong)
        expect(app.get_by_role("alert")).to_contain_text("project")
        expect(app.get_by_label("Title")).to_have_value("Made in the Inspector")
        app.get_by_label("Project ID").fill("prj_website")
        app.get_by_role("button", name="Create task").click()
        expect(app.get_by_role("status")).to_have_text("Done.")
        assert deployment.rows(sql, "Made in the Inspector") == [{"org_id": "org_acme"}]


def test_what_the_person_unticked_is_in_no_app(
    deployment: Deployment, chromium: Browser, tmp_path: Path
) -> None:
    connection = off_the_loop(connect_ada(deployment, untick=["create_task", "update_task"]))
    with (
        open_inspector(connection, tmp_path) as address,
        chromium.new_context(viewport={"width": 1800, "height": 1000}) as context,
    ):
        page = context.new_page()
        connect_inspector(page, address)
        expect(page.get_by_text("MCP Apps (2)")).to_be_visible()
        app = open_app(page, "List tasks")
        app.get_by_role("rowheader").first.get_by_role("button").click()
        expect(app.get_by_role("heading", name="Task")).to_be_visible()
        expect(app.get_by_role("button")).to_have_text(["Back"])
