"""A person chooses which notices come by mail."""

from datetime import timedelta

import pytest

from auth_server.notices.run import follow
from auth_server.pages.account.notices import PAGE
from auth_server.records.tenants.policy import TenantPolicy
from auth_server.records.tenants.store import put_membership
from auth_server.records.tenants.table import Membership
from auth_server.tenancy.change_policy import change_policy
from support.in_process.auth_server import AuthServer
from support.in_process.person import BO, Page, Person


async def at_notices(server: AuthServer, email: str) -> tuple[Person, Page]:
    """A person at the page."""
    person = server.person(email)
    return person, await person.sign_in(await person.open(PAGE))


@pytest.mark.both_databases
async def test_an_admin_switches_requests_for_apps_off_and_on_again(
    auth_server: AuthServer,
) -> None:
    ada, page = await at_notices(auth_server, "ada@acme.example")
    page = await ada.press(page, "Save", untick={"app-requests"})
    assert "Saved." in page.text
    assert await told_of_a_request(auth_server, "Claude") == []

    await ada.press(page, "Save", tick={"app-requests"})
    assert await told_of_a_request(auth_server, "Cursor") == ["ada@acme.example"]


async def told_of_a_request(server: AuthServer, name: str) -> list[str]:
    """Bo asks for an app that Globex does not allow; returns who is told."""
    async with server.opened.transaction() as db:
        await put_membership(
            db, Membership(person_id="usr_ada", tenant_id="org_globex", role="admin")
        )
        await change_policy(
            db,
            "org_globex",
            TenantPolicy(allowed_clients=()),
            by=None,
            lifetime=timedelta(minutes=5),
            now=server.clock(),
        )
    client, bo = await server.client(client_name=name), server.person(BO[0])
    page = await bo.reach_consent(client.authorize_url(), tenant="Globex")
    await bo.press(page, "Ask your admin")
    return [mail.to for mail in await server.mails()]


async def test_a_member_sees_no_switch_of_admins(sqlite_server: AuthServer) -> None:
    _, page = await at_notices(sqlite_server, BO[0])
    assert page.forms[PAGE].fields["shown"] == "api-keys app-answers call-answers"
    assert "A sign-in with a new browser" in page.text


async def test_nobody_switches_a_security_notice_off(sqlite_server: AuthServer) -> None:
    ada, page = await at_notices(sqlite_server, "ada@acme.example")
    await follow(sqlite_server.opened)
    sqlite_server.clock.advance(hours=2)
    proof = page.forms[PAGE].fields["proof"]
    await ada.send(page, PAGE, [("proof", proof), ("shown", "new_sign_in app_connected quotas")])
    await at_notices(sqlite_server, "ada@acme.example")
    await follow(sqlite_server.opened)
    assert [mail.subject for mail in await sqlite_server.mails()] == ["New sign-in to your account"]
