"""A person in a real browser signs in, chooses an organisation, consents and returns to the app."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from threading import Thread
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, Page, Request, expect

from gatepost.api_keys import ACCESS_TOKEN_TYPE, TOKEN_EXCHANGE
from support.browsers.axe import violations
from support.browsers.tour import CURSOR, off_the_loop, register_app, running_chromium, sign_in
from support.in_process.oauth_client import OAuthClient, answer_of
from support.in_process.revocations import read_unverified
from support.processes.deployment import Connection, Deployment, origin

pytestmark = pytest.mark.whole_machine

CURSOR_ORIGIN = "cursor://anysphere.cursor-mcp"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The system's Chromium, only for this module: no async test can run at the same time."""
    with running_chromium() as browser:
        yield browser


@dataclass
class Listener:
    """Where the client waits for the browser to come back."""

    origin: str
    arrived: Queue[str]

    @property
    def redirect_uri(self) -> str:
        """The client's registration."""
        return f"{self.origin}/callback"

    def wait(self) -> dict[str, str]:
        """Read the parameters that the browser returned."""
        return answer_of(self.arrived.get(timeout=20))


@pytest.fixture
def callback() -> Iterator[Listener]:
    """A loopback listener for the redirect (RFC 8252 §7.3)."""
    arrived: Queue[str] = Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            # The empty icon keeps the browser from asking for one.
            self.wfile.write(b'<!doctype html><link rel="icon" href="data:,"><h1>Connected</h1>')
            arrived.put(self.path)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield Listener(f"http://127.0.0.1:{server.server_port}", arrived)
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Seen:
    """A browser's console messages and requests."""

    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Note every error and warning in the console, and every request."""
        page.on("console", lambda message: self._note(message.type, message.text))
        page.on("pageerror", lambda error: self._note("error", str(error)))
        page.on("request", self._sent)

    def _note(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.complaints.append(text)

    def _sent(self, request: Request) -> None:
        self.requests.append(request.url)

    @property
    def origins(self) -> set[str]:
        """The origins of all requests."""
        return {origin(url) for url in self.requests if not url.startswith("data:")}


@contextmanager
def a_tab(
    chromium: Browser,
    *origins: str,
    refused: Sequence[int] = (),
    **options: Any,
) -> Iterator[tuple[Page, Seen]]:
    """Open a tab of a browser without cookies; at the end, it must not have shown an error.

    Args:
        chromium: the browser.
        origins: where requests may go.
        refused: the error statuses of pages that the test asks for, which the console notes too.
        options: of the browser's context.
    """
    seen = Seen()
    with chromium.new_context(**options) as context:
        page = context.new_page()
        seen.watch(page)
        yield page, seen
    noted = [re.sub(r".* a status of (\d+) .*", r"\1", words) for words in seen.complaints]
    assert noted == [str(status) for status in refused]
    assert seen.origins <= set(origins)


async def redeem(deployment: Deployment, client: OAuthClient, code: str) -> Connection:
    """Redeem the code that the browser brought."""
    async with httpx2.AsyncClient(trust_env=False) as http:
        client.http = http
        tokens = await client.redeem(code)
    assert tokens.status_code == 200, tokens.text
    return Connection(deployment, tokens.json())


async def refresh(deployment: Deployment, client: OAuthClient, of: Connection) -> Connection:
    """Refresh a connection's tokens."""
    async with httpx2.AsyncClient(trust_env=False) as http:
        client.http = http
        tokens = await client.refresh(of.tokens["refresh_token"])
    assert tokens.status_code == 200, tokens.text
    return Connection(deployment, tokens.json())


def choose(page: Page, tenant: str = "Acme") -> None:
    """Choose an organisation: the first time on a separate page, later on the consent page."""
    page.wait_for_url(re.compile("/(tenant|consent)\\?"))
    if "/consent?" in page.url:
        if page.locator(".facts strong", has_text=tenant).count():
            return
        page.get_by_text("Change", exact=True).click()
    page.get_by_role("button", name=tenant).click()
    expect(page.locator(".facts strong", has_text=tenant)).to_be_visible()


