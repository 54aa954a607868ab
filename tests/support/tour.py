"""A tour of every page that people see, in a real browser, for whoever wants to look at each."""

import asyncio
import re
import shutil
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx2
from playwright.sync_api import Browser, Page, expect, sync_playwright
from pyotp import TOTP

from support.deployment import Deployment
from support.oauth_client import OAuthClient, register
from support.person import ADA

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
CURSOR = "cursor://anysphere.cursor-mcp/oauth/callback"
CLAUDE = "https://claude.ai/api/mcp/auth_callback"
Answer = TypeVar("Answer")


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """Start the system's Chromium; while it runs, no async code of this thread can."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


def off_the_loop(work: Coroutine[Any, Any, Answer]) -> Answer:
    """Run async helpers in a thread of their own: Playwright's loop occupies this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


async def register_app(deployment: Deployment, name: str, redirect_uri: str) -> OAuthClient:
    """Register an app that will ask."""
    async with httpx2.AsyncClient(trust_env=False) as http:
        client = await register(
            http,
            deployment.issuer,
            deployment.resource,
            client_name=name,
            redirect_uris=[redirect_uri],
        )
    client.redirect_uri = redirect_uri
    return client


def sign_in(page: Page, email: str = ADA[0], password: str = ADA[1]) -> None:
    """Fill in the form and press its button."""
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def ask(page: Page, deployment: Deployment, app: OAuthClient, **changes: str | None) -> None:
    """Have an app ask Ada, who is signed in, and go as far as the consent page for Acme."""
    page.goto(app.authorize_url(**changes))
    acme = page.get_by_role("button", name="Acme")
    approve = page.get_by_role("button", name="Approve")
    expect(acme.or_(approve).first).to_be_visible()
    if not approve.is_visible():
        acme.click()
    expect(approve).to_be_visible()


def approve(page: Page) -> None:
    """Press the button, and see the page that leads back."""
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("link", name="Continue")).to_be_visible()


def tour(page: Page, deployment: Deployment) -> Iterator[str]:
    """Walk through the pages as Ada; yields a page's name while the browser shows it."""
    issuer = deployment.issuer
    # Where the app is: it answers with nothing, and the page that leads there stays.
    page.route(f"{CLAUDE}?*", lambda route: route.fulfill(status=204))
    claude = off_the_loop(register_app(deployment, "Claude", CLAUDE))
    cursor = off_the_loop(register_app(deployment, "Cursor", CURSOR))
    page.goto(claude.authorize_url())
    yield "sign-in"
    sign_in(page, password="not-her-password")
    yield "sign-in-wrong"
    sign_in(page)
    # Who connected something before is not asked: they change it there.
    page.goto(f"{issuer}/tenant?{urlsplit(page.url).query}")
    yield "organisation"
    page.get_by_role("button", name="Acme").click()
    expect(page.get_by_role("button", name="Approve")).to_be_visible()
    yield "consent"
    ask(page, deployment, cursor, scope="mcp:read")
    yield "consent-small"
    ask(page, deployment, claude, scope="mcp:read")
    approve(page)
    yield "leave"
    ask(page, deployment, claude)
    yield "consent-more"
    page.goto(f"{issuer}/authorize?client_id=nobody")
    yield "error"
    page.goto(f"{issuer}/")
    yield "connect"
    page.goto(f"{issuer}/account/api-keys")
    page.get_by_role("button", name="Choose what it may do").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("New API key")
    yield "account-new-api-key"
    page.get_by_label("What is it for?").fill("Nightly report")
    page.get_by_role("button", name="Create the key").last.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Nightly report has its key")
    yield "account-api-key-created"
    page.goto(f"{issuer}/account/apps")
    yield "account-apps"
    page.locator('main a[href*="/account/app"]').first.click()
    expect(page.get_by_role("heading", name="What may it do?")).to_be_visible()
    yield "account-app"
    yield from _second_factor(page, issuer)
    for path in ACCOUNT_PAGES:
        page.goto(f"{issuer}/account/{path}")
        yield f"account-{path.partition('?')[0].replace('/', '-')}"
    _allow(page, issuer, "These only")
    page.goto(cursor.authorize_url())
    page.goto(f"{issuer}/tenant?{urlsplit(page.url).query}")
    page.get_by_role("button", name="Acme").click()
    expect(page).to_have_url(re.compile("/consent"))
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    yield "forbidden"
    _allow(page, issuer, "Any app")


def _allow(page: Page, issuer: str, which: str) -> None:
    page.goto(f"{issuer}/account/organisation?tenant=org_acme")
    page.get_by_role("radio", name=which).check()
    page.get_by_role("button", name="Save the rules").click()
    expect(page.get_by_text("Saved.")).to_be_visible()


def _second_factor(page: Page, issuer: str) -> Iterator[str]:
    page.goto(f"{issuer}/account/security/app")
    yield "account-code-app"
    secret = page.locator("main .fine code").first.inner_text().replace(" ", "")
    page.get_by_label("The code it shows").fill(TOTP(secret).now())
    page.get_by_role("button", name="Turn it on").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Recovery codes")
    yield "account-recovery-codes"
    recovery_code = page.locator("#codes").inner_text().split("\n")[0]
    page.goto(f"{issuer}/account/security")
    yield "account-security"
    page.get_by_role("button", name="Sign out").click()
    sign_in(page)
    code = page.get_by_label("code", exact=False).first
    expect(code).to_be_visible()
    yield "second-factor"
    code.fill(recovery_code)
    page.get_by_role("button", name="Sign in").click()
    page.goto(f"{issuer}/account/security")
    page.get_by_role("button", name="Remove the app").click()
    expect(page.get_by_role("link", name="Set up an authenticator app")).to_be_visible()


ACCOUNT_PAGES = (
    "apps",
    "sessions",
    "security",
    "security/app",
    "api-keys",
    "organisations",
    "organisation?tenant=org_acme",
    "organisation/member?tenant=org_acme&person=usr_ada",
)
