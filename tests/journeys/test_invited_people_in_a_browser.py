"""Invited people in Chromium: a new account with a second factor, and a customer's own provider."""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyotp
import pytest
from playwright.sync_api import Browser, Page, expect

from auth_server.db.engine import open_database
from auth_server.records.tenant_domains.store import add_domain, verify_domain
from auth_server.records.tenant_domains.table import TenantDomain
from auth_server.records.tenant_providers.store import add_assignment
from auth_server.records.tenant_providers.table import TenantProvider
from support.browsers.tour import off_the_loop, running_chromium
from support.mail.printed import newest_match
from support.markdown import ROOT
from support.processes.deployment import GATEPOST, Deployment, run, running_deployment
from support.processes.services import free_port, running_service

pytestmark = pytest.mark.whole_machine

NODE = ROOT / "tests/node"
SECRET = "of-gatepost-at-the-provider"
DEE, NEW = "dee@acme.example", "fay@elsewhere.example"
PROVIDERS = {"acme": "Acme ID", "globex": "Globex ID"}


@dataclass(frozen=True)
class Place:
    """Everything running, with the providers of two customers beside it."""

    deployment: Deployment

    @property
    def issuer(self) -> str:
        """Where people sign in."""
        return self.deployment.issuer

    def invite(self, email: str, tenant_id: str = "org_acme") -> str:
        """Have an operator invite somebody; return the link in the mail."""
        self.command("memberships", "invite", email, tenant_id)
        return newest_match(
            self.deployment.folder / "auth-server.log",
            email,
            rf"{re.escape(self.issuer)}/account/invitation\?id=\S+",
        )

    def command(self, *words: str) -> None:
        """Run a command as an operator."""
        run(*GATEPOST, "auth-server", *words, "--config", self.deployment.folder / "gatepost.yaml")


async def give_domains(url: str) -> None:
    """Make the customers' domains verified ones, and their providers theirs."""
    now, database = datetime.now(UTC), open_database(url)
    async with database.writing() as db, db.begin():
        for name in PROVIDERS:
            tenant_id, domain = f"org_{name}", f"{name}.example"
            row = TenantDomain(tenant_id=tenant_id, domain=domain, token="1", claimed_at=now)
            await add_domain(db, row)
            await verify_domain(db, tenant_id, domain, check_at=now + timedelta(days=1), now=now)
            assigned = TenantProvider(provider=f"{name}-id", tenant_id=tenant_id, assigned_at=now)
            await add_assignment(db, assigned)
    await database.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, seeded_sqlite: Path) -> Iterator[Place]:
    """Run a deployment, and npm's oidc-provider once for each customer."""
    folder = tmp_path_factory.mktemp("invited")
    shutil.copy(seeded_sqlite, folder / "gatepost.db")
    off_the_loop(give_domains(f"sqlite+aiosqlite:///{folder}/gatepost.db"))
    (folder / "provider_secret").write_text(SECRET)
    issuers = {name: f"http://127.0.0.1:{free_port()}" for name in PROVIDERS}
    ways = [
        {"kind": "local"},
        *(
            {
                "kind": "oidc",
                "name": f"{name}-id",
                "title": title,
                "issuer": issuers[name],
                "client_id": "gatepost",
                "client_secret": {"file": "provider_secret"},
                "scopes": ["openid", "profile"],
                "customer": True,
            }
            for name, title in PROVIDERS.items()
        ),
    ]
    with (
        running_deployment(
            folder, "sqlite+aiosqlite:///gatepost.db", host="localhost", sign_in=ways
        ) as deployment,
        ExitStack() as running,
    ):
        for name, title in PROVIDERS.items():
            client = {
                "client_id": "gatepost",
                "client_secret": SECRET,
                "redirect_uris": [f"{deployment.issuer}/sign-in/return/{name}-id"],
            }
            claims = {"name": "Dee Ortiz", "email": f"dee@{name}.example", "email_verified": True}
            setup = {"issuer": issuers[name], "client": client, "claims": claims, "title": title}
            argv = (
                NODE / "node_modules/.bin/node",
                NODE / "openid-provider.mjs",
                json.dumps(setup),
            )
            log = folder / f"{name}.log"
            running.enter_context(
                running_service(argv, url=issuers[name], log=log, ready_path="/healthz", cwd=NODE)
            )
        yield Place(deployment)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The system's Chromium, only for this module: no async test can run at the same time."""
    with running_chromium() as browser:
        yield browser