def reach_consent(page: Page, url: str, tenant: str = "Acme") -> None:
    """Open the link, sign in, choose an organisation."""
    page.goto(url)
    sign_in(page)
    choose(page, tenant)
    expect(page.get_by_role("button", name="Approve")).to_be_visible()


def test_the_app_can_use_the_tools_that_ada_left_selected_a48(
    on_sqlite: Deployment, chromium: Browser, callback: Listener
) -> None:
    app = off_the_loop(register_app(on_sqlite, "Test client", callback.redirect_uri))
    with a_tab(chromium, on_sqlite.issuer, callback.origin, refused=[401]) as (page, _):
        page.goto(app.authorize_url())
        sign_in(page, password="not-her-password")
        expect(page.get_by_role("alert")).to_contain_text("Incorrect e-mail or password")
        sign_in(page)
        choose(page)
        expect(page.get_by_role("heading", level=1)).to_contain_text("Test client")
        page.locator(".group-title", has_text=re.compile("^Read$")).click()
        page.locator(".group-title", has_text=re.compile("^Write$")).click()
        page.get_by_role("checkbox", name="Search Tasks").uncheck()
        expect(page.get_by_role("checkbox", name="Create Task")).to_be_checked()
        expect(page.get_by_role("checkbox", name="Delete Task")).not_to_be_checked()
        page.get_by_role("button", name="Approve").click()
        page.wait_for_url(f"{callback.redirect_uri}?*")
        expect(page.get_by_role("heading")).to_have_text("Connected")

    answer = callback.wait()
    assert set(answer) == {"code", "state", "iss"}
    assert (answer["state"], answer["iss"]) == (app.state, on_sqlite.issuer)
    connection = off_the_loop(redeem(on_sqlite, app, answer["code"]))
    tools = off_the_loop(connection.tool_names())
    assert "create_task" in tools
    assert not {"search_tasks", "delete_task"} & set(tools)
    made = off_the_loop(connection.call("create_task", project_id="prj_website", title="Clicked"))
    assert not made.is_error
    assert on_sqlite.rows("SELECT created_by FROM tasks WHERE title = 'Clicked'") == [
        {"created_by": "usr_ada"}
    ]


def test_ada_says_no_and_the_app_is_told_so(
    on_sqlite: Deployment, chromium: Browser, callback: Listener
) -> None:
    app = off_the_loop(register_app(on_sqlite, "Test client", callback.redirect_uri))
    with a_tab(chromium, on_sqlite.issuer, callback.origin) as (page, _):
        reach_consent(page, app.authorize_url())
        page.get_by_role("button", name="Deny").click()
        page.wait_for_url(f"{callback.redirect_uri}?*")

    answer = callback.wait()
    assert answer["error"] == "access_denied"
    assert (answer["state"], answer["iss"]) == (app.state, on_sqlite.issuer)
    assert "code" not in answer


def test_everything_works_with_javascript_switched_off(
    on_sqlite: Deployment, chromium: Browser, callback: Listener
) -> None:
    app = off_the_loop(register_app(on_sqlite, "Test client", callback.redirect_uri))
    scriptless: dict[str, Any] = {"java_script_enabled": False}
    with a_tab(chromium, on_sqlite.issuer, callback.origin, **scriptless) as (page, _):
        reach_consent(page, app.authorize_url())
        page.get_by_role("button", name="Approve").click()
        page.wait_for_url(f"{callback.redirect_uri}?*")

    assert "code" in callback.wait()


