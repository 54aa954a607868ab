"""A tour of every page that people see, in a real browser, for tests and pictures."""

import asyncio
import re
import shutil
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx2
from playwright.sync_api import Browser, Page, expect, sync_playwright
from pyotp import TOTP

from auth_server.db.engine import open_database
from auth_server.gateway_api.write_calls import write_calls
from auth_server.keys import make_keys
from auth_server.records.audit.seal import sealing_with
from auth_server.records.catalogues.store import keep_catalogue
from auth_server.records.delegations.table import Delegation
from auth_server.records.email_changes.store import add_email_change
from auth_server.records.email_changes.table import EmailChange
from auth_server.records.external_events.table import ExternalEvent
from auth_server.records.grants.store import list_live_grants
from auth_server.records.invitations.store import add_invitation
from auth_server.records.invitations.table import Invitation
from auth_server.records.linked_accounts.table import LinkedAccount
from auth_server.records.metered_hours.store import find_hour
from auth_server.records.password_links.store import put_link
from auth_server.records.password_links.table import PasswordLink
from auth_server.records.plan_requests.store import put_request
from auth_server.records.refused_events.store import Refused, add_refused
from auth_server.records.second_factors.store import drop_authenticator_app, put_authenticator_app
from auth_server.records.second_factors.table import AuthenticatorApp
from auth_server.records.tenant_apps.store import put_tenant_app
from auth_server.records.tenant_apps.table import TenantApp
from auth_server.records.tenant_domains.store import add_domain, verify_domain
from auth_server.records.tenant_domains.table import TenantDomain
from auth_server.records.tenant_providers.store import add_assignment
from auth_server.records.tenant_providers.table import TenantProvider
from auth_server.records.tenants.store import (
    change_budgets,
    change_plan,
    lock_tenant,
    put_membership,
)
from auth_server.records.tenants.table import Membership
from auth_server.records.usage_exports.table import UsageExport
from auth_server.rendering.render import TEMPLATES
from auth_server.secrets import hash_secret
from auth_server.tenancy.call_approvals import ask_for_approval
from gatepost.approvals import ApprovableCall
from gatepost.catalogue import ApiSummary
from gatepost.metering.plans import Budget, hour_of, month_of
from support.in_process.auth_server import CATALOGUE, SEED, prepare_database
from support.in_process.call_events import call_event
from support.in_process.devices import CLIENT as DEVICE
from support.in_process.oauth_client import OAuthClient, register
from support.in_process.person import ADA
from support.in_process.providers import SigningKey
from support.mail.printed import newest_match
from support.processes.configuration import issuing, write_config
from support.processes.deployment import (
    MANAGED_CLIENT,
    Deployment,
    running_deployment,
    serve,
)
from support.processes.services import free_port, running_service
from support.processes.stripe import running_stripe, selling_through

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
ACME, GLOBEX = SEED["tenants"]
LINKS = {
    "name": "ledger",
    "title": "Ledger",
    "authorization_endpoint": "https://login.ledger.example/authorize",
    "token_endpoint": "https://login.ledger.example/token",
    "client_id": "gatepost",
}
EVE = {
    "id": "usr_eve",
    "email": "eve@acme.example",
    "name": "Eve Stone",
    "password": "gatepost-demo",
    "memberships": [{"tenant": "org_acme", "data_scope": "team:design"}],
}
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Sights:
    """Where the tour goes."""

    deployment: Deployment
    """With every way to sign in."""
    customers: str
    """The issuer of another authorization server, where Acme has its own identity provider."""
    stripe: str
    """The imitation of Stripe."""
    database_url: str
    customers_database_url: str


@contextmanager
def running_sights(folder: Path) -> Iterator[Sights]:
    """Run all of it on SQLite for as long as the block lasts, in an empty folder.

    Globex requires two-step verification, and Acme has a member besides its admin, calls and budgets.
    """
    tenants, people = [ACME, {**GLOBEX, "required_level": 2}], [*SEED["people"], EVE]
    url = f"sqlite+aiosqlite:///{folder}/gatepost.db"
    clients = [*SEED["clients"], DEVICE]
    prepare_database(url, {**SEED, "tenants": tenants, "people": people, "clients": clients})
    off_the_loop(use_acme(url))
    ways = [{"kind": "local"}, _provider("acme-id", "Acme ID"), _provider("orbit", "Orbit")]
    stripe = f"http://127.0.0.1:{free_port()}"
    selling = selling_through(stripe, folder)
    with (
        running_deployment(
            folder, url, host="localhost", sign_in=ways, stripe=selling, link_providers=[LINKS]
        ) as deployment,
        running_stripe(stripe, deployment),
    ):
        port = free_port()
        issuer = f"http://localhost:{port}"
        other = folder / "customers"
        other.mkdir()
        beside = f"sqlite+aiosqlite:///{other}/gatepost.db"
        prepare_database(beside, {**SEED, "people": people})
        off_the_loop(assign_provider_to_acme(beside, deployment.resource))
        off_the_loop(use_two_apis(beside, deployment.resource))
        theirs = {
            "kind": "oidc",
            "name": "acme-id",
            "title": "Acme ID",
            "issuer": "https://id.acme.example",
            "client_id": "gatepost",
            "customer": True,
        }
        settings = issuing(
            issuer,
            deployment.resource,
            database_url=beside,
            sign_in=[ways[0], theirs, ways[2]],
            operator_sign_in_level=1,
        )
        with running_service(
            (*serve("auth-server", write_config(other, auth_server=settings)), "--port", str(port)),
            url=issuer,
            log=other / "auth-server.log",
            ready_path="/readyz",
        ):
            yield Sights(deployment, issuer, stripe, url, beside)


