"""A host of apps in Chromium, made of the official AppBridge; a test answers the tool calls."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, FrameLocator, Page, Route

PAGES = Path(__file__).with_name("app_host")
PACKAGES = Path(__file__).parents[2] / "node/node_modules"
HOST = "http://localhost:6274"
SANDBOX = "http://sandbox.localhost:6275"
CALLS_TOOLS: Mapping[str, Any] = {"serverTools": {}}
Call = Callable[[dict[str, Any]], dict[str, Any]]


class AppHost:
    """A page of Chromium that shows apps."""

    def __init__(self, page: Page) -> None:
        """Take a page whose requests `serve_packages` answers."""
        self.page = page
        self.asked: list[str] = []
        """The addresses that the page asked for, except those of the host itself."""
        self.calls: list[dict[str, Any]] = []
        """The calls that the app made, in order."""
        self.answer: Call = lambda _: text_error("No tool is expected to be called.")
        """Answers the next calls."""

    def open(
        self,
        html: str,
        *,
        arguments: Mapping[str, Any] | None = None,
        result: Mapping[str, Any] | None = None,
        cancelled: str = "",
        capabilities: Mapping[str, Any] = CALLS_TOOLS,
        **context: Any,
    ) -> FrameLocator:
        """Show an app, tell it of a call, and return its frame.

        Args:
            html: the page that the server gave.
            arguments: the call's arguments.
            result: the call's result; None if it is still under way.
            cancelled: why the call was cancelled.
            capabilities: the capabilities of the host.
            context: the host's context, such as `theme` and `locale`.
        """
        if not self.page.url.startswith(HOST):
            self.page.goto(HOST)
            self.page.wait_for_function("window.hostIsReady")
        visit = {
            "sandbox": SANDBOX,
            "html": html,
            "args": dict(arguments or {}),
            "result": result,
            "cancelled": cancelled,
            "context": {"locale": "en-GB", "timeZone": "UTC", **context},
            "capabilities": capabilities,
        }
        self.page.evaluate("visit => openApp(visit)", visit)
        return self.page.frame_locator("#sandbox").frame_locator("iframe")

    def change(self, **context: Any) -> None:
        """Tell the app that the host's context has changed."""
        self.page.evaluate("context => bridge.setHostContext(context)", context)


def text_error(text: str) -> dict[str, Any]:
    """Return a tool's error."""
    return {"content": [{"type": "text", "text": text}], "isError": True}


@contextmanager
def open_host(browser: Browser, **options: Any) -> Iterator[AppHost]:
    """Open a host in a context of its own, with Playwright's options."""
    with browser.new_context(**options) as context:
        host = AppHost(context.new_page())

        def call_tool(params: dict[str, Any]) -> dict[str, Any]:
            host.calls.append(params)
            return host.answer(params)

        def serve(route: Route) -> None:
            url = route.request.url
            if url.startswith(f"{HOST}/"):
                path = urlsplit(url).path
                served = PAGES / "host.html" if path == "/" else PACKAGES / path[1:]
                kind = "text/html" if path == "/" else "text/javascript"
                route.fulfill(body=served.read_bytes(), content_type=kind)
            elif url.startswith(SANDBOX):
                route.fulfill(path=PAGES / "sandbox.html", content_type="text/html")
            else:
                host.asked.append(url)
                route.abort()

        context.route(re.compile(".*"), serve)
        host.page.expose_function("callTool", call_tool)
        yield host
