"""Attacks on pages, tried on every route in the app's own list."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from html.parser import HTMLParser
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx2
import pytest
from fastapi.routing import iter_route_contexts

from auth_server.records.invitations.store import add_invitation
from auth_server.records.invitations.table import Invitation
from gatepost.approvals import APPROVALS_PATH
from gatepost.health import REPORTS_PATH
from gatepost.linked_tokens import LINKED_TOKENS_PATH
from gatepost.metering.call_event import EVENTS_PATH
from gatepost.metering.plans import PLANS_PATH, USAGE_PATH
from gatepost.revocations import REVOCATIONS_PATH
from support.in_process.auth_server import ISSUER, RESOURCE, AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.person import Person

FORM = {"content-type": "application/x-www-form-urlencoded"}
POSTED_BY_PROGRAMS = (
    "/token",
    "/device_authorization",
    "/par",
    "/register",
    "/revoke",
    "/introspect",
    "/userinfo",
    "/end-session",
    REVOCATIONS_PATH,
    EVENTS_PATH,
    APPROVALS_PATH,
    LINKED_TOKENS_PATH,
    REPORTS_PATH,
    PLANS_PATH,
    USAGE_PATH,
    "/provider-logout/{name}",
)
# Routes for programs, which don't answer with pages.
MACHINES = (
    "/token",
    "/device_authorization",
    "/par",
    "/register",
    "/revoke",
    "/introspect",
    "/jwks.json",
    "/.well-known",
    "/livez",
)
SUBRESOURCES = {"img": "src", "script": "src", "link": "href", "iframe": "src", "form": "action"}


@dataclass
class Walk:
    """The answers of all routes to several kinds of requests."""

    answers: list[httpx2.Response] = field(default_factory=list)

    @property
    def pages(self) -> list[httpx2.Response]:
        """The answers that a browser shows as a page."""
        return [a for a in self.answers if "text/html" in a.headers.get("content-type", "")]

    @property
    def shown(self) -> set[str]:
        """The paths of pages with a successful answer."""
        return {page.url.path for page in self.pages if page.status_code == 200}


class Elements(HTMLParser):
    """The elements of a page, with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))


@pytest.fixture(scope="module")
async def walk(table_server: AuthServer) -> AsyncIterator[Walk]:
    """Walk all routes: as a stranger, as Ada in the middle of connecting, and with empty forms."""
    walked = Walk()
    for signed_in in (False, True):
        person = table_server.person()
        client = await table_server.client()
        transaction = "none"
        if signed_in:
            consent = await person.reach_consent(client.authorize_url())
            transaction = parse_qs(urlsplit(consent.url).query)["transaction"][0]
        query = {"transaction": transaction, "tenant": "org_acme", "person": "usr_ada"}
        # Without the parameters that would give sign-in two purposes at once.
        for route in iter_route_contexts(table_server.app.routes):
            path = (route.path or "").replace("{name}", "nothing.css")
            if "{" in path:
                path = path.partition("{")[0] + "x"
            for parameters in (query, {}):
                walked.answers.append(await person.http.get(path, params=parameters))
            walked.answers.append(await person.http.post(path, headers=FORM, content=""))
        left = await person.open(client.authorize_url(client_id="nobody"))
        assert left.status == 400
        walked.answers.append(await person.http.get("/authorize", params={"client_id": "nobody"}))
        walked.answers.append(await person.http.get("/nowhere"))
    op = table_server.person("op@orbit.example")
    await op.sign_in(await op.open("/console/tenants"))
    for route in iter_route_contexts(table_server.app.routes):
        if (route.path or "").startswith("/console"):
            for parameters in (query, {}):
                walked.answers.append(await op.http.get(route.path or "", params=parameters))
    yield walked


async def test_the_walk_comes_by_every_page(walk: Walk) -> None:
    assert walk.shown >= {
        "/",
        "/sign-in",
        "/sign-in/forgotten",
        "/account/security/password",
        "/tenant",
        "/consent",
        "/account/apps",
        "/account/sessions",
        "/account/organisations",
        "/account/organisation",
        "/account/organisation/member",
        "/account/organisation/invitations",
        "/account/organisation/requests",
        "/account/organisation/approvals",
        "/account/organisation/domains",
        "/account/plan",
        "/account/organisation/webhooks",
        "/console",
        "/console/usage",
        "/console/calls",
        "/console/limits",
        "/console/tenants",
        "/console/tenant",
        "/console/people",
        "/console/person",
        "/console/clients",
        "/console/gateways",
        "/console/webhooks",
        "/console/keys",
        "/console/audit",
        "/console/operators",
        "/console/tokens",
    }
    assert {page.status_code for page in walk.pages} >= {200, 400, 403, 404, 405}


async def test_no_page_tells_another_site_where_it_was_nor_loads_anything_of_one_a16(
    walk: Walk,
) -> None:
    for page in walk.pages:
        assert page.headers["referrer-policy"] == "no-referrer"
        policy = page.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; ")
        assert "unsafe" not in policy
        assert "http" not in policy
        for tag, attributes in Elements(page.text).found:
            if tag in SUBRESOURCES and SUBRESOURCES[tag] in attributes:
                target = urljoin(str(page.url), attributes[SUBRESOURCES[tag]])
                assert urlsplit(target)[:2] == urlsplit(str(page.url))[:2], target
            assert "style" not in attributes
            assert not [name for name in attributes if name.startswith("on")]
            if tag == "a" and attributes.get("href", "").startswith("http"):
                assert "noreferrer" in attributes.get("rel", ""), attributes


