"""A command line without a browser is connected with a code that its person types in Chromium."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ViewportSize, expect

from support.browsers.tour import running_chromium, running_sights, sign_in
from support.in_process.person import ADA

PHONE: ViewportSize = {"width": 390, "height": 844}
DESKTOP: ViewportSize = {"width": 1280, "height": 800}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with running_chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def resource(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The gateway of a deployment that knows the client of the command line."""
    with running_sights(tmp_path_factory.mktemp("device")) as sights:
        yield sights.deployment.resource


@pytest.mark.parametrize(
    ("size", "language", "go_on", "allow"),
    [
        (DESKTOP, "en", "Continue", "Approve"),
        (PHONE, "de", "Weiter", "Erlauben"),
    ],
)
def test_gatepost_connect_is_connected_from_a_phone_and_a_desktop(
    resource: str,
    chromium: Browser,
    size: ViewportSize,
    language: str,
    go_on: str,
    allow: str,
) -> None:
    command = Path(sys.executable).parent / "gatepost"
    words = [str(command), "connect", resource, "--device", "build-bot"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as line:
        assert line.stderr is not None
        told, code = line.stderr.readline(), line.stderr.readline().strip()
        context = chromium.new_context(viewport=size)
        page = context.new_page()
        page.goto(told.split()[1].rstrip(","))
        sign_in(page)
        context.set_extra_http_headers({"Accept-Language": language})
        page.goto(page.url)
        page.get_by_label("Code", exact=True).fill(code)
        page.get_by_role("button", name=go_on, exact=True).click()
        approve = page.get_by_role("button", name=allow, exact=True)
        acme = page.get_by_role("button", name="Acme")
        expect(acme.or_(approve).first).to_be_visible()
        if not approve.is_visible():
            acme.click()
        expect(page.get_by_text(ADA[0])).to_be_visible()
        wider = page.evaluate("document.documentElement.scrollWidth > innerWidth")
        assert not wider
        approve.click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Build Bot")
        printed, _ = line.communicate(timeout=60)
        context.close()

    assert line.returncode == 0
    assert "Connected, protocol" in printed
    assert "Calling" in printed
