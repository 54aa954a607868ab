"""People reduce and end the access of AI apps in the settings page of the SaaS itself."""

import re
from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx2
import pytest
from playwright.sync_api import Browser, Page, Route, ViewportSize, expect

from auth_server.administration.admin_tokens import PREFIX, create_admin_token
from auth_server.administration.operator import COMMAND_LINE
from auth_server.db.engine import open_database
from auth_server.rendering.static import STATIC
from gatepost.clock import utc_now
from support.browsers.axe import violations
from support.browsers.tour import off_the_loop, register_app, running_chromium
from support.in_process.oauth_client import REDIRECT_URI, OAuthClient
from support.in_process.person import ADA
from support.processes.deployment import SAAS_TOKEN, Connection, Deployment, a_person

pytestmark = pytest.mark.whole_machine

PHONE: ViewportSize = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The system's Chromium, only for this module: no async test can run at the same time."""
    with running_chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def orbit(on_sqlite: Deployment) -> Deployment:
    """Everything running, with an admin token for Orbit."""
    off_the_loop(trust_orbit(on_sqlite))
    return on_sqlite


async def trust_orbit(deployment: Deployment) -> None:
    """Store Orbit's admin token."""
    database = open_database(f"sqlite+aiosqlite:///{deployment.folder}/gatepost.db")
    async with database.writing() as db, db.begin():
        await create_admin_token(
            db,
            COMMAND_LINE,
            secret=SAAS_TOKEN.removeprefix(PREFIX),
            label="Orbit",
            scopes=["components:write"],
            lifetime=timedelta(days=1),
            now=utc_now(),
        )
    await database.close()


async def connect_app(deployment: Deployment, name: str) -> tuple[OAuthClient, Connection]:
    """Let Ada connect an app in Acme."""
    app = await register_app(deployment, name, REDIRECT_URI)
    async with a_person(ADA[0]) as ada, httpx2.AsyncClient(trust_env=False) as http:
        app.http = http
        return app, Connection(deployment, await app.connect(ada, tenant="Acme"))


async def refresh(app: OAuthClient, connection: Connection) -> httpx2.Response:
    """Refresh a connection's tokens."""
    async with httpx2.AsyncClient(trust_env=False) as http:
        app.http = http
        return await app.refresh(connection.tokens["refresh_token"])


def open_settings(page: Page, orbit: Deployment) -> None:
    """Sign Ada in to Orbit."""
    page.goto(f"{orbit.saas}/settings")
    page.get_by_label("Email address").fill(ADA[0])
    page.get_by_label("Password").fill(ADA[1])
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Organisation").select_option("Acme")


def test_a_person_reduces_and_ends_the_access_of_an_app_in_orbits_settings(
    orbit: Deployment, chromium: Browser
) -> None:
    """On a phone, below Orbit's policy of content security, and with a token that ends meanwhile."""
    app, connection = off_the_loop(connect_app(orbit, "Reading helper"))
    with chromium.new_context(viewport=PHONE) as context:
        page, complaints = context.new_page(), list[str]()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        open_settings(page, orbit)
        card = page.get_by_role("listitem").filter(
            has=page.get_by_role("heading", name="Reading helper")
        )
        expect(card).to_contain_text("team: design, engineering")

        ended = httpx2.delete(
            f"{orbit.issuer}/admin/v1/tenants/org_acme/component-tokens?person_id=usr_ada",
            headers={"Authorization": f"Bearer {SAAS_TOKEN}"},
            trust_env=False,
        )
        assert ended.status_code == 204
        card.get_by_role("button", name="Reduce access").press("Enter")
        card.get_by_role("checkbox", name="Search Tasks").uncheck()
        card.get_by_role("checkbox", name="design").uncheck()
        card.get_by_role("button", name="Save").click()
        expect(page.get_by_role("status")).to_have_text("Reading helper has less access now.")
        expect(card).to_contain_text("team: engineering")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        refreshed = off_the_loop(refresh(app, connection))
        connection = Connection(orbit, refreshed.json())
        tools = off_the_loop(connection.tool_names())
        assert "search_tasks" not in tools
        assert "create_task" in tools

        card.get_by_role("button", name="Disconnect").click()
        card.get_by_role("button", name="Cancel").click()
        expect(card.get_by_role("button", name="Disconnect")).to_be_focused()
        card.get_by_role("button", name="Disconnect").click()
        card.get_by_role("button", name="Disconnect").last.click()
        expect(page.get_by_role("status")).to_contain_text("Reading helper is disconnected.")
        expect(card).to_have_count(0)
        assert off_the_loop(refresh(app, connection)).status_code == 400
    # The browser notes the answer to the ended token; after it, the component asked for another.
    assert [one for one in complaints if "status of 401" not in one] == []
    assert len(complaints) == 1


