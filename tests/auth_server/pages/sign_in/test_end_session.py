"""An app signs a person out: RP-Initiated Logout 1.0."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from sqlmodel import select

from auth_server.records.audit.table import AuditEntry
from auth_server.records.sessions.table import Session
from support.in_process.auth_server import AuthServer
from support.in_process.openid_app import HOME, OpenIdApp, add_openid_app
from support.in_process.person import Page, Person

BYE = f"{HOME}/bye?from=orbit"
CROSS_SITE = {"sec-fetch-site": "cross-site", "origin": HOME}


@pytest.fixture
async def app(auth_server: AuthServer) -> OpenIdApp:
    """A dashboard that signs people in and out here."""
    return await add_openid_app(auth_server, post_logout_redirect_uris=[BYE])


async def live(server: AuthServer, person_id: str = "usr_ada") -> int:
    """Count a person's sessions."""
    async with server.opened.database.reading() as db:
        rows: Sequence[Any] = (await db.execute(select(Session))).scalars().all()
    return len([row for row in rows if row.person_id == person_id and row.ended_at is None])


async def leave(person: Person, server: AuthServer, **parameters: str) -> Page:
    """Follow an app's link to the end of the session."""
    return await person.open(f"{server.issuer}/end-session?{urlencode(parameters)}")


@pytest.mark.both_databases
async def test_an_app_signs_its_person_out_and_gets_them_back(
    auth_server: AuthServer, app: OpenIdApp
) -> None:
    """As Authlib writes the request, after the ID token has expired; the app stays connected."""
    person = auth_server.person()
    await app.connect(person)
    auth_server.clock.advance(hours=2)
    request = await app.library("").create_logout_url(
        post_logout_redirect_uri=BYE, id_token_hint=app.tokens["id_token"], state="s t"
    )

    page = await person.open(request["url"])
    assert page.moves_on_to == f"{BYE}&state=s%20t"
    assert await live(auth_server) == 0
    assert urlsplit((await person.open("/account/apps")).url).path == "/sign-in"
    assert "id_token" in await app.refresh()
    async with auth_server.opened.database.reading() as db:
        query = select(AuditEntry).where(AuditEntry.event == "signed_out")
        (entry,) = (await db.execute(query)).scalars()
    assert (entry.person_id, entry.client_id) == ("usr_ada", "dashboard")

    # Again, since the browser has no session any more.
    again = await person.open(request["url"])
    assert again.moves_on_to == f"{BYE}&state=s%20t"


async def test_without_an_id_token_the_person_is_asked(
    auth_server: AuthServer, app: OpenIdApp
) -> None:
    person = auth_server.person()
    await app.connect(person)

    page = await leave(
        person, auth_server, client_id="dashboard", post_logout_redirect_uri=BYE, state="s"
    )
    assert (page.status, page.moves_on_to) == (200, None)
    assert "Dashboard asks to sign you out here." in page.text
    assert await live(auth_server) == 1
    page = await person.press(page, "Sign out")
    assert page.moves_on_to == f"{BYE}&state=s"
    assert await live(auth_server) == 0


async def test_a_link_without_anything_asks_and_leads_nowhere(auth_server: AuthServer) -> None:
    person = auth_server.person()
    await person.sign_in(await person.open(f"{auth_server.issuer}/account/apps"))

    page = await leave(person, auth_server)
    assert "An app asks to sign you out here." in page.text
    page = await person.press(page, "Sign out")
    assert "You are signed out" in page.text
    assert page.moves_on_to is None
    assert "You are signed out" in (await leave(person, auth_server)).text


async def test_no_other_site_signs_a_person_out_a240(
    auth_server: AuthServer, app: OpenIdApp
) -> None:
    """A240: neither by a link, nor by a form, nor with an ID token of another session or person."""
    first = auth_server.person()
    await app.connect(first)
    of_first = app.tokens["id_token"]
    bo = auth_server.person("bo@globex.example")
    await app.connect(bo)
    of_bo = app.tokens["id_token"]
    second = auth_server.person()
    await second.sign_in(await second.open(f"{auth_server.issuer}/account/apps"))

    access = app.tokens["access_token"]
    for hint in (of_first, of_bo, access, f"{of_first}x", "", "a.b.c"):
        page = await leave(second, auth_server, id_token_hint=hint)
        assert "to sign you out here" in page.text, hint
    url = f"{auth_server.issuer}/end-session"
    for path, data in (
        ("", {"state": "x"}),
        ("", {"client_id": "dashboard"}),
        ("/confirm", {}),
        ("/confirm", {"proof": "x", "client_id": "dashboard"}),
    ):
        answer = await second.http.post(f"{url}{path}", data=data, headers=CROSS_SITE)
        assert (answer.status_code in {303, 403}, answer.cookies.get("gatepost_session")) == (
            True,
            None,
        )
    assert await live(auth_server) == 2