def heading(page: Page, text: str) -> None:
    """Expect the page with this heading."""
    expect(page.get_by_role("heading", level=1)).to_have_text(text)


def test_an_invited_person_accepts_and_enrols_the_second_factor_on_the_way(
    place: Place, chromium: Browser
) -> None:
    place.command("tenants", "set", "org_acme", "--required-level", "2")
    link = place.invite(NEW)
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto(link)
        heading(page, "Join Acme")
        page.get_by_role("button", name="Create an account").click()
        log = place.deployment.folder / "auth-server.log"
        page.get_by_label("Code").fill(newest_match(log, NEW, r"\d{4} \d{4}"))
        page.get_by_role("button", name="Continue").click()
        page.get_by_label("Your name").fill("Fay Low")
        page.get_by_label("Password").fill("four random words here")
        page.get_by_role("button", name="Create account").click()
        heading(page, "You are a member of Acme")
        expect(page.locator("main")).to_contain_text("Acme requires two-step verification")
        page.get_by_role("link", name="Set up two-step verification").click()
        page.get_by_role("link", name="Set up an authenticator app").click()
        key = re.sub(r"\s", "", page.locator("main code").first.inner_text())
        page.get_by_label("Code from the app").fill(pyotp.TOTP(key).now())
        page.get_by_role("button", name="Verify and turn on").click()
        codes = page.locator("#codes").inner_text().split()
        page.get_by_role("link", name="Continue").click()
        # The code on the next sign-in comes from the app; a recovery code needs no new half minute.
        page.get_by_role("button", name="Sign out", exact=True).click()
        page.get_by_label("E-mail address").fill(NEW)
        page.get_by_role("button", name="Continue", exact=True).click()
        expect(page.get_by_label("E-mail address")).to_have_count(0)
        page.get_by_label("Password").fill("four random words here")
        page.get_by_role("button", name="Sign in", exact=True).click()
        heading(page, "Enter your code")
        page.get_by_label("Code", exact=True).fill(codes[0])
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.goto(f"{place.issuer}/account/welcome?tenant=org_acme")
        expect(page.locator("main")).to_contain_text("Connect an app")


def test_an_invited_person_is_led_to_the_provider_of_their_address(
    place: Place, chromium: Browser
) -> None:
    """Both customers have a provider; the address decides, and the person lands in the tenant."""
    place.command("tenants", "set", "org_acme", "--required-level", "1")
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto(place.invite(DEE))
        page.get_by_role("link", name="Sign in").click()
        go_to_provider(page, DEE, "Acme ID")
        page.get_by_role("button", name="Sign in as Dee").click()
        heading(page, "Join Acme")
        page.get_by_role("button", name="Accept invitation").click()
        heading(page, "You are a member of Acme")
    # Later, in another browser that runs no scripts.
    with chromium.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{place.issuer}/account/organisations")
        go_to_provider(page, DEE, "Acme ID")
        page.get_by_role("button", name="Sign in as Dee").click()
        heading(page, "Organisations")
        expect(page.locator("main")).to_contain_text("Acme")
        page.get_by_role("button", name="Sign out", exact=True).click()
        go_to_provider(page, "dee@globex.example", "Globex ID")


def go_to_provider(page: Page, email: str, title: str) -> None:
    """Enter an address, and come to the provider of its domain without a question for a password."""
    heading(page, "Sign in")
    expect(page.get_by_label("Password")).to_have_count(0)
    page.get_by_label("E-mail address").fill(email)
    page.get_by_role("button", name="Continue", exact=True).click()
    heading(page, title)
