"""Signing in in a real browser: at a real OpenID provider, with a passkey, with an app's codes."""

import json
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from support.browsers.tour import off_the_loop, register_app, running_chromium, sign_in
from support.in_process.oauth_client import OAuthClient
from support.in_process.providers import CLAIMS, SigningKey
from support.markdown import ROOT, read
from support.processes.deployment import GATEPOST, Deployment, run, running_deployment
from support.processes.services import free_port, running_service

pytestmark = pytest.mark.whole_machine

NODE = ROOT / "tests/node"
CURSOR = "cursor://anysphere.cursor-mcp/oauth/callback"
SECRET = "of-gatepost-at-the-provider"


@dataclass(frozen=True)
class Place:
    """Everything running, with a provider beside it."""

    deployment: Deployment
    provider: str

    @property
    def issuer(self) -> str:
        """Where people sign in."""
        return self.deployment.issuer

    def app(self) -> OAuthClient:
        """Register an app that will ask."""
        return off_the_loop(register_app(self.deployment, "Cursor", CURSOR))


@dataclass(frozen=True)
class LoginPage:
    """A product's login page, made of the code in the documentation."""

    url: str
    key: SigningKey
    issuer: list[str]

    def answer(self, request: str) -> str:
        """Hand Fay over, who is signed in there."""
        found = re.search(r"```python\n(.*?)```", read("docs/sign-in.md"), re.DOTALL)
        assert found is not None
        source = found[1].replace("https://auth.example.com", self.issuer[0])
        code: dict[str, Any] = {}
        exec(source.replace("https://app.example.com", self.url), code)  # noqa: S102
        fay = {
            "id": "usr_fay",
            "name": "Fay Low",
            "email": "fay@globex.example",
            "signed_in_at": int(time.time()),
            "organisations": ["org_globex"],
        }
        return str(code["hand_over"](request, fay, self.key.pem))


@pytest.fixture(scope="module")
def login_page() -> Iterator[LoginPage]:
    """Run it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            request = parse_qs(urlsplit(self.path).query)["request"][0]
            self.send_response(303)
            self.send_header("Location", page.answer(request))
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        page = LoginPage(f"http://127.0.0.1:{server.server_port}", SigningKey("product"), [])
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield page
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def place(
    tmp_path_factory: pytest.TempPathFactory, seeded_sqlite: Path, login_page: LoginPage
) -> Iterator[Place]:
    """Run a deployment at `localhost`, where passkeys work, and npm's oidc-provider."""
    folder = tmp_path_factory.mktemp("sign-in")
    shutil.copy(seeded_sqlite, folder / "gatepost.db")
    (folder / "provider_secret").write_text(SECRET)
    provider = f"http://127.0.0.1:{free_port()}"
    ways = [
        {"kind": "local"},
        {
            "kind": "oidc",
            "name": "acme-id",
            "title": "Acme ID",
            "issuer": provider,
            "client_id": "gatepost",
            "client_secret": {"file": "provider_secret"},
            "scopes": ["openid", "profile"],
            "claims": {
                "person_id": "id",
                "tenants": "organisations",
                "role": "role",
                "roles": {"owner": "admin"},
                "data_scope": ["team:{teams}"],
                "allowed_tenants": ["org_acme", "org_new"],
            },
        },
        {
            "kind": "hand_off",
            "name": "orbit",
            "title": "Orbit",
            "issuer": login_page.url,
            "login_url": f"{login_page.url}/connect-agent",
            "jwks": {"keys": [login_page.key.public]},
            "claims": {"tenants": "organisations", "allowed_tenants": ["*"]},
        },
    ]
    with running_deployment(
        folder, "sqlite+aiosqlite:///gatepost.db", host="localhost", sign_in=ways
    ) as deployment:
        login_page.issuer.append(deployment.issuer)
        client = {
            "client_id": "gatepost",
            "client_secret": SECRET,
            "redirect_uris": [f"{deployment.issuer}/sign-in/return/acme-id"],
        }
        claims = {name: value for name, value in CLAIMS.items() if name != "sub"}
        claims["amr"] = ["pwd", "mfa"]
        setup = json.dumps({"issuer": provider, "client": client, "claims": claims})
        argv = (NODE / "node_modules/.bin/node", NODE / "openid-provider.mjs", setup)
        log = folder / "provider.log"
        with running_service(argv, url=provider, log=log, ready_path="/healthz", cwd=NODE):
            yield Place(deployment, provider)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The system's Chromium, only for this module: no async test can run at the same time."""
    with running_chromium() as browser:
        yield browser


@contextmanager
def a_tab(chromium: Browser, **options: object) -> Iterator[tuple[BrowserContext, Page]]:
    """Open a browser without cookies; at the end the console may hold no complaint of a policy."""
    complaints: list[str] = []
    with chromium.new_context(**options) as context:  # type: ignore[arg-type]
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        yield context, page
    assert [text for text in complaints if "Security Policy" in text or "violates" in text] == []