async def assign_provider_to_acme(url: str, resource: str) -> None:
    """Give Acme a verified domain, its provider and an app, and make Eve one of its admins."""
    now, database = datetime.now(UTC), open_database(url)
    async with database.writing() as db, db.begin():
        domain = TenantDomain(
            tenant_id="org_acme", domain="acme.example", token="1", claimed_at=now
        )
        await add_domain(db, domain)
        await verify_domain(db, "org_acme", "acme.example", check_at=now + timedelta(1), now=now)
        provider = TenantProvider(provider="acme-id", tenant_id="org_acme", assigned_at=now)
        await add_assignment(db, provider)
        await db.flush()
        ceilings = [
            {"group": "engineering", "tools": ["create_task", "list_tasks"], "data_scope": ""},
            {"group": "", "tools": ["list_tasks"], "data_scope": "team:design"},
        ]
        app = TenantApp(
            tenant_id="org_acme",
            client_id="https://claude.ai/oauth/mcp-oauth-client-metadata",
            resource=resource,
            provider="acme-id",
            ceilings=ceilings,
            changed_at=now,
        )
        await put_tenant_app(db, app)
        eve = Membership(person_id="usr_eve", tenant_id="org_acme", role="admin")
        eve.break_glass_since = now
        await put_membership(db, eve)
    await database.close()


async def require_provider_of_acme(url: str, *, required: bool) -> None:
    """Have Acme require its provider, as an admin who came from there does, or not."""
    database = open_database(url)
    async with database.writing() as db, db.begin():
        acme = await lock_tenant(db, "org_acme")
        assert acme is not None
        acme.provider_only_since = datetime.now(UTC) if required else None
    await database.close()


async def use_acme(url: str) -> None:
    """Have Acme, which is on Free, use up most of a budget, and Eve ask for more."""
    now = datetime.now(UTC)
    tools = ("list_tasks", "search_tasks", "create_task")
    events = [
        call_event(
            now - timedelta(hours=7 * number),
            tool=tools[number % 3],
            sub=("usr_ada", "usr_eve")[number % 2],
            client_id=MANAGED_CLIENT,
            cost=3 + 11 * number % 17,
            meter="calls",
        )
        for number in range(100)
    ]
    budgets = [
        Budget(kind="tenant", key="", monthly_units=1000, hard=False),
        Budget(kind="person", key="usr_eve", monthly_units=700),
    ]
    events.append(
        call_event(
            now - timedelta(minutes=3),
            call_id="call_of_eve",
            sub="usr_eve",
            client_id=MANAGED_CLIENT,
            cost=0,
            decision="refused",
            outcome="refused",
            reason="quota_exhausted",
            status=None,
        )
    )
    database = open_database(url)
    async with database.writing() as db, db.begin():
        await write_calls(db, events, now=now)
        acme = await lock_tenant(db, "org_acme")
        assert acme is not None
        change_plan(acme, "free", now=now)
        change_budgets(acme, budgets, now=now)
        await put_request(db, "org_acme", "usr_eve", now=now + timedelta(seconds=1))
        await add_refused(db, [Refused(b"{", "the stream entry does not contain events")], now=now)
        hour = await find_hour(db, "org_acme", "calls", hour_of(now - timedelta(hours=7)))
        assert hour is not None
        hour.exported = hour.units
        db.add_all(money_of_acme(now, hour.units))
    await database.close()


