"""Sessions of people: their start, level, description and end."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_server.db.engine import DbSession, open_database
from auth_server.flow.sign_in_purpose import is_account_page
from auth_server.records.sessions.store import end_session_of, list_sessions
from auth_server.records.sessions.table import Session
from auth_server.records.tenants.table import Tenant
from support.in_process.auth_server import AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.person import Page, Person

PHONE = "Mozilla/5.0 (iPhone) Safari"
IDLE = timedelta(hours=12)


def path_of(page: Page) -> str:
    """Tell which page this is."""
    return urlsplit(page.url).path


def session_of(person: Person) -> str:
    """Read the session cookie of a person's browser."""
    return next(c.value or "" for c in person.http.cookies.jar if c.name.endswith("session"))


@asynccontextmanager
async def writing(server: AuthServer) -> AsyncIterator[DbSession]:
    """Write directly to the server's database."""
    database = open_database(server.database_url)
    try:
        async with database.writing() as db, db.begin():
            yield db
    finally:
        await database.engine.dispose()


async def sessions(server: AuthServer, person_id: str = "usr_ada") -> Sequence[Session]:
    """List where a person is signed in."""
    async with writing(server) as db:
        return await list_sessions(db, person_id, now=server.clock(), idle=IDLE)


async def require_level(server: AuthServer, tenant_id: str, level: int) -> None:
    """Make a tenant require two factors."""
    async with writing(server) as db:
        tenant = await db.get(Tenant, tenant_id)
        assert tenant is not None
        tenant.required_level = level


async def test_a_person_signs_in_to_see_their_account_without_any_app(
    auth_server: AuthServer,
) -> None:
    person = auth_server.person()
    page = await person.open("/sign-in?return_to=/account/apps")

    answer = await person.http.post(
        "/sign-in",
        data={
            **page.forms["/sign-in"].fields,
            "email": person.email,
            "password": person.password,
        },
    )

    assert "to continue to your account" in page.text
    assert (answer.status_code, answer.headers["location"]) == (303, "/account/apps")
    client = await auth_server.client()
    assert path_of(await person.open(client.authorize_url())) == "/tenant"


async def test_below_a_path_sign_in_leads_to_the_account_below_it(
    database_url: str, clock: Clock
) -> None:
    issuer = "http://127.0.0.1:8400/id"
    async with running_auth_server(database_url, clock, issuer=issuer) as server:
        person = server.person()
        page = await person.open(f"{issuer}/sign-in?return_to=/account/apps")
        form = page.forms["/id/sign-in"].fields
        fields = {**form, "email": person.email, "password": person.password}
        answer = await person.http.post(f"{issuer}/sign-in", data=fields)

    assert answer.headers["location"] == "/id/account/apps"


@pytest.mark.parametrize(
    "path",
    [
        "/account",
        "/account/apps",
        "/account/tenants/org_acme/members",
        "/account/tenants/org-1.x~y",
        "/account/apps?page=2&order=name",
    ],
)
def test_sign_in_leads_to_pages_of_the_account(path: str) -> None:
    assert is_account_page(path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "//evil.example",
        "//evil.example/account",
        "/\\evil.example",
        "/account\\evil.example",
        "/account//evil.example",
        "/account/",
        "/account/../authorize",
        "/account/./apps",
        "/account/%2e%2e/authorize",
        "/account/..;/authorize",
        "/account/apps#x",
        "/account/apps?x=//evil.example",
        "/account/apps\n",
        "/account/apps\r\nSet-Cookie: x=y",
        "/account/apps ",
        " /account/apps",
        "/accounts",
        "/account.evil.example",
        "/account@evil.example",
        "/account:80",
        "/Account",
        "/authorize",
        "/sign-out",
        "account",
        "https://evil.example/account",
        "https:/account",
        "javascript:/account",
        "/account/é",
        "/account/" + "x" * 600,
    ],
)
async def test_sign_in_leads_nowhere_but_to_the_account_a14(
    table_server: AuthServer, path: str
) -> None:
    """An open redirect after sign-in could lead people to a page that looks like ours."""
    assert not is_account_page(path)
    shown = await table_server.http.get("/sign-in", params={"return_to": path})
    assert shown.status_code == (400 if path else 200)
    assert "location" not in shown.headers


@given(st.text(max_size=60))
def test_any_accepted_return_path_stays_on_this_origin_a14(text: str) -> None:
    for path in (text, f"/account{text}", f"/account/{text}"):
        if is_account_page(path):
            parts = urlsplit(path)
            assert (parts.scheme, parts.netloc) == ("", "")
            assert parts.path == "/account" or parts.path.startswith("/account/")
            assert not {".", "..", ""} & set(parts.path.split("/")[1:])