def test_no_page_is_wider_than_a_phone(on_sqlite: Deployment, chromium: Browser) -> None:
    app = off_the_loop(register_app(on_sqlite, "Test client", CURSOR))
    phone: dict[str, Any] = {
        "viewport": {"width": 390, "height": 844},
        "is_mobile": True,
        "has_touch": True,
    }
    with a_tab(chromium, on_sqlite.issuer, CURSOR_ORIGIN, refused=[401, 400], **phone) as (page, _):

        def require_fit(title: str) -> None:
            expect(page).to_have_title(re.compile(title))
            assert page.evaluate("document.documentElement.scrollWidth") == 390, title
            assert page.evaluate("innerWidth") == 390, title

        page.goto(app.authorize_url())
        require_fit("Sign in")
        sign_in(page, password="not-her-password")
        expect(page.get_by_role("alert")).to_be_visible()
        require_fit("Sign in")
        sign_in(page)
        page.wait_for_url(re.compile("/(tenant|consent)\\?"))
        page.goto(page.url.replace("/consent?", "/tenant?"))
        require_fit("Choose an organisation")
        page.get_by_role("button", name="Acme").click()
        require_fit("wants to access")
        for summary in page.locator(".group summary").all():
            summary.click()
        require_fit("wants to access")
        page.get_by_role("button", name="Deny").click()
        require_fit("Back to")
        page.goto(f"{on_sqlite.issuer}/authorize?client_id=nobody")
        require_fit("sent an invalid request")


def test_an_app_with_a_scheme_of_its_own_gets_a_page_with_a_link_that_leads_to_it(
    on_sqlite: Deployment, chromium: Browser
) -> None:
    app = off_the_loop(register_app(on_sqlite, "Test client", CURSOR))
    with a_tab(chromium, on_sqlite.issuer, CURSOR_ORIGIN) as (page, _):
        reach_consent(page, app.authorize_url())
        # No program here handles the scheme: Chromium requests the URL and stays on the page.
        with page.expect_request(lambda request: request.url.startswith("cursor:")) as left_for:
            page.get_by_role("button", name="Approve").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("is connected")
        target = page.get_by_role("link", name="Continue").get_attribute("href")

    assert target is not None
    assert target == left_for.value.url
    assert target.startswith(f"{CURSOR}?")
    answer = answer_of(target)
    assert (answer["state"], answer["iss"]) == (app.state, on_sqlite.issuer)
    connection = off_the_loop(redeem(on_sqlite, app, answer["code"]))
    assert off_the_loop(connection.tool_names())


# --- the consent page -----------------------------------------------------------------------------


def test_presets_counts_and_search_work_and_selected_tools_are_granted_a48(
    on_sqlite: Deployment, chromium: Browser, callback: Listener
) -> None:
    app = off_the_loop(register_app(on_sqlite, "Test client", callback.redirect_uri))
    with a_tab(chromium, on_sqlite.issuer, callback.origin) as (page, seen):
        reach_consent(page, app.authorize_url())
        asked = len(seen.requests)
        reads = page.locator("[data-group=read]")
        everything = page.get_by_role("button", name="Everything requested")
        page.get_by_role("button", name="Read only").click()
        expect(page.locator("[data-group=change] [data-count]")).to_contain_text("none of")
        everything.click()
        expect(everything).to_have_attribute("aria-pressed", "true")
        expect(page.locator("[data-group=delete] [data-count]")).to_contain_text("all")
        page.get_by_role("searchbox").fill("search tasks")
        expect(page.get_by_role("checkbox", name="Search Tasks")).to_be_visible()
        expect(page.get_by_role("checkbox", name="List Projects")).to_have_count(0)
        page.get_by_role("checkbox", name="Search Tasks").uncheck()
        expect(page.get_by_text("Custom", exact=True)).to_be_visible()
        page.get_by_role("searchbox").fill("no tool is called so")
        expect(page.get_by_text("No tools found.")).to_be_visible()
        page.get_by_role("searchbox").fill("")
        expect(reads.locator("[data-count]")).to_contain_text(" of ")
        page.locator(".group-title", has_text=re.compile("^Write$")).click()
        page.locator("[data-group=change]").get_by_role("button", name="Clear all").click()
        assert len(seen.requests) == asked
        page.get_by_role("button", name="Approve").click()
        page.wait_for_url(f"{callback.redirect_uri}?*")

    connection = off_the_loop(redeem(on_sqlite, app, callback.wait()["code"]))
    tools = set(off_the_loop(connection.tool_names()))
    assert {"list_tasks", "delete_task"} <= tools
    assert not {"search_tasks", "create_task", "update_task"} & tools