async def use_two_apis(url: str, resource: str) -> None:
    """Have Acme use two APIs of one gateway for a week, one of which is slower and fails at times."""
    now, tools = datetime.now(UTC), ("list_tasks", "create_task", "invoicing_list", "invoicing_pay")
    failed = {"outcome": "error", "decision": "failed", "reason": "upstream_status", "status": 503}
    events = [
        call_event(
            now - timedelta(hours=2 * number),
            tool=tools[number % 4],
            api="orbit" if number % 4 < 2 else "invoicing",
            sub=("usr_ada", "usr_eve", "usr_eve")[number % 3],
            client_id=MANAGED_CLIENT,
            duration_ms=20 + 31 * number % 90 + (180 if number % 4 > 1 else 0),
            cost=0 if number % 14 == 3 else 1 + number % 3,
            meter="calls",
            **(failed if number % 14 == 3 else {}),
        )
        for number in range(84)
    ]
    invented = {"tool": "delete_everything", "outcome": "refused", "decision": "refused"}
    events.append(call_event(now, cost=0, client_id=MANAGED_CLIENT, **invented))
    apis = (
        ApiSummary(name="orbit", title="Orbit"),
        ApiSummary(name="invoicing", title="Invoicing"),
    )
    served = CATALOGUE.model_copy(update={"resource": resource, "apis": apis})
    database = open_database(url)
    async with database.writing() as db, db.begin():
        await write_calls(db, events, now=now)
        await keep_catalogue(db, served, now=now)
    await database.close()


async def link_accounts(url: str) -> None:
    """Have Ada link an account that works, and one that does not any more."""
    now, database = datetime.now(UTC), open_database(url)
    async with database.writing() as db, db.begin():
        for tenant_id, broken in (("org_acme", None), ("org_globex", "refused")):
            account = LinkedAccount(
                link_id=f"link_{tenant_id}",
                provider=LINKS["name"],
                person_id="usr_ada",
                tenant_id=tenant_id,
                sealed=b"",
                renewed_at=now,
                linked_at=now,
                due_at=now + timedelta(days=1),
                broken=broken,
            )
            db.add(account)
    await database.close()


async def hand_to_sub_agents(url: str) -> None:
    """Have Ada's apps hand parts of their access to sub-agents."""
    now = datetime.now(UTC)
    database = open_database(url)
    async with database.writing() as db, db.begin():
        for number, grant in enumerate(await list_live_grants(db, person_id="usr_ada")):
            path = f"family_{number}"
            for name in ("researcher", "reader"):
                own = f"delegation_{name}_{number}"
                path = f"{own}.{path}"
                delegation = Delegation(
                    delegation_id=own,
                    grant_id=grant.grant_id,
                    path=path,
                    actor=f"{grant.client_id}#{name}",
                    name=name,
                    scope="mcp:read",
                    tools=sorted(grant.tools)[:3],
                    data_scope=grant.data_scope,
                    created_at=now,
                    expires_at=now + timedelta(hours=1),
                )
                await db.merge(delegation)
    await database.close()


def money_of_acme(now: datetime, units: int) -> list[UsageExport | ExternalEvent]:
    """An export that Stripe refused, an event that was processed, and one that failed too often."""
    processed, failed = (
        ExternalEvent(
            event_id=event_id,
            kind="customer.subscription.updated",
            object_type="subscription",
            object_id="sub_1",
            tenant_id="org_acme",
            received_at=now - timedelta(minutes=5),
            processed_at=at,
            attempts=attempts,
            problem=problem,
        )
        for event_id, at, attempts, problem in (
            ("evt_before", now, 1, ""),
            ("evt_of_the_tour", None, 20, "Stripe does not answer. Try again in a minute."),
        )
    )
    parked = UsageExport(
        identifier="gatepost_of_the_tour",
        system="stripe",
        tenant_id="org_acme",
        meter="calls",
        hour=hour_of(now - timedelta(hours=7)),
        since=hour_of(now - timedelta(hours=7)),
        at=hour_of(now - timedelta(hours=7)),
        sequence=0,
        units=units,
        customer="cus_acme",
        state="parked",
        attempts=1,
        next_attempt_at=now,
        problem="meter_event_customer_not_found",
    )
    return [processed, failed, parked]


async def link_to_reset(url: str) -> None:
    """Give Cy a link to choose a new password."""
    database = open_database(url)
    async with database.writing() as db, db.begin():
        link = PasswordLink(
            address_hash="of the tour",
            token_hash=hash_secret("of-the-tour"),
            person_id="usr_cy",
            field="return_to",
            value="/account",
            expires_at=datetime.now(UTC) + timedelta(minutes=15),
        )
        await put_link(db, link)
    await database.close()


async def change_of_address(url: str) -> None:
    """Have Cy's address changed."""
    database = open_database(url)
    async with database.writing() as db, db.begin():
        change = EmailChange(
            change_id="of-the-tour",
            person_id="usr_cy",
            former_email="cy@former.example",
            undo_until=datetime.now(UTC) + timedelta(days=7),
        )
        await add_email_change(db, change)
    await database.close()