async def test_no_page_can_be_framed_a43(walk: Walk) -> None:
    for page in walk.pages:
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
        assert page.headers["x-frame-options"] == "DENY"


async def test_nothing_of_a_page_is_kept_by_a_browser_or_a_proxy_a55(walk: Walk) -> None:
    redirects = [answer for answer in walk.answers if "location" in answer.headers]
    assert redirects
    for answer in (*walk.pages, *redirects):
        assert answer.headers["cache-control"] == "no-store", answer.url


async def test_no_page_can_reach_the_window_that_opened_it_a56(walk: Walk) -> None:
    for page in walk.pages:
        assert page.headers["cross-origin-opener-policy"] == "same-origin"
        for tag, attributes in Elements(page.text).found:
            assert tag != "a" or "target" not in attributes or "noopener" in attributes["rel"]


async def test_no_page_is_taken_for_anything_but_a_page(walk: Walk) -> None:
    for answer in walk.answers:
        if not answer.url.path.startswith(MACHINES) and answer.content:
            assert answer.headers.get("x-content-type-options") == "nosniff" or (
                answer.headers["content-type"] == "application/json"
            ), answer.url


@dataclass
class Forms:
    """A signed-in browser, and fields that lead each form past the checks before its proof's."""

    server: AuthServer
    person: Person
    operator: Person
    paths: list[str]
    fields: dict[str, str]

    def rows(self) -> list[str]:
        """Dump the whole database."""
        path = self.server.database_url.removeprefix("sqlite+aiosqlite:///")
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            return list(database.iterdump())

    async def post(self, path: str, headers: dict[str, str]) -> httpx2.Response:
        """Post the fields, without a proof."""
        who = self.operator if path.startswith("/console") else self.person
        return await who.http.post(path, data=self.fields, headers=headers)


@pytest.fixture
async def forms(sqlite_server: AuthServer) -> Forms:
    """Ada is signed in, has connected one app, and is about to connect another."""
    person = sqlite_server.person()
    await (await sqlite_server.client()).connect(person)
    apps = await person.open("/account/apps")
    [app] = [link for link in apps.links if "/account/app?" in link]
    consent = await person.reach_consent((await sqlite_server.client()).authorize_url())
    query = parse_qs(urlsplit(app).query) | parse_qs(urlsplit(consent.url).query)
    fields = {name: value for name, [value] in query.items()}
    fields |= {"tenant": "org_acme", "person": "usr_ada", "resource": RESOURCE}
    invitation = Invitation(
        invitation_id="0" * 32,
        tenant_id="org_acme",
        email="dee@new.example",
        role="member",
        data_scope="",
        sent_at=sqlite_server.clock(),
        expires_at=sqlite_server.clock() + timedelta(days=7),
    )
    async with sqlite_server.opened.transaction() as db:
        await add_invitation(db, invitation)
    fields["id"] = invitation.invitation_id
    paths = [
        route.path or ""
        for route in iter_route_contexts(sqlite_server.app.routes)
        if "POST" in (route.methods or ()) and route.path not in POSTED_BY_PROGRAMS
    ]
    op = sqlite_server.person("op@orbit.example")
    await op.sign_in(await op.open("/console/tenants"))
    return Forms(sqlite_server, person, op, paths, fields)


async def test_each_form_that_another_site_posts_is_refused_and_changes_nothing(
    forms: Forms,
) -> None:
    before = forms.rows()

    for path in forms.paths:
        for headers in (
            {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site", "origin": ISSUER},
            {"origin": "https://evil.example"},
        ):
            page = await forms.post(path, headers)
            assert page.status_code == 403, path
            assert "This form came from another site" in page.text, path

    assert {"/sign-in", "/consent", "/account/sessions/end"} <= set(forms.paths)
    assert forms.rows() == before


async def test_each_form_without_proof_is_refused_and_changes_nothing(forms: Forms) -> None:
    before = forms.rows()

    for path in forms.paths:
        page = await forms.post(path, {})
        assert page.status_code == 403, (path, page.text)
        assert "This form has expired" in page.text, path

    assert forms.rows() == before


async def test_a_session_that_a_sibling_site_planted_is_none_at_the_account_pages_a57(
    sqlite_url: str, clock: Clock
) -> None:
    async with running_auth_server(sqlite_url, clock, issuer="https://id.example") as server:
        person = server.person()
        await person.sign_in(await person.open("/account/sessions"))
        tossed = server.person()
        for cookie in person.http.cookies.jar:
            plain = cookie.name.removeprefix("__Host-")
            tossed.http.cookies.set(plain, cookie.value or "")
        planted = await tossed.http.get("/account/sessions")
        right = await person.http.get("/account/sessions")

    assert (right.status_code, planted.status_code) == (200, 303)


async def test_going_about_in_the_pages_leaves_few_and_small_cookies_a58(
    table_server: AuthServer,
) -> None:
    person = table_server.person()
    await person.sign_in(await person.open("/account/sessions"))
    for tag in ("de", "en", "xx", "x" * 500, "de en " * 50):
        for page in ("/", "/sign-in", "/account/sessions", "/account/organisations"):
            await person.http.get(page, params={"ui_locales": tag})
        client = await table_server.client()
        await person.http.get(client.authorize_url(ui_locales=tag))
    sizes = [len(c.name) + len(c.value or "") for c in person.http.cookies.jar]

    assert len(sizes) <= 4
    assert sum(sizes) < 500