def test_presets_and_data_work_with_javascript_switched_off(
    on_sqlite: Deployment, chromium: Browser, callback: Listener
) -> None:
    app = off_the_loop(register_app(on_sqlite, "Test client", callback.redirect_uri))
    scriptless: dict[str, Any] = {"java_script_enabled": False}
    with a_tab(chromium, on_sqlite.issuer, callback.origin, **scriptless) as (page, _):
        reach_consent(page, app.authorize_url())
        expect(page.get_by_role("searchbox")).to_be_hidden()
        page.get_by_role("checkbox", name="design").uncheck()
        page.get_by_role("button", name="Read only").click()
        expect(page.get_by_role("checkbox", name="design")).not_to_be_checked()
        page.get_by_role("button", name="Approve").click()
        page.wait_for_url(f"{callback.redirect_uri}?*")

    connection = off_the_loop(redeem(on_sqlite, app, callback.wait()["code"]))
    assert "create_task" not in off_the_loop(connection.tool_names())
    listed = off_the_loop(connection.call("list_tasks", limit=50)).structured_content
    assert {task["team"] for task in (listed or {})["items"]} == {"engineering"}


def test_an_app_that_asks_for_more_is_shown_with_what_is_new_a49(
    on_sqlite: Deployment, chromium: Browser, callback: Listener
) -> None:
    app = off_the_loop(register_app(on_sqlite, "Test client", callback.redirect_uri))
    with a_tab(chromium, on_sqlite.issuer, callback.origin) as (page, _):
        reach_consent(page, app.authorize_url(scope="mcp:read"))
        page.get_by_role("button", name="Approve").click()
        page.wait_for_url(f"{callback.redirect_uri}?*")
        callback.wait()
        page.goto(app.authorize_url(scope="mcp:read mcp:write"))
        expect(page.get_by_role("heading", level=1)).to_contain_text("wants more access")
        expect(page.locator("#picker > [data-group=read]")).to_have_count(0)
        expect(page.locator("#picker > [data-group=change]")).to_be_visible()
        expect(page.get_by_text("Approved on")).to_be_visible()
        expect(page.get_by_role("checkbox", name="List Projects")).to_be_hidden()
        page.get_by_role("button", name="Approve").click()
        page.wait_for_url(f"{callback.redirect_uri}?*")

    connection = off_the_loop(redeem(on_sqlite, app, callback.wait()["code"]))
    tools = set(off_the_loop(connection.tool_names()))
    assert {"list_projects", "create_task"} <= tools and "delete_task" not in tools


def test_the_organisation_is_changed_on_the_consent_page_and_the_app_gets_its_rows_a53(
    on_sqlite: Deployment, chromium: Browser, callback: Listener
) -> None:
    app = off_the_loop(register_app(on_sqlite, "Test client", callback.redirect_uri))
    with a_tab(chromium, on_sqlite.issuer, callback.origin) as (page, _):
        reach_consent(page, app.authorize_url(), tenant="Acme")
        page.get_by_text("Change", exact=True).click()
        page.get_by_role("button", name="Globex").click()
        expect(page.locator(".facts strong", has_text="Globex")).to_be_visible()
        expect(page.get_by_text("The data you can see in Globex")).to_be_visible()
        page.get_by_role("button", name="Approve").click()
        page.wait_for_url(f"{callback.redirect_uri}?*")

    connection = off_the_loop(redeem(on_sqlite, app, callback.wait()["code"]))
    listed = off_the_loop(connection.call("list_tasks", limit=50)).structured_content
    assert {task["team"] for task in (listed or {})["items"]} == {"sales"}