async def ask_for_a_call(deployment: Deployment, url: str) -> None:
    """Have an app of Eve's ask the admins of Acme for a call."""
    keys = make_keys((deployment.folder / "secret_key").read_text().strip())
    database = open_database(url, info=sealing_with(keys))
    call = ApprovableCall(
        tenant_id="org_acme",
        sub="usr_eve",
        client_id="client_of_the_tour",
        grant_id="grant_of_the_tour",
        tool="delete_project",
        title="Delete a project",
        arguments=("id: P-7", "reason: It was replaced by the project “Website 2027” in October."),
        digest="0" * 64,
    )
    now = datetime.now(UTC)
    async with database.writing() as db, db.begin():
        await ask_for_approval(db, call, resource=deployment.resource, keys=keys, now=now)
    await database.close()


async def invite_to_acme(url: str) -> None:
    """Invite Cy, who has an account, and somebody who has none."""
    database = open_database(url)
    async with database.writing() as db, db.begin():
        for number, email in enumerate(("cy@nowhere.example", "dee@new.example")):
            invitation = Invitation(
                invitation_id=f"{number}" * 32,
                tenant_id="org_acme",
                email=email,
                role="member",
                data_scope="team:design",
                invited_by="usr_ada",
                sent_at=datetime.now(UTC),
                expires_at=datetime.now(UTC) + timedelta(days=7),
            )
            await add_invitation(db, invitation)
    await database.close()


def newest_code(deployment: Deployment, email: str) -> str:
    """Wait for the mail with a code, which the server prints, and read the code."""
    return newest_match(deployment.folder / "auth-server.log", email, r"\d{4} \d{4}")


def _invitations(page: Page, sights: Sights) -> Iterator[str]:
    deployment = sights.deployment
    off_the_loop(invite_to_acme(sights.database_url))
    page.goto(f"{deployment.issuer}/account/organisation/invitations?tenant=org_acme")
    sign_in(page, "ada@acme.example")
    expect(page.get_by_role("heading", level=1)).to_have_text("Invitations")
    yield "account-invitations"
    page.context.clear_cookies()
    for number, email in enumerate(("cy@nowhere.example", "dee@new.example")):
        page.goto(f"{deployment.issuer}/account/invitation?id={f'{number}' * 32}")
        yield f"invitation-{number}"
        page.get_by_role("button", name="Create an account").click()
        yield f"invitation-code-{number}"
        page.get_by_label("Code").fill(newest_code(deployment, email))
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_label("Code")).to_have_count(0)
        yield f"invitation-proved-{number}"
    page.get_by_label("Your name").fill("Dee Doe")
    page.get_by_label("Password").fill("four random words here")
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You are a member of Acme")
    yield "account-welcome"
    page.goto(f"{deployment.issuer}/account/invitation?id={'0' * 32}")
    yield "invitation-of-another"


def _provider(name: str, title: str) -> dict[str, Any]:
    url = f"https://{name}.example"
    keys = {"keys": [SigningKey(name).public]}
    return {
        "kind": "hand_off",
        "name": name,
        "title": title,
        "issuer": url,
        "login_url": f"{url}/login",
        "jwks": keys,
    }


async def use_code_app(url: str, *, used: bool) -> None:
    """Give Ada an authenticator app that nobody has, or take it away."""
    database = open_database(url)
    async with database.writing() as db, db.begin():
        await drop_authenticator_app(db, "usr_ada")
        if used:
            app = AuthenticatorApp(
                person_id="usr_ada", sealed_secret=b"", last_step=0, created_at=datetime.now(UTC)
            )
            await put_authenticator_app(db, app)
    await database.close()


def whole_pages() -> set[str]:
    """List the templates that are pages: neither included (`_…`) nor extended by another."""
    sources = {
        path.relative_to(TEMPLATES).as_posix(): path.read_text(encoding="utf-8")
        for path in TEMPLATES.rglob("*.html")
        if not path.name.startswith("_")
    }
    extended = {base for text in sources.values() for base in re.findall(r'extends "(.+?)"', text)}
    return set(sources) - extended