def test_dee_signs_in_at_her_companys_provider_and_approves_an_app(
    place: Place, chromium: Browser
) -> None:
    """npm oidc-provider: code flow, PKCE, userinfo, RS256; two factors there are two here."""
    require_level(place, "org_acme", level=2)
    with a_tab(chromium) as (context, page):
        page.goto(place.app().authorize_url())
        page.get_by_role("link", name="Continue with Acme ID").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Acme ID")
        page.get_by_role("button", name="Sign in as Dee").click()
        page.get_by_role("button", name="Acme").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Cursor")
        expect(page.locator("main")).to_contain_text("dee@acme.example")
        expect(page.locator("main")).to_contain_text("design")
        page.get_by_role("button", name="Approve").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("is connected")

        # A returning person clicks twice: the provider still knows them, and so do we. In another
        # tab, because this one is about to open the app.
        page = context.new_page()
        page.goto(f"{place.issuer}/account/sessions")
        sign_out(page)
        page.goto(place.app().authorize_url())
        page.get_by_role("link", name="Continue with Acme ID").click()
        page.get_by_role("button", name="Approve").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("is connected")


def test_fay_is_handed_over_by_the_product_and_approves_an_app(
    place: Place, chromium: Browser
) -> None:
    """The documentation's own code answers; her organisation asks for no second factor."""
    require_level(place, "org_globex", level=1)
    with a_tab(chromium) as (_, page):
        page.goto(place.app().authorize_url())
        page.get_by_role("link", name="Continue with Orbit").click()
        expect(page.locator("main")).to_contain_text("fay@globex.example")
        page.get_by_role("button", name="Approve").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("is connected")


def test_ada_adds_a_passkey_and_signs_in_with_it_for_a_tenant_that_asks_for_more(
    place: Place, chromium: Browser
) -> None:
    """With the browser's own virtual authenticator; under the policy `script-src 'self'`."""
    require_level(place, "org_acme", level=2)
    with a_tab(chromium) as (context, page):
        devices = context.new_cdp_session(page)
        devices.send("WebAuthn.enable")
        device = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        devices.send("WebAuthn.addVirtualAuthenticator", {"options": device})
        page.goto(f"{place.issuer}/account/security")
        sign_in(page)
        page.get_by_role("button", name="Add a passkey").click()
        expect(page.get_by_role("rowheader")).to_contain_text("Linux")
        sign_out(page)

        page.goto(place.app().authorize_url())
        page.get_by_role("button", name="Sign in with a passkey").click()
        page.get_by_role("button", name="Acme").click()
        expect(page.get_by_role("button", name="Approve")).to_be_visible()

        # With the password she reaches the page that requires more, and continues from there.
        page.goto(f"{place.issuer}/account/security")
        sign_out(page)
        page.goto(place.app().authorize_url())
        sign_in(page)
        page.get_by_role("button", name="Acme").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(
            "Acme requires two-step verification"
        )
        page.get_by_role("button", name="Sign in with a passkey").click()
        page.get_by_role("button", name="Approve").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("is connected")


def test_an_unconfirmed_passkey_leaves_the_other_methods(place: Place, chromium: Browser) -> None:
    with a_tab(chromium) as (context, page):
        devices = context.new_cdp_session(page)
        devices.send("WebAuthn.enable")
        page.goto(f"{place.issuer}/sign-in?return_to=/account/sessions")
        # Without a device, the browser itself refuses.
        page.add_init_script("navigator.credentials.get = () => Promise.reject(new Error('no'))")
        page.reload()
        page.get_by_role("button", name="Sign in with a passkey").click()
        expect(page.get_by_role("alert")).to_contain_text("Passkey sign-in failed")
        sign_in(page)
        expect(page.get_by_role("heading", level=1)).to_have_text("Sessions")


def test_bo_sets_up_an_app_on_the_way_with_javascript_off(place: Place, chromium: Browser) -> None:
    """From a tenant that asks for more to its consent, and the code at the next sign-in."""
    require_level(place, "org_globex", level=2)
    bo = "bo@globex.example"
    with a_tab(chromium, java_script_enabled=False) as (context, page):
        page.goto(place.app().authorize_url())
        expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_hidden()
        sign_in(page, bo)
        expect(page.locator("main")).to_contain_text("Globex requires it before you connect Cursor")
        page.get_by_role("link", name="Set up an authenticator app").click()
        key = re.sub(r"\s", "", page.locator("main code").inner_text())
        assert page.locator(".qr svg").bounding_box()["width"] > 100  # type: ignore[index]
        page.get_by_label("Code from the app").fill(pyotp.TOTP(key).now())
        page.get_by_role("button", name="Verify and turn on").click()
        codes = page.locator("#codes").inner_text().split()
        page.get_by_role("link", name="Continue to the app").click()
        page.get_by_role("button", name="Approve").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("is connected")

        page = context.new_page()
        page.goto(f"{place.issuer}/account/security")
        sign_out(page)
        sign_in(page, bo)
        expect(page.get_by_role("heading", level=1)).to_have_text("Enter your code")
        page.get_by_label("Code", exact=True).fill("123456")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_contain_text("is incorrect")
        page.get_by_label("Code", exact=True).fill(codes[0])
        page.get_by_role("button", name="Sign in").click()
        page.goto(f"{place.issuer}/account/security")
        expect(page.locator("main")).to_contain_text("9 codes left")


def sign_out(page: Page) -> None:
    """Press the button of an account page, and see that it worked."""
    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def require_level(place: Place, tenant_id: str, *, level: int) -> None:
    """Have an operator make a tenant ask for more."""
    config = place.deployment.folder / "gatepost.yaml"
    command = ("auth-server", "tenants", "set", tenant_id, "--required-level", str(level))
    run(*GATEPOST, *command, "--config", config)
