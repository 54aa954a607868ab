"""A member asks the admins for an app; they approve or decline, and the member is told."""

from typing import Any

import pytest

from auth_server.records.tenants.store import put_membership
from auth_server.records.tenants.table import Membership, Tenant
from auth_server.tenancy.app_requests import MOST_IN_A_DAY
from support.in_process.auth_server import AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.oauth_client import OAuthClient
from support.in_process.person import Page, Person

CLAUDE = "https://claude.ai/api/mcp/auth_callback"
BO = "bo@globex.example"
REQUESTS = "/account/organisation/requests"
ACME = f"{REQUESTS}?tenant=org_acme"


@pytest.fixture(autouse=True)
async def only_listed(sqlite_server: AuthServer, change_row: Any) -> None:
    """Acme allows one app, and Bo is a member."""
    await change_row(sqlite_server, Tenant, "org_acme", allowed_clients=["other.example"])
    async with sqlite_server.opened.transaction() as db:
        mine: dict[str, Any] = {"person_id": "usr_bo", "tenant_id": "org_acme", "role": "member"}
        await put_membership(db, Membership(**mine, data_scope="team:design"))


async def an_app(
    server: AuthServer, redirect_uri: str = CLAUDE, name: str = "Claude"
) -> OAuthClient:
    """An app that registered itself."""
    app = await server.client(client_name=name, redirect_uris=[redirect_uri])
    app.redirect_uri = redirect_uri
    return app


async def refused(
    server: AuthServer, app: OAuthClient, bo: Person | None = None
) -> tuple[Person, Page]:
    """Have Bo try to connect an app to Acme."""
    bo = bo or server.person(BO)
    page = await bo.reach_consent(app.authorize_url())
    assert "Acme does not allow" in page.text
    return bo, page


async def asked(server: AuthServer, app: OAuthClient, note: str = "") -> Page:
    """Have Bo ask for an app."""
    bo, page = await refused(server, app)
    return await bo.press(page, "Ask your admin", fill={"note": note})


async def signed_in(
    server: AuthServer, page: str, email: str = "ada@acme.example"
) -> tuple[Person, Page]:
    """Sign a person in and open a page."""
    person = server.person(email)
    await person.sign_in(await person.open("/account/organisations"))
    return person, await person.open(page)


async def test_a_member_asks_for_an_app_and_connects_it_once_an_admin_approved(
    sqlite_server: AuthServer,
) -> None:
    page = await asked(sqlite_server, await an_app(sqlite_server), "for the weekly report")
    assert "The admins of Acme were asked" in page.text
    (told,) = await sqlite_server.mails()
    assert told.to == "ada@acme.example"
    assert "claude.ai" in told.text and "for the weekly report" in told.text
    ada, shown = await signed_in(sqlite_server, ACME)
    for text in ("Claude", BO, "claude.ai", "unverified", "mcp:read", "for the weekly report"):
        assert text in shown.text, text

    after = await ada.press(shown, "Approve")

    assert "The app is allowed now" in after.text and BO not in after.text
    (answer,) = await sqlite_server.mails()
    assert answer.to == BO and "You can connect Claude" in answer.subject
    again = await an_app(sqlite_server)
    assert "access_token" in await again.connect(sqlite_server.person(BO))


async def test_a_program_on_a_device_is_approved_by_its_id_only(sqlite_server: AuthServer) -> None:
    first = await an_app(sqlite_server, "http://127.0.0.1/callback")
    await asked(sqlite_server, first)
    ada, shown = await signed_in(sqlite_server, ACME)
    assert first.client_id in shown.text
    await ada.press(shown, "Approve")
    assert "access_token" in await first.connect(sqlite_server.person(BO))
    await refused(sqlite_server, await an_app(sqlite_server, "http://127.0.0.1/callback"))


async def test_an_admin_declines_and_the_member_is_told(sqlite_server: AuthServer) -> None:
    app = await an_app(sqlite_server)
    await asked(sqlite_server, app)
    await sqlite_server.mails()
    ada, shown = await signed_in(sqlite_server, ACME)
    after = await ada.press(shown, "Decline")
    assert "was declined" in after.text
    (answer,) = await sqlite_server.mails()
    assert answer.to == BO and "not allowed" in answer.subject
    await refused(sqlite_server, app)
    twice = await ada.press(shown, "Approve")
    assert twice.status == 400 and "no longer exists" in twice.text
    await refused(sqlite_server, app)


async def test_one_person_has_one_request_for_an_app_and_ten_a_day_a173(
    sqlite_server: AuthServer,
) -> None:
    app = await an_app(sqlite_server)
    for note in ("first note", "second note"):
        await asked(sqlite_server, app, note)
    assert len(await sqlite_server.mails()) == 1
    _, shown = await signed_in(sqlite_server, ACME)
    assert "second note" in shown.text and "first note" not in shown.text
    for number in range(MOST_IN_A_DAY):
        page = await asked(sqlite_server, await an_app(sqlite_server, name=f"App {number}"))
    assert "You asked for many apps today" in page.text
    assert len(await sqlite_server.mails()) < MOST_IN_A_DAY


async def own_proof(admin: Person) -> str:
    """The proof on the page of an admin's own tenant."""
    page = await admin.open("/account/organisation?tenant=org_globex")
    return page.forms["/account/organisation/rules"].fields["proof"]


async def test_only_an_admin_of_the_tenant_answers_a_request_a173(
    sqlite_server: AuthServer,
) -> None:
    app = await an_app(sqlite_server)
    await asked(sqlite_server, app)
    _, shown = await signed_in(sqlite_server, ACME)
    async with sqlite_server.opened.transaction() as db:
        globex: dict[str, Any] = {"person_id": "usr_bo", "tenant_id": "org_globex", "role": "admin"}
        await put_membership(db, Membership(**globex, data_scope=""))
    bo, own = await signed_in(sqlite_server, f"{REQUESTS}?tenant=org_globex", BO)
    assert (await bo.open(ACME)).status == 403 and "Claude" not in own.text
    # The proof of another tenant's page is not one of Acme's.
    proof = await own_proof(bo)
    form = shown.forms[REQUESTS]
    name, value = next((name, value) for _, name, value in form.buttons if name == "approve")
    foreign = [("tenant", "org_acme"), ("proof", proof), (name, value)]
    assert (await bo.send(own, REQUESTS, foreign)).status == 403
    elsewhere = [("tenant", "org_globex"), *foreign[1:]]
    assert "no longer exists" in (await bo.send(own, REQUESTS, elsewhere)).text
    await refused(sqlite_server, app)


async def test_a_server_without_mail_promises_none(sqlite_url: str, clock: Clock) -> None:
    async with running_auth_server(sqlite_url, clock, issuer="https://id.example") as server:
        page = await asked(server, await an_app(server))
    assert "You get a mail" not in page.text
    assert "This server can't send mail: tell an admin" in page.text