def template_of(page: Page) -> str:
    """Tell which template made the page that the browser shows."""
    return page.locator("body").get_attribute("data-template") or ""


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """Start the system's Chromium; while it runs, no async code of this thread can.

    The headless shell renders with the same engine in a third of the CPU time.
    """
    names = ("chromium-headless-shell", "chromium", "chromium-browser")
    program = next(filter(None, map(shutil.which, names)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


def off_the_loop(work: Coroutine[Any, Any, Answer]) -> Answer:
    """Run async helpers in a separate thread, because Playwright's loop occupies this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


async def register_app(
    deployment: Deployment, name: str, redirect_uri: str, **metadata: Any
) -> OAuthClient:
    """Register an app that will ask."""
    async with httpx2.AsyncClient(trust_env=False) as http:
        client = await register(
            http,
            deployment.issuer,
            deployment.resource,
            client_name=name,
            redirect_uris=[redirect_uri],
            **metadata,
        )
    client.redirect_uri = redirect_uri
    return client


def sign_in(page: Page, email: str = ADA[0], password: str = ADA[1]) -> None:
    """Fill in the form, which may ask for the address first, and press its button."""
    page.get_by_label("E-mail address").fill(email)
    if page.get_by_label("Password").count() == 0:
        page.get_by_role("button", name="Continue", exact=True).click()
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


def tour(page: Page, sights: Sights) -> Iterator[str]:
    """Walk through the pages as Ada; yields a page's name while the browser shows it."""
    deployment = sights.deployment
    issuer = deployment.issuer
    # The app and the provider answer with an empty response, so the page that leads there
    # stays.
    for elsewhere in (
        f"{CLAUDE}?*",
        f"{sights.customers}/sign-in/with/*",
        f"{sights.stripe}/checkout/*",
        f"{LINKS['authorization_endpoint']}?*",
    ):
        page.route(elsewhere, lambda route: route.fulfill(status=204))
    yield from _own_provider(page, sights)
    claude = off_the_loop(register_app(deployment, "Claude", CLAUDE))
    cursor = off_the_loop(register_app(deployment, "Cursor", CURSOR))
    page.goto(claude.authorize_url())
    yield "sign-in"
    sign_in(page, password="not-her-password")
    yield "sign-in-wrong"
    page.get_by_role("link", name="Forgot password?").click()
    yield "password-forgotten"
    page.get_by_label("E-mail address").fill("cy@nowhere.example")
    page.get_by_role("button", name="Send link").click()
    yield "password-link-sent"
    off_the_loop(link_to_reset(sights.database_url))
    page.goto(f"{issuer}/sign-in/reset?token=of-the-tour")
    yield "password-reset"
    page.goto(f"{issuer}/sign-in/reset?token=used")
    yield "password-link-over"
    page.goto(claude.authorize_url())
    sign_in(page, "cy@nowhere.example")
    yield "no-organisation"
    page.goto(claude.authorize_url(resource=f"{deployment.resource}/o/org_acme"))
    yield "not-a-member"
    page.goto(claude.authorize_url())
    page.get_by_role("button", name="Not you?").click()
    sign_in(page)
    expect(page.get_by_text(ADA[0])).to_be_visible()
    # People with an earlier connection are not asked: they change it there.
    page.goto(f"{issuer}/tenant?{urlsplit(page.url).query}")
    yield "organisation"
    page.get_by_role("button", name="Globex").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Set up two-step verification")
    yield "enrol"
    # A second factor that this session did not use.
    off_the_loop(use_code_app(sights.database_url, used=True))
    page.goto(f"{issuer}/sign-in/more?{urlsplit(page.url).query}")
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "Globex requires two-step verification"
    )
    yield "step-up"
    off_the_loop(use_code_app(sights.database_url, used=False))
    page.get_by_role("link", name="Choose another organisation").click()
    page.get_by_role("button", name="Acme").click()
    expect(page.get_by_role("button", name="Approve")).to_be_visible()
    yield "consent"
    ask(page, deployment, cursor, scope="mcp:read")
    yield "consent-small"
    ask(page, deployment, claude, scope="mcp:read")
    # These pages lead on at once; another page can be opened when they have.
    with page.expect_request(f"{CLAUDE}?*"):
        approve(page)
    yield "leave"
    ask(page, deployment, claude)
    yield "consent-more"
    page.goto(f"{issuer}/authorize?client_id=nobody")
    yield "error"
    page.goto(claude.authorize_url(response_type="token"))
    yield "turned-back"
    page.goto(f"{issuer}/")
    yield "connect"
    page.goto(f"{issuer}/account/api-keys")
    page.get_by_role("button", name="Choose permissions").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("New API key")
    yield "account-new-api-key"
    page.get_by_label("Name", exact=True).fill("Nightly report")
    page.get_by_role("button", name="Create key").last.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("API key created")
    yield "account-api-key-created"
    off_the_loop(hand_to_sub_agents(sights.database_url))
    off_the_loop(link_accounts(sights.database_url))
    page.goto(f"{issuer}/account/apps")
    yield "account-apps"
    page.get_by_role("link", name="Link again").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Link your Ledger account")
    yield "link-account"
    with page.expect_request(f"{LINKS['authorization_endpoint']}?*"):
        page.get_by_role("button", name="Continue to Ledger").click()
    yield "leave-to-link"
    page.goto(f"{issuer}/account/apps")
    page.locator('main a[href*="/account/app"]').first.click()
    expect(page.get_by_role("heading", name="Permissions", exact=True)).to_be_visible()
    yield "account-app"
    yield from _second_factor(page, issuer)
    yield from _webhooks(page, issuer)
    for name, path in ACCOUNT_PAGES.items():
        page.goto(f"{issuer}/account/{path}")
        yield f"account-{name}"
    yield from _address(page, sights)
    page.goto(f"{issuer}/account/plan?tenant=org_acme")
    with page.expect_request(f"{sights.stripe}/checkout/*"):
        page.get_by_role("button", name="Buy Pro").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Continue to payment")
    yield "leave-to-payment"
    _allow(page, issuer, "Only these apps")
    page.goto(cursor.authorize_url())
    page.goto(f"{issuer}/tenant?{urlsplit(page.url).query}")
    page.get_by_role("button", name="Acme").click()
    expect(page).to_have_url(re.compile("/consent"))
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    yield "forbidden"
    page.get_by_label("Why you need it").fill("for the weekly report")
    page.get_by_role("button", name="Ask your admin").click()
    yield "forbidden-asked"
    page.goto(f"{issuer}/account/organisation/requests?tenant=org_acme")
    yield "account-requests"
    off_the_loop(ask_for_a_call(sights.deployment, sights.database_url))
    page.goto(f"{issuer}/account/organisation/approvals?tenant=org_acme")
    yield "account-approvals"
    page.goto(f"{issuer}/account/organisation/domains?tenant=org_acme")
    page.get_by_label("Domain", exact=True).fill("acme.example")
    page.get_by_role("button", name="Add domain").click()
    expect(page.get_by_role("heading", name="acme.example")).to_be_visible()
    yield "account-domains"
    _allow(page, issuer, "Any app")
    page.goto(claude.authorize_url(ui_locales="de"))
    page.get_by_role("button", name="Acme").click()
    expect(page.get_by_role("button", name="Erlauben")).to_be_visible()
    yield "consent-german"
    page.goto(f"{issuer}/account/organisation?tenant=org_acme")
    yield "account-organisation-german"
    page.goto(f"{issuer}/account/security")
    yield "account-security-german"
    page.goto(f"{issuer}/account/plan?tenant=org_acme")
    yield "account-plan-german"
    page.goto(f"{issuer}/account/link?provider=ledger&tenant=org_acme")
    yield "link-account-german"
    yield from _device(page, issuer)
    yield from _openid(page, sights, claude)
    yield from _invitations(page, sights)
    page.context.clear_cookies()
    page.goto(f"{issuer}/account/delete")
    sign_in(page, "cy@nowhere.example")
    page.get_by_label("Type cy@nowhere.example to confirm").fill("cy@nowhere.example")
    page.get_by_role("button", name="Delete account").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your account was deleted")
    yield "account-deleted"


def begin_device(issuer: str) -> str:
    """Begin a device authorization; return the code to type."""
    begun = httpx2.post(
        f"{issuer}/device_authorization", data={"client_id": DEVICE["client_id"]}, trust_env=False
    )
    return str(begun.json()["user_code"])


def _device(page: Page, issuer: str) -> Iterator[str]:
    page.goto(f"{issuer}/device?ui_locales=de")
    yield "device-german"
    page.goto(f"{issuer}/device?ui_locales=en")
    page.get_by_label("Code", exact=True).fill("BBBB-BBBB")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("alert")).to_be_visible()
    yield "device-wrong"
    page.get_by_label("Code", exact=True).fill(begin_device(issuer))
    page.get_by_role("button", name="Continue").click()
    acme, approve = (page.get_by_role("button", name=name) for name in ("Acme", "Approve"))
    expect(acme.or_(approve).first).to_be_visible()
    if not approve.is_visible():
        acme.click()
    expect(approve).to_be_visible()
    yield "device-consent"
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Build Bot is connected")
    yield "device-done"


