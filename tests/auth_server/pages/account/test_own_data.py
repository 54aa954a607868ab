"""A person downloads what is theirs, and deletes their account."""

import json
import re
from urllib.parse import urlencode, urlsplit

import pytest
from sqlmodel import select

from auth_server.gateway_api.write_calls import write_calls
from auth_server.records.audit.table import AuditEntry
from auth_server.records.call_log.table import LoggedCall
from auth_server.records.grants.store import list_live_grants
from auth_server.records.people.store import is_person
from auth_server.records.tenants.store import put_membership
from auth_server.records.tenants.table import Membership
from support.in_process.auth_server import RESOURCE, AuthServer
from support.in_process.call_events import call_event
from support.in_process.person import ADA, BO, Page, Person

PROFILE, DELETE = "/account/profile", "/account/delete"
ACME = urlencode({"tenant": "org_acme", "resource": RESOURCE})


async def at(server: AuthServer, page: str, email: str = ADA[0]) -> tuple[Person, Page]:
    """A signed-in person at a page."""
    person = server.person(email)
    return person, await person.sign_in(await person.open(page))


async def make_another_admin(server: AuthServer) -> None:
    """Make Bo an admin of Acme."""
    async with server.opened.transaction() as db:
        await put_membership(db, Membership(person_id="usr_bo", tenant_id="org_acme", role="admin"))


@pytest.mark.both_databases
async def test_the_download_has_what_is_ones_own_and_no_secret(auth_server: AuthServer) -> None:
    client = await auth_server.client(client_name="Reports")
    tokens = await client.connect(auth_server.person())
    ada, _ = await at(auth_server, "/account/api-keys")
    page = await ada.open(f"/account/api-keys/new?{ACME}")
    page = await ada.press(page, "Create key", fill={"label": "Nightly", "lasts": str(30 * 86400)})
    [key] = set(re.findall(r"mcp_live_\w+", page.text))
    async with auth_server.opened.transaction() as db:
        [grant] = await list_live_grants(db, person_id="usr_ada")
        calls = [
            call_event(auth_server.clock(), call_id=f"c{n}", sub=sub, grant_id=grant.grant_id)
            for n, sub in enumerate([*["usr_ada"] * 201, "usr_bo"])
        ]
        await write_calls(db, calls, now=auth_server.clock())

    page = await ada.press(await ada.open(PROFILE), "Download your data")
    assert page.headers["content-disposition"] == 'attachment; filename="your-data.json"'
    data = json.loads(page.html)
    assert data["profile"]["email"] == ADA[0]
    assert [one["client_name"] for one in data["connections"]] == ["Reports"]
    assert [one["label"] for one in data["api_keys"]] == ["Nightly"]
    assert {one["tenant_id"] for one in data["memberships"]} == {"org_acme", "org_globex"}
    assert len(data["sessions"]) == 2
    assert {call["call_id"] for call in data["calls"]} == {f"c{n}" for n in range(201)}
    assert "grant.created" in {one["event"] for one in data["events"]}
    hashes = ("argon2", "key_hash", "session_hash", "password_hash")
    for secret in (tokens["access_token"], tokens["refresh_token"], key, *hashes):
        assert secret not in page.html


@pytest.mark.both_databases
async def test_a_deleted_person_is_gone_at_once_and_the_books_keep_the_id(
    auth_server: AuthServer,
) -> None:
    await make_another_admin(auth_server)
    client = await auth_server.client()
    tokens = await client.connect(auth_server.person())
    other, _ = await at(auth_server, PROFILE)
    async with auth_server.opened.transaction() as db:
        event = call_event(auth_server.clock(), sub="usr_ada")
        await write_calls(db, [event], now=auth_server.clock())
    ada, page = await at(auth_server, DELETE)
    assert "usr_ada" in page.text
    page = await ada.press(page, "Delete account", fill={"typed": ADA[0].upper()})

    assert "Your account was deleted" in page.text
    for person in (ada, other):
        assert urlsplit((await person.open(PROFILE)).url).path == "/sign-in"
    assert (await client.refresh(tokens["refresh_token"])).status_code == 400
    again = auth_server.person()
    assert (await again.sign_in(await again.open(PROFILE))).status == 401
    mails = {mail.template: mail for mail in await auth_server.mails()}
    assert mails["account_deleted"].to == ADA[0]
    async with auth_server.opened.database.reading() as db:
        assert not await is_person(db, "usr_ada")
        assert set((await db.execute(select(LoggedCall.sub))).scalars()) == {"usr_ada"}
        entries = (await db.execute(select(AuditEntry))).scalars().all()
    assert "person.deleted" in {entry.event for entry in entries}
    assert not [entry for entry in entries if ADA[0] in entry.detail]


async def test_the_last_admin_of_an_organisation_is_told_what_to_do(
    sqlite_server: AuthServer,
) -> None:
    ada, page = await at(sqlite_server, DELETE)
    assert "You are the last admin of Acme. Make another member an admin first." in page.text
    assert DELETE not in page.forms
    await make_another_admin(sqlite_server)
    assert DELETE in (await ada.open(DELETE)).forms


async def test_the_last_admin_who_kept_an_old_page_is_refused(sqlite_server: AuthServer) -> None:
    await make_another_admin(sqlite_server)
    ada, page = await at(sqlite_server, DELETE)
    async with sqlite_server.opened.transaction() as db:
        await put_membership(
            db, Membership(person_id="usr_bo", tenant_id="org_acme", role="member")
        )
    assert (await ada.press(page, "Delete account", fill={"typed": ADA[0]})).status == 409
    assert (await ada.open(PROFILE)).status == 200


async def test_another_address_deletes_nothing(sqlite_server: AuthServer) -> None:
    bo, page = await at(sqlite_server, DELETE, BO[0])
    page = await bo.press(page, "Delete account", fill={"typed": "bo"})
    assert (page.status, "as shown, to confirm" in page.text) == (400, True)
    assert (await bo.open(PROFILE)).status == 200


async def test_an_operator_is_not_deleted_from_a_page(sqlite_server: AuthServer) -> None:
    _, page = await at(sqlite_server, DELETE, "op@orbit.example")
    assert "Ask another operator to remove your role first." in page.text
    assert DELETE not in page.forms


async def test_an_unattended_browser_downloads_and_deletes_nothing(
    sqlite_server: AuthServer,
) -> None:
    bo, page = await at(sqlite_server, DELETE, BO[0])
    profile = await bo.open(PROFILE)
    sqlite_server.clock.advance(minutes=15)
    kept = await bo.press(page, "Delete account", fill={"typed": BO[0]})
    assert urlsplit(kept.url).path == "/sign-in"
    asked = await bo.press(profile, "Download your data")
    assert urlsplit(asked.url).path == "/sign-in"
    again = sqlite_server.person(BO[0])
    assert (await again.sign_in(await again.open(PROFILE))).status == 200