def test_the_component_is_accessible_in_german_on_both_screens_and_shows_names_as_text(
    orbit: Deployment, chromium: Browser
) -> None:
    name = "<img src=x onerror=alert(1)>"
    off_the_loop(connect_app(orbit, name))
    with chromium.new_context(bypass_csp=True, locale="de-DE") as context:
        page = context.new_page()
        open_settings(page, orbit)
        page.evaluate("document.querySelector('gatepost-connections').lang = 'de'")
        card = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name=name))
        card.get_by_role("button", name="Zugriff einschränken").click()
        expect(card.get_by_role("group", name="Schreiben")).to_be_visible()
        card.get_by_role("checkbox", name="Create Task").first.focus()
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert violations(page) == []


class Stub:
    """A page with the component, and an API that notes the token of each request."""

    def __init__(self, page: Page) -> None:
        """Answer the requests of the page."""
        self.page = page
        self.seen: list[tuple[str, str, str]] = []
        self.detail: dict[str, Any] = {}
        self.changes: list[Any] = []
        page.route("**/*", self._answer)
        page.goto("https://app.example.com/settings")

    def _answer(self, route: Route) -> None:
        request, path = route.request, urlsplit(route.request.url).path
        if path == "/settings":
            route.fulfill(body=PAGE, content_type="text/html")
        elif path.startswith("/static/"):
            route.fulfill(path=STATIC / "gatepost-connections.js", content_type="text/javascript")
        else:
            token = request.headers["authorization"].removeprefix("Bearer ")
            self.seen.append((request.method, urlsplit(request.url).netloc, token))
            first = "after=&" in f"{urlsplit(request.url).query}&"
            shown: dict[str, Any] = {
                "items": [connection(f"{token} {1 if first else 2}")],
                "next": "x" if first else None,
            }
            if path.rpartition("/")[0].endswith("/connections"):
                shown = {**connection(token), **self.detail}
                shown["kinds"] = {"read": 2, "delete": 1}
                if request.method == "PATCH":
                    self.changes.append(request.post_data_json)
            headers = {"Access-Control-Allow-Origin": "https://app.example.com"}
            headers["Access-Control-Allow-Headers"] = "authorization, content-type"
            headers["Access-Control-Allow-Methods"] = "GET, PATCH, DELETE"
            status = 204 if request.method in {"DELETE", "OPTIONS"} else 200
            route.fulfill(status=status, json=shown, headers=headers)


PAGE = """<!doctype html><html lang="en"><title>Settings</title>
<script type="module" src="https://auth.example.com/static/gatepost-connections.js"></script>
<main><h1>Settings</h1><h2>AI apps</h2>
<gatepost-connections api="https://auth.example.com"></gatepost-connections></main></html>"""


def connection(name: str) -> dict[str, Any]:
    """A connection as the API shows it."""
    return {
        "grant_id": name,
        "client_name": name,
        "vouched_for": "",
        "kinds": {"read": 1},
        "data": {},
        "ends_at": "2027-01-01T00:00:00Z",
        "calls": 0,
        "by_tenant": False,
        "sub_agents": [],
    }