def _openid(page: Page, sights: Sights, app: OAuthClient) -> Iterator[str]:
    """See what an app that signs people in asks for, in German, and have it sign Ada out."""
    page.goto(app.authorize_url(prompt="select_account", ui_locales="de"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Konto wählen")
    yield "account-choice-german"
    page.get_by_role("button", name="Ada Marsh").click()
    ask(page, sights.deployment, app, scope="mcp:read openid profile email", ui_locales="en")
    yield "consent-identity"
    page.goto(f"{sights.deployment.issuer}/end-session?client_id={app.client_id}")
    yield "end-session"
    page.get_by_role("button", name="Sign out").click()
    yield "signed-out"


def _own_provider(page: Page, sights: Sights) -> Iterator[str]:
    page.goto(f"{sights.customers}/sign-in?return_to=/account/apps")
    yield "sign-in-address"
    page.get_by_label("E-mail address").fill("eve@elsewhere.example")
    page.get_by_role("button", name="Continue", exact=True).click()
    expect(page.get_by_label("Password")).to_be_visible()
    yield "sign-in-password"
    page.get_by_role("link", name="Use another address").click()
    page.get_by_label("E-mail address").fill(ADA[0])
    with page.expect_request(f"{sights.customers}/sign-in/with/*"):
        page.get_by_role("button", name="Continue", exact=True).click()
    yield "sign-in-elsewhere"
    off_the_loop(require_provider_of_acme(sights.customers_database_url, required=False))
    rule = "/account/organisation/provider?tenant=org_acme"
    page.goto(f"{sights.customers}{rule}")
    page.get_by_role("link", name="Sign in with a password").click()
    sign_in(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign-in of members")
    yield "account-sign-in-rule"
    page.goto(f"{sights.customers}/account/organisation/apps?tenant=org_acme")
    expect(page.get_by_role("button", name="Stop connecting it")).to_be_visible()
    yield "account-tenant-apps"
    page.goto(f"{sights.customers}/account/plan?tenant=org_acme")
    expect(page.get_by_role("heading", name="By API")).to_be_visible()
    yield "account-plan-apis"
    page.goto(f"{sights.customers}/account/organisation/directory?tenant=org_acme")
    page.get_by_label("Name", exact=True).fill("Okta")
    page.get_by_role("button", name="Create token").click()
    expect(page.get_by_text("Copy the token now.")).to_be_visible()
    yield "account-directory"
    off_the_loop(require_provider_of_acme(sights.customers_database_url, required=True))
    page.goto(f"{sights.customers}{rule}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Acme requires its own sign-in")
    yield "own-provider"
    page.context.clear_cookies()


def console_tour(page: Page, sights: Sights) -> Iterator[str]:
    """Walk through the console as an operator; yields a page's name while the browser shows it."""
    issuer = sights.deployment.issuer
    page.goto(f"{issuer}/console/webhooks")
    sign_in(page, "op@orbit.example")
    page.get_by_label("URL", exact=True).fill("https://hooks.example.com/console")
    page.get_by_role("checkbox").first.check()
    page.get_by_role("button", name="Add endpoint").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Webhook endpoint")
    yield "console-webhook-secret"
    for name, path in CONSOLE_PAGES.items():
        page.goto(f"{issuer}/console/{path}".removesuffix("/"))
        yield f"console-{name}"
    page.goto(f"{issuer}/console/clients/new")
    page.get_by_label("Client ID").fill(f"orbit-reports-{token_hex(4)}")
    page.get_by_label("Name on pages").fill("Orbit reports")
    page.get_by_label("How it authenticates").select_option("client_secret_basic")
    page.get_by_label("Redirect URIs", exact=True).fill("https://orbit.example/back")
    page.get_by_role("button", name="Add app").click()
    expect(page.get_by_text("Copy the secret now.")).to_be_visible()
    yield "console-app-added"
    page.goto(f"{issuer}/console/books/tenant?tenant=org_acme")
    page.locator('main a[href*="day="]').first.click()
    expect(page.get_by_role("link", name="All days")).to_be_visible()
    yield "console-books-day"
    page.locator('main a[href*="/console/books/hour"]').first.click()
    expect(page.get_by_role("heading", name="Exports")).to_be_visible()
    yield "console-books-hour"
    page.goto(f"{issuer}/console/webhooks")
    page.get_by_role("link", name="https://hooks.example.com/console").first.click()
    yield "console-webhook"
    page.goto(f"{issuer}/console/gateways")
    page.locator('main a[href*="/console/gateway?"]').first.click()
    yield "console-gateway"
    off_the_loop(require_provider_of_acme(sights.customers_database_url, required=True))
    page.goto(f"{sights.customers}/console/tenant?tenant=org_acme")
    sign_in(page, "op@orbit.example")
    expect(page.get_by_role("button", name="Lift the rule")).to_be_visible()
    yield "console-organisation-provider"
    for name, path in (("overview", "?days=7"), ("usage", "/usage?by=api&days=7")):
        page.goto(f"{sights.customers}/console{path}")
        expect(page.get_by_text("Without an API")).to_be_visible()
        yield f"console-{name}-apis"
    page.get_by_role("link", name="Tools", exact=True).click()
    page.get_by_role("link", name="invoicing", exact=True).click()
    expect(page.get_by_text("invoicing_pay")).to_be_visible()
    yield "console-usage-of-an-api"


def _allow(page: Page, issuer: str, which: str) -> None:
    page.goto(f"{issuer}/account/organisation?tenant=org_acme")
    page.get_by_role("radio", name=which).check()
    page.get_by_role("button", name="Save rules").click()
    expect(page.get_by_text("Saved.")).to_be_visible()


def _address(page: Page, sights: Sights) -> Iterator[str]:
    issuer = sights.deployment.issuer
    page.goto(f"{issuer}/account/email")
    page.get_by_label("New e-mail address").fill("ada@new.example")
    page.get_by_role("button", name="Send code", exact=True).click()
    expect(page.get_by_label("Code")).to_be_visible()
    yield "account-email-code"
    off_the_loop(change_of_address(sights.database_url))
    page.goto(f"{issuer}/sign-in/address?change=of-the-tour")
    yield "address-undo"
    page.get_by_role("button", name="Send a code to my former address").click()
    expect(page.get_by_label("Code")).to_be_visible()
    yield "address-undo-code"


def _webhooks(page: Page, issuer: str) -> Iterator[str]:
    page.goto(f"{issuer}/account/organisation/webhooks?tenant=org_acme")
    yield "account-webhooks"
    page.get_by_label("URL").fill("https://hooks.example.com/gatepost")
    page.get_by_role("checkbox").first.check()
    page.get_by_role("button", name="Add endpoint").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Signing secret")
    yield "account-webhook-secret"
    page.get_by_role("link", name="Done").click()
    yield "account-webhook"


def _second_factor(page: Page, issuer: str) -> Iterator[str]:
    page.goto(f"{issuer}/account/security/app")
    yield "account-code-app"
    secret = page.locator("main .fine code").first.inner_text().replace(" ", "")
    page.get_by_label("Code from the app").fill(TOTP(secret).now())
    page.get_by_role("button", name="Verify and turn on").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Recovery codes")
    yield "account-recovery-codes"
    recovery_code = page.locator("#codes").inner_text().split("\n")[0]
    page.goto(f"{issuer}/account/security")
    yield "account-security"
    page.get_by_role("button", name="Sign out", exact=True).click()
    sign_in(page)
    code = page.get_by_label("code", exact=False).first
    expect(code).to_be_visible()
    yield "second-factor"
    code.fill("1")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("alert")).to_be_visible()
    yield "second-factor-wrong"
    page.get_by_role("button", name="Lost your authenticator").click()
    yield "recovery"
    page.get_by_role("button", name="Send code").click()
    expect(page.get_by_label("Code")).to_be_visible()
    yield "recovery-code"
    page.goto(f"{issuer}/sign-in/recovery/cancel?id=over")
    yield "recovery-over"
    page.goto(f"{issuer}/account/security")
    sign_in(page)
    code = page.get_by_label("code", exact=False).first
    code.fill(recovery_code)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.goto(f"{issuer}/account/security")
    page.get_by_role("button", name="Remove authenticator").click()
    expect(page.get_by_role("link", name="Set up an authenticator app")).to_be_visible()


ACCOUNT_PAGES = {
    "sessions": "sessions",
    "security-plain": "security",
    "password": "security/password",
    "notices": "notices",
    "profile": "profile",
    "email": "email",
    "delete": "delete",
    "api-keys": "api-keys",
    "organisations": "organisations",
    "organisation": "organisation?tenant=org_acme",
    "organisation-audit": "organisation/audit?tenant=org_acme",
    "plan": "plan?tenant=org_acme",
    "organisation-member": "organisation/member?tenant=org_acme&person=usr_eve",
    "organisation-yourself": "organisation/member?tenant=org_acme&person=usr_ada",
}
CONSOLE_PAGES = {
    "overview": "",
    "usage": "usage?by=person&days=30",
    "calls": "calls",
    "call": "call?call=call_of_eve",
    "limits": "limits",
    "funnel": "funnel?days=30",
    "intent": "intent?days=30",
    "organisations": "tenants",
    "organisation": "tenant?tenant=org_acme",
    "organisation-members": "tenant/members?tenant=org_acme",
    "organisation-connections": "tenant/connections?tenant=org_acme",
    "organisation-credit": "tenant/credit?tenant=org_acme",
    "organisation-directory": "tenant/directory?tenant=org_acme",
    "organisation-rules": "tenant/rules?tenant=org_acme",
    "people": "people",
    "person": "person?person=usr_ada",
    "apps": "clients",
    "app": "client?client=orbit-cli",
    "app-new": "clients/new",
    "gateways": "gateways",
    "webhooks": "webhooks",
    "keys": "keys",
    "audit": "audit",
    "operators": "operators",
    "playground": "playground?tenant=org_acme&person=usr_eve",
    "playground-tool": "playground/tool?tenant=org_acme&person=usr_eve&tool=list_tasks",
    "tokens": "tokens",
    "books": "books?shown=all",
    "books-tenant": "books/tenant?tenant=org_acme",
    "books-system": "books/tenant/system?tenant=org_acme",
    "books-exports": "books/exports?shown=all",
    "books-refused": "books/refused",
    "books-archives": "books/archives",
    "plans": "plans",
    "plan": "plan?plan=free",
    "plan-prices": "plans/prices",
    "plan-terms": "plans/terms",
    "plan-simulation": f"plan/simulation?plan=pro&month={month_of(datetime.now(UTC))}",
    "subscriptions": "subscriptions",
    "stripe-events": "stripe-events",
    "stripe-event": "stripe-event?event=evt_of_the_tour",
}