async def test_the_form_of_one_session_signs_no_other_out_a240(
    auth_server: AuthServer, app: OpenIdApp
) -> None:
    ada, bo = auth_server.person(), auth_server.person("bo@globex.example")
    for person in (ada, bo):
        await person.sign_in(await person.open(f"{auth_server.issuer}/account/apps"))
    page = await leave(bo, auth_server, client_id="dashboard")
    form = page.forms["/end-session/confirm"]

    assert (await ada.send(page, form.action, list(form.fields.items()))).status == 403
    changed = {**form.fields, "client_id": "orbit-cli"}
    assert (await bo.send(page, form.action, list(changed.items()))).status == 403
    assert (await live(auth_server), await live(auth_server, "usr_bo")) == (1, 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"post_logout_redirect_uri": f"{BYE}x"},
        {"post_logout_redirect_uri": f"{HOME}/callback"},
        {"post_logout_redirect_uri": "https://evil.example/"},
        {"post_logout_redirect_uri": "//evil.example"},
        {"post_logout_redirect_uri": BYE, "client_id": "orbit-cli"},
        {"post_logout_redirect_uri": BYE, "client_id": None},
        {"post_logout_redirect_uri": BYE, "client_id": "nobody"},
        {"post_logout_redirect_uri": BYE, "state": "s" * 4097},
    ],
)
async def test_nobody_is_sent_to_an_address_that_is_not_registered_a14(
    auth_server: AuthServer, app: OpenIdApp, changes: dict[str, str | None]
) -> None:
    """A14: this server is not an open redirector, whether or not somebody is signed in."""
    given = {"client_id": "dashboard", **changes}
    parameters = {name: value for name, value in given.items() if value is not None}

    page = await leave(auth_server.person(), auth_server, **parameters)
    assert (page.status, page.moves_on_to) == (400, None)
    assert "evil" not in page.html


async def test_an_id_token_of_another_app_names_no_other_client(
    auth_server: AuthServer, app: OpenIdApp
) -> None:
    person = auth_server.person()
    await app.connect(person)

    page = await leave(
        person, auth_server, id_token_hint=app.tokens["id_token"], client_id="orbit-cli"
    )
    assert (page.status, await live(auth_server)) == (400, 1)


async def test_an_app_that_registered_itself_gets_people_back_by_a_click_alone_a19(
    auth_server: AuthServer,
) -> None:
    """A19: otherwise anybody could make a link of this server that leads to their own site."""
    client = await auth_server.client(
        redirect_uris=["https://evil.example/cb"],
        post_logout_redirect_uris=["https://evil.example/bye"],
    )
    person = auth_server.person()
    page = await leave(
        person,
        auth_server,
        client_id=client.client_id,
        post_logout_redirect_uri="https://evil.example/bye",
    )

    assert (page.status, page.moves_on_to) == (200, None)
    assert "https://evil.example/bye" in page.links
    assert "This address is unverified." in page.text


async def test_an_apps_form_is_taken_and_the_page_decides(
    auth_server: AuthServer, app: OpenIdApp
) -> None:
    """RP-Initiated Logout §2: GET and POST are both supported."""
    person = auth_server.person()
    await app.connect(person)
    data = {"id_token_hint": app.tokens["id_token"], "post_logout_redirect_uri": BYE}

    answer = await person.http.post(
        f"{auth_server.issuer}/end-session", data=data, headers=CROSS_SITE
    )
    page = await person._settle(f"{auth_server.issuer}/end-session", answer)
    assert (page.moves_on_to, await live(auth_server)) == (BYE, 0)

    for form in ("id_token_hint=a&id_token_hint=b", f"id_token_hint={'a' * 9000}"):
        answer = await person.http.post(
            f"{auth_server.issuer}/end-session",
            content=form,
            headers={"content-type": "application/x-www-form-urlencoded"},
        )
        assert (answer.status_code, answer.headers["content-type"]) == (
            400,
            "text/html; charset=utf-8",
        )


@pytest.mark.parametrize(
    "uris",
    ["https://a.example", ["http://a.example/bye"], ["https://a.example/#x"], [1], ["x"] * 11],
)
async def test_an_address_that_people_may_not_return_to_is_not_registered(
    auth_server: AuthServer, uris: Any
) -> None:
    answer = await auth_server.http.post(
        "/register",
        json={"redirect_uris": ["https://a.example/cb"], "post_logout_redirect_uris": uris},
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")
    assert "post_logout_redirect_uris" in answer.json()["error_description"]


async def test_a_client_reads_where_its_people_return_to(auth_server: AuthServer) -> None:
    answer = await auth_server.http.post(
        "/register",
        json={
            "redirect_uris": ["https://a.example/cb"],
            "post_logout_redirect_uris": ["https://a.example/bye"],
        },
    )
    assert answer.json()["post_logout_redirect_uris"] == ["https://a.example/bye"]