def test_a_token_that_comes_late_is_used_for_no_other_organisation_or_issuer_a303(
    chromium: Browser,
) -> None:
    """The person chooses another organisation before the back end has answered for the first one."""
    with chromium.new_context() as context:
        stub = Stub(context.new_page())
        page = stub.page
        page.evaluate(
            """() => {
              const element = document.querySelector("gatepost-connections");
              element.getToken = () => new Promise((give) => { window.answer = () => give("acme"); });
              element.getToken = async () => "globex";
            }"""
        )
        expect(page.get_by_role("heading", name="globex 1")).to_be_visible()
        page.evaluate("() => answer()")

        page.get_by_role("button", name="Disconnect").click()
        page.get_by_role("button", name="Disconnect").last.click()
        expect(page.get_by_role("status")).to_contain_text("globex 1 is disconnected.")
        assert stub.seen[-1] == ("DELETE", "auth.example.com", "globex")

        page.evaluate(
            """() => {
              const element = document.querySelector("gatepost-connections");
              element.getToken = async () => new URL(element.api).host;
              element.setAttribute("api", "https://other.example.com");
            }"""
        )
        expect(page.get_by_role("heading", name="other.example.com 1")).to_be_visible()
        assert stub.seen[-1] == ("GET", "other.example.com", "other.example.com")


def test_the_focus_stays_in_the_component_after_each_step(chromium: Browser) -> None:
    with chromium.new_context() as context:
        page = Stub(context.new_page()).page
        page.evaluate(
            """() => {
              let calls = 0;
              document.querySelector("gatepost-connections").getToken = async () =>
                calls++ < 2 ? null : "acme";
            }"""
        )
        again = page.get_by_role("button", name="Try again")
        again.press("Enter")
        expect(again).to_be_focused()
        again.press("Enter")
        expect(page.get_by_role("button", name="Reduce access")).to_be_focused()
        page.get_by_role("button", name="Show more").press("Enter")
        expect(page.get_by_role("heading", name="acme 2")).to_be_visible()
        expect(page.get_by_role("button", name="Reduce access").last).to_be_focused()


def listed_tool(name: str, title: str, kind: str, api: str) -> dict[str, str]:
    """A tool of a connection as the API shows it."""
    return {"name": name, "title": title, "description": "", "kind": kind, "api": api}


def test_the_tools_of_several_apis_stand_under_their_titles(chromium: Browser) -> None:
    with chromium.new_context(bypass_csp=True) as context:
        stub = Stub(context.new_page())
        page = stub.page
        stub.detail = {
            "choices": {"team": ["design"]},
            "apis": [
                {"name": "orbit", "title": "Orbit"},
                {"name": "billing", "title": "Invoices <b>"},
                {"name": "unused", "title": "Unused"},
            ],
            "tools": [
                listed_tool("billing_pay", "Pay", "delete", "billing"),
                listed_tool("billing_list", "List invoices", "read", "billing"),
                listed_tool("list", "List tasks", "read", "orbit"),
            ],
        }
        page.evaluate(
            "document.querySelector('gatepost-connections').getToken = async () => 'acme'"
        )
        page.get_by_role("button", name="Reduce access").first.click()

        expect(page.get_by_role("heading", level=4)).to_have_text(["Orbit", "Invoices <b>", "Data"])
        expect(page.locator("legend")).to_have_text(
            ["Orbit: Read", "Invoices <b>: Read", re.compile("Invoices <b>: Delete"), "Data: team"]
        )
        expect(page.get_by_role("group", name="Orbit: Read").get_by_role("checkbox")).to_have_count(
            1
        )
        schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
        for scheme, width in product(schemes, (1280, 390)):
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": 900})
            assert violations(page) == []
        page.get_by_role("checkbox", name="Pay").uncheck()
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("status")).to_contain_text("less access")
        assert stub.changes == [{"tools": ["list", "billing_list"]}]


def test_the_tools_of_a_single_api_have_no_heading(chromium: Browser) -> None:
    """Also those of a release that names no API."""
    with chromium.new_context() as context:
        stub = Stub(context.new_page())
        tool = listed_tool("list", "List tasks", "read", "")
        del tool["api"]
        stub.detail = {"choices": {"team": ["design"]}, "tools": [tool]}
        stub.page.evaluate(
            "document.querySelector('gatepost-connections').getToken = async () => 'acme'"
        )
        stub.page.get_by_role("button", name="Reduce access").first.click()
        expect(stub.page.locator("legend")).to_have_text(["Read", "Data: team"])
        expect(stub.page.get_by_role("heading", level=4)).to_have_count(0)
