"""Page behaviour that needs a real browser: frames, the back button, the script, the keyboard."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from playwright.sync_api import Browser, expect

from support.browsers.tour import running_chromium, sign_in
from support.mail.printed import newest_match
from support.processes.deployment import Deployment

pytestmark = pytest.mark.whole_machine


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The system's Chromium, only for this module: no async test can run at the same time."""
    with running_chromium() as browser:
        yield browser


@pytest.fixture
def framing_site(on_sqlite: Deployment) -> Iterator[str]:
    """Another site, with the sign-in page in a frame."""
    html = f'<!doctype html><title>Win</title><iframe src="{on_sqlite.issuer}/sign-in"></iframe>'

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://localhost:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def test_another_site_shows_no_page_of_ours_in_a_frame_a43(
    chromium: Browser, framing_site: str
) -> None:
    with chromium.new_context() as context:
        page = context.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.goto(framing_site)
        frame = page.frames[1]
        assert frame.get_by_label("Password").count() == 0
        assert any("frame-ancestors" in text for text in said)


def test_the_way_back_after_signing_out_shows_nothing_of_the_account_a55(
    on_sqlite: Deployment, chromium: Browser
) -> None:
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto(f"{on_sqlite.issuer}/account/sessions")
        sign_in(page)
        expect(page.get_by_role("heading", level=1)).to_have_text("Sessions")
        page.get_by_role("button", name="Sign out", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
        page.go_back()
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
        assert "ada@acme.example" not in page.content()


def test_a_click_copies_the_servers_address_and_says_so(
    on_sqlite: Deployment, chromium: Browser
) -> None:
    with chromium.new_context(permissions=["clipboard-read", "clipboard-write"]) as context:
        page = context.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(f"{on_sqlite.issuer}/")
        page.get_by_role("button", name="Copy").first.click()
        expect(page.get_by_role("status")).to_have_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()") == on_sqlite.resource
        assert complaints == []


def test_without_a_script_the_address_can_be_selected_and_no_button_is_dead(
    on_sqlite: Deployment, chromium: Browser
) -> None:
    with chromium.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{on_sqlite.issuer}/")
        expect(page.get_by_text(on_sqlite.resource, exact=True).first).to_be_visible()
        expect(page.get_by_role("button", name="Copy").first).to_be_hidden()


def test_the_keyboard_skips_to_the_content_and_sees_where_it_is(
    on_sqlite: Deployment, chromium: Browser
) -> None:
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto(f"{on_sqlite.issuer}/")
        page.keyboard.press("Tab")
        skip = page.get_by_role("link", name="Skip to content")
        expect(skip).to_be_focused()
        expect(skip).to_be_in_viewport()
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        page.keyboard.press("Tab")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"


def test_a_password_is_reset_once_and_the_other_browser_is_signed_out(
    on_sqlite: Deployment, chromium: Browser
) -> None:
    cy, new = "cy@nowhere.example", "correct horse battery"
    with chromium.new_context() as elsewhere, chromium.new_context() as context:
        other, page = elsewhere.new_page(), context.new_page()
        other.goto(f"{on_sqlite.issuer}/account/sessions")
        sign_in(other, cy)
        expect(other.get_by_role("heading", level=1)).to_have_text("Sessions")

        page.goto(f"{on_sqlite.issuer}/account/sessions")
        page.get_by_role("link", name="Forgot password?").click()
        page.get_by_label("E-mail address").fill(cy)
        page.get_by_role("button", name="Send link").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Check your e-mail")
        log = on_sqlite.folder / "auth-server.log"
        link = newest_match(log, cy, r"https?://\S+/sign-in/reset\?token=\S+")
        page.goto(link)
        page.get_by_label("New password").fill(new)
        page.get_by_role("button", name="Save password").click()
        sign_in(page, cy, new)
        expect(page.get_by_role("heading", level=1)).to_have_text("Sessions")

        other.reload()
        expect(other.get_by_role("heading", level=1)).to_have_text("Sign in")
        other.goto(link)
        expect(other.get_by_label("New password")).to_have_count(0)
