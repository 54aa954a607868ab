"""People are told by mail what happened to their account, and admins of quotas, once and no more."""

from urllib.parse import urlencode

import pytest

from auth_server.gateway_api.write_calls import write_calls
from auth_server.mail.port import Message
from auth_server.maintenance import maintain
from auth_server.notices.run import follow
from auth_server.records.tenants.store import put_membership
from auth_server.records.tenants.table import Membership
from support.in_process.auth_server import RESOURCE, AuthServer
from support.in_process.call_events import call_event
from support.in_process.grants import connect_without_pages
from support.in_process.person import BO

ACME = urlencode({"tenant": "org_acme", "resource": RESOURCE})
BO_IS_TOLD = "Globex has used 80 percent of its daily quota"


async def told(server: AuthServer) -> list[Message]:
    """Follow what happened, and return the mails that arrive."""
    await follow(server.opened)
    return await server.mails()


@pytest.fixture
async def server(auth_server: AuthServer) -> AuthServer:
    """A server whose people have had their accounts for some time, and whose log is followed."""
    await told(auth_server)
    auth_server.clock.advance(hours=2)
    return auth_server


@pytest.mark.both_databases
async def test_a_person_is_told_of_a_sign_in_with_an_unknown_browser_alone(
    server: AuthServer,
) -> None:
    ada = server.person()
    await ada.sign_in(await ada.open("/account/sessions"))
    [mail] = await told(server)
    assert (mail.to, mail.subject) == ("ada@acme.example", "New sign-in to your account")
    assert f"{server.issuer}/account/sessions" in mail.text

    page = await ada.open("/account/sessions")
    await ada.press(page, "Sign out")
    await ada.sign_in(await ada.open("/account/sessions"))
    assert await told(server) == []


async def test_a_new_accounts_first_sign_in_is_not_news(auth_server: AuthServer) -> None:
    await told(auth_server)
    ada = auth_server.person()
    await ada.sign_in(await ada.open("/account/sessions"))
    assert await told(auth_server) == []


async def test_a_person_is_told_of_an_app_and_a_mail_never_of_a_secret(
    server: AuthServer,
) -> None:
    tokens = await connect_without_pages(server)
    mails = {mail.subject: mail for mail in await told(server)}

    mail = mails["Test client was connected to your account"]
    assert "can now use your account in Acme" in mail.text
    for secret in tokens.values():
        assert str(secret) not in mail.text


async def test_an_apps_name_adds_neither_a_line_nor_a_link(server: AuthServer) -> None:
    client = await server.client(client_name="Evil\u2028https://evil.example <a href=x>")
    await connect_without_pages(server, client)

    [mail] = [mail for mail in await told(server) if "connected" in mail.subject]
    assert "\n" not in mail.subject
    assert "<a href=x>" not in mail.html


@pytest.mark.both_databases
async def test_admins_are_told_of_a_quota_once_in_a_month(server: AuthServer) -> None:
    async def spend(units: int) -> list[str]:
        async with server.opened.transaction() as db:
            event = call_event(server.clock(), tenant_id="org_globex", sub="usr_bo", cost=units)
            await write_calls(db, [event], now=server.clock())
        await maintain(server.opened)
        return [mail.subject for mail in await told(server) if mail.to == BO[0]]

    await make_admin(server, "usr_bo", "org_globex")
    assert await spend(85) == [BO_IS_TOLD]
    assert await spend(1) == []
    server.clock.advance(days=1)
    assert await spend(90) == []


async def test_a_person_is_told_that_a_key_expires(server: AuthServer) -> None:
    await maintain(server.opened)
    ada = server.person()
    await ada.sign_in(await ada.open("/account/api-keys"))
    page = await ada.open(f"/account/api-keys/new?{ACME}")
    await ada.press(page, "Create key", fill={"label": "Nightly", "lasts": str(30 * 86400)})
    await told(server)

    server.clock.advance(days=16, hours=1)
    await maintain(server.opened)
    subjects = [mail.subject for mail in await told(server)]
    assert subjects == ["Your API key Nightly expires soon"]


async def make_admin(server: AuthServer, person_id: str, tenant_id: str) -> None:
    """Give a member the role of an admin."""
    async with server.opened.transaction() as db:
        admin = Membership(person_id=person_id, tenant_id=tenant_id, role="admin")
        await put_membership(db, admin)