def test_a_web_app_gets_its_answer_over_https_under_the_same_policy_a54(
    on_sqlite: Deployment, chromium: Browser
) -> None:
    redirect_uri = "https://app.example/callback"
    app = off_the_loop(register_app(on_sqlite, "Test client", redirect_uri))
    arrived = []
    with a_tab(chromium, on_sqlite.issuer, "https://app.example") as (page, _):

        def answer(route: Any) -> None:
            arrived.append(route.request.url)
            route.fulfill(
                content_type="text/html",
                body='<!doctype html><link rel="icon" href="data:,"><h1>Connected</h1>',
            )

        page.route("https://app.example/**", answer)
        reach_consent(page, app.authorize_url())
        page.get_by_role("button", name="Approve").click()
        page.wait_for_url(f"{redirect_uri}?*")
        expect(page.get_by_role("heading")).to_have_text("Connected")

    (url,) = arrived
    connection = off_the_loop(redeem(on_sqlite, app, answer_of(url)["code"]))
    assert off_the_loop(connection.tool_names())


def test_the_back_button_and_a_second_tab_give_no_second_answer_a50(
    on_sqlite: Deployment, chromium: Browser, callback: Listener
) -> None:
    app = off_the_loop(register_app(on_sqlite, "Test client", callback.redirect_uri))
    with a_tab(chromium, on_sqlite.issuer, callback.origin, refused=[400]) as (page, _):
        reach_consent(page, app.authorize_url())
        second = page.context.new_page()
        second.goto(page.url)
        second.get_by_role("button", name="Approve").wait_for()
        page.get_by_role("button", name="Approve").click()
        page.wait_for_url(f"{callback.redirect_uri}?*")
        assert "code" in callback.wait()
        second.get_by_role("button", name="Approve").click()
        expect(second.get_by_role("heading", level=1)).to_have_text("This request has expired")
        page.go_back()
        expect(page.get_by_role("heading", level=1)).to_have_text("This request has expired")

    assert callback.arrived.empty()


def test_a_tool_removed_on_connected_apps_is_refused_at_the_gateway_a48(
    on_sqlite: Deployment, chromium: Browser, callback: Listener
) -> None:
    app = off_the_loop(register_app(on_sqlite, "Test client", callback.redirect_uri))
    with a_tab(chromium, on_sqlite.issuer, callback.origin) as (page, _):
        reach_consent(page, app.authorize_url())
        page.get_by_role("button", name="Approve").click()
        page.wait_for_url(f"{callback.redirect_uri}?*")
        connection = off_the_loop(redeem(on_sqlite, app, callback.wait()["code"]))
        page.goto(f"{on_sqlite.issuer}/account/apps")
        card = page.locator(".card", has_text="Test client").first
        card.get_by_role("link", name="Manage").click()
        page.get_by_role("button", name="Read only").click()
        page.get_by_role("checkbox", name="design").uncheck()
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("Saved. The change applies")).to_be_visible()

        narrowed = off_the_loop(refresh(on_sqlite, app, connection))
        assert "create_task" not in off_the_loop(narrowed.tool_names())
        listed = off_the_loop(narrowed.call("list_tasks", limit=50)).structured_content
        assert {task["team"] for task in (listed or {})["items"]} == {"engineering"}
        page.get_by_text("Disconnect", exact=True).click()
        page.get_by_role("button", name="Disconnect Test client").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Connected apps")

    async def handle_callback() -> int:
        async with httpx2.AsyncClient(trust_env=False) as http:
            app.http = http
            return (await app.refresh(narrowed.tokens["refresh_token"])).status_code

    assert off_the_loop(handle_callback()) == 400