async def test_the_account_sign_in_of_one_browser_is_not_valid_in_another_a40(
    auth_server: AuthServer,
) -> None:
    """Login CSRF: a form the attacker fetched, with the attacker's password, in a victim's browser."""
    mallory, victim = auth_server.person("bo@globex.example"), auth_server.person()
    page = await mallory.open("/sign-in?return_to=/account/apps")
    await victim.open("/sign-in?return_to=/account/apps")
    form = {**page.forms["/sign-in"].fields, "email": mallory.email, "password": mallory.password}

    answer = await victim.http.post("/sign-in", data=form)
    elsewhere = await mallory.http.post("/sign-in", data={**form, "return_to": "/account/keys"})

    assert (answer.status_code, "session" in str(answer.headers)) == (403, False)
    assert elsewhere.status_code == 403


async def test_a_session_says_where_and_how_it_began(auth_server: AuthServer) -> None:
    person = auth_server.person()
    person.http.headers["user-agent"] = PHONE + "x" * 300
    await person.sign_in(await person.open("/sign-in?return_to=/account/apps"))

    (session,) = await sessions(auth_server)

    assert (session.level, session.method) == (1, "password")
    assert session.user_agent.startswith(PHONE)
    assert len(session.user_agent) == 200
    assert session.address == "127.0.0.1"
    assert session.signed_in_at == session.last_seen_at == auth_server.clock()
    assert session_of(person) not in repr(session)


@pytest.mark.both_databases
async def test_a_person_ends_one_of_their_sessions_and_what_they_connected_stays(
    auth_server: AuthServer,
) -> None:
    client = await auth_server.client()
    laptop, phone = auth_server.person(), auth_server.person()
    phone.http.headers["user-agent"] = PHONE
    tokens = await client.connect(laptop)
    auth_server.clock.advance(minutes=1)
    await phone.sign_in(await phone.open("/sign-in"))
    lost, kept = await sessions(auth_server)
    assert lost.user_agent == PHONE

    async with writing(auth_server) as db:
        now = auth_server.clock()
        foreign = await end_session_of(db, "usr_bo", lost.session_hash, now=now)
        ended = await end_session_of(db, "usr_ada", lost.session_hash, now=now)
        again = await end_session_of(db, "usr_ada", lost.session_hash, now=now)

    assert (foreign, ended, again) == (False, True, False)
    assert await sessions(auth_server) == [kept]
    assert path_of(await phone.open(client.authorize_url())) == "/sign-in"
    assert path_of(await laptop.open(client.authorize_url())) == "/consent"
    refreshed = await client.refresh(tokens["refresh_token"])
    assert refreshed.status_code == 200


@pytest.mark.both_databases
async def test_sessions_that_are_over_are_not_listed(auth_server: AuthServer) -> None:
    person = auth_server.person()
    await person.sign_in(await person.open("/sign-in"))
    auth_server.clock.advance(hours=11, minutes=59)
    listed = await sessions(auth_server)
    auth_server.clock.advance(minutes=1)

    assert (len(listed), len(await sessions(auth_server))) == (1, 0)


async def test_a_password_is_not_enough_for_a_tenant_that_requires_more_a52(
    auth_server: AuthServer,
) -> None:
    """Neither by an earlier consent page, nor by its address."""
    client, person = await auth_server.client(), auth_server.person()
    consent = await person.reach_consent(client.authorize_url())
    await require_level(auth_server, "org_acme", 2)

    stopped = await person.press(consent, "Approve")
    reopened = await person.open(consent.url)
    elsewhere = await person.reach_consent(client.authorize_url(), tenant="Globex")

    for page in (stopped, reopened):
        assert (path_of(page), page.status, page.moves_on_to) == (
            "/account/security/enrol",
            200,
            None,
        )
        assert "Acme requires it before you connect" in page.text
        assert "Choose another organisation" in page.text
    assert path_of(elsewhere) == "/consent"


async def test_a_person_who_meets_the_required_level_is_not_asked_for_more(
    auth_server: AuthServer,
) -> None:
    client, person = await auth_server.client(), auth_server.person()
    page = await person.reach_consent(client.authorize_url())
    await require_level(auth_server, "org_acme", 2)
    more = await person.open(page.url)
    (session,) = await sessions(auth_server)
    async with writing(auth_server) as db:
        row = await db.get(Session, session.session_hash)
        assert row is not None
        row.level = 2

    assert path_of(await person.open(more.url)) == "/consent"