def test_a_person_ends_a_sub_agent_on_a_phone_in_german(
    on_sqlite: Deployment, chromium: Browser, callback: Listener
) -> None:
    types = ["authorization_code", "refresh_token", TOKEN_EXCHANGE]
    app = off_the_loop(register_app(on_sqlite, "Planner", callback.redirect_uri, grant_types=types))
    phone: dict[str, Any] = {"locale": "de-DE", "viewport": {"width": 390, "height": 844}}
    with a_tab(chromium, on_sqlite.issuer, callback.origin, **phone) as (page, _):
        page.goto(app.authorize_url())
        page.get_by_label("E-Mail-Adresse").fill("ada@acme.example")
        page.get_by_label("Passwort").fill("gatepost-demo")
        page.get_by_role("button", name="Anmelden", exact=True).click()
        acme, approve = (page.get_by_role("button", name=name) for name in ("Acme", "Erlauben"))
        expect(acme.or_(approve).first).to_be_visible()
        if not approve.is_visible():  # another test has made Acme Ada's usual organisation
            acme.click()
        approve.click()
        page.wait_for_url(f"{callback.redirect_uri}?*")
        connection = off_the_loop(redeem(on_sqlite, app, callback.wait()["code"]))
        above = off_the_loop(hand_on(app, connection.tokens["access_token"], "researcher"))
        off_the_loop(hand_on(app, above, "reader"))

        page.goto(f"{on_sqlite.issuer}/account/apps")
        card = page.locator(".card", has_text="Planner").first
        expect(card.get_by_role("heading", name="Unteragenten")).to_be_visible()
        width = page.evaluate("document.documentElement.scrollWidth")
        card.get_by_role("button", name="Beenden researcher").click()

        expect(page.get_by_role("heading", level=1)).to_have_text("Verbundene Apps")
        expect(page.get_by_text("reader")).to_have_count(0)
    assert width == 390


async def hand_on(app: OAuthClient, token: str, name: str) -> str:
    """Exchange a token for a sub-agent's."""
    async with httpx2.AsyncClient(trust_env=False) as http:
        app.http = http
        answer = await app.token(
            grant_type=TOKEN_EXCHANGE,
            subject_token=token,
            subject_token_type=ACCESS_TOKEN_TYPE,
            actor_name=name,
            scope="mcp:read",
        )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


@pytest.mark.parametrize("width", [1280, 390])
def test_two_organisations_are_connected_side_by_side_in_german(
    on_sqlite: Deployment, chromium: Browser, callback: Listener, width: int
) -> None:
    resource = on_sqlite.resource
    app = off_the_loop(register_app(on_sqlite, "Test client", callback.redirect_uri))
    with a_tab(
        chromium,
        on_sqlite.issuer,
        callback.origin,
        refused=[403],
        bypass_csp=True,  # it would block axe as well
        reduced_motion="reduce",
        viewport={"width": width, "height": 900},
    ) as (page, _):
        page.goto(f"{on_sqlite.issuer}/account/apps")
        sign_in(page)
        for tenant_id, name in (("org_acme", "Acme"), ("org_globex", "Globex")):
            address = f"{resource}/o/{tenant_id}"
            page.goto(app.authorize_url(resource=address, ui_locales="de"))
            expect(page.get_by_role("button", name="Erlauben")).to_be_visible()
            expect(page.locator(".facts strong", has_text=name)).to_be_visible()
            expect(page.get_by_text(address)).to_be_visible()
            expect(page.get_by_text("Ändern", exact=True)).to_have_count(0)
            require_accessible(page)
            page.get_by_role("button", name="Erlauben").click()
            page.wait_for_url(f"{callback.redirect_uri}?*")
            app.resource = address
            code = callback.wait()["code"]
            connection = off_the_loop(redeem(on_sqlite, app, code))
            assert read_unverified(connection.tokens["access_token"])[0].tenant_id == tenant_id

        page.goto(app.authorize_url(resource=f"{resource}/o/nobody", ui_locales="de"))
        expect(page.get_by_role("heading", level=1)).to_have_text(
            "Sie sind kein Mitglied dieser Organisation"
        )
        require_accessible(page)
        page.get_by_role("link", name="Zurück zu Test client, ohne zu verbinden").click()
        page.wait_for_url(f"{callback.redirect_uri}?*")
        assert callback.wait()["error"] == "access_denied"
        page.goto(f"{on_sqlite.issuer}/account/organisations")
        expect(page.get_by_text(f"{resource}/o/org_globex")).to_be_visible()
        require_accessible(page)
        page.get_by_role("link", name="App verbinden Globex").click()
        expect(page.get_by_role("heading", name="Server-URL").first).to_be_visible()
        expect(page.get_by_text(f"{resource}/o/org_globex", exact=True)).to_be_visible()
        require_accessible(page)


def require_accessible(page: Page) -> None:
    """Require that axe finds nothing, and that the page is not wider than the screen."""
    assert violations(page) == []
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
