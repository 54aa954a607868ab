"""Operators confirm addresses, delete accounts, and help people who lost their only passkeys."""

from auth_server.records.operators.store import put_operator
from auth_server.records.operators.table import Operator
from auth_server.records.people.store import find_account, find_person, put_person
from auth_server.records.second_factors.store import put_authenticator_app
from auth_server.records.second_factors.table import AuthenticatorApp
from support.in_process.admin_api import AdminApi, admin_api
from support.in_process.auth_server import ISSUER, AuthServer
from support.in_process.person import ADA, Person
from support.mail.mailbox import link_of

PERSON = "/console/person?person=usr_ada"
NEW = "correct horse battery"


async def lose_password(server: AuthServer, *, factor: bool) -> None:
    """Leave Ada without a password, and with a second factor if `factor` says so."""
    async with server.opened.transaction() as db:
        ada = await find_account(db, person_id="usr_ada")
        assert ada is not None
        ada.password_hash = None
        await put_person(db, ada)
        if factor:
            at = server.clock()
            app = AuthenticatorApp(
                person_id="usr_ada", sealed_secret=b"x", last_step=6, created_at=at
            )
            await put_authenticator_app(db, app)


async def newest(api: AdminApi) -> tuple[str, str, list[str]]:
    entry = (await api.call("GET", "/audit", params={"limit": 1})).json()["items"][0]
    return entry["event"], entry["detail"].get("operator"), entry["detail"].get("changed")


async def test_a_stolen_mailbox_alone_never_gets_past_a_passkey(
    sqlite_server: AuthServer,
) -> None:
    await lose_password(sqlite_server, factor=True)
    thief = sqlite_server.person()
    page = await thief.open(f"{ISSUER}/sign-in/forgotten")
    await thief.press(page, "Send link", fill={"email": ADA[0]})
    [mail] = await sqlite_server.mails()
    assert "/sign-in/reset" not in mail.text

    api = await admin_api(sqlite_server)
    refused = await api.call("POST", "/people/usr_ada/password-link")
    assert refused.status_code == 422
    assert "has second factors" in refused.text
    assert await sqlite_server.mails() == []


async def test_an_operator_lets_a_person_in_again_who_lost_their_only_passkey(
    sqlite_server: AuthServer,
) -> None:
    await lose_password(sqlite_server, factor=True)
    api = await admin_api(sqlite_server)
    op = sqlite_server.person("op@orbit.example")
    page = await op.sign_in(await op.open(PERSON))
    assert "Send a link" not in page.text
    page = await op.press(page, "Reset second factors")
    page = await op.press(page, "Send a link")
    assert "Saved." in page.text
    assert await newest(api) == ("person.changed", "usr_op", ["password link"])

    [mail] = await sqlite_server.mails()
    link = link_of(mail)
    assert link not in page.html
    ada = sqlite_server.person()
    page = await ada.press(await ada.open(link), "Save password", fill={"new_password": NEW})
    assert "Your password was changed." in page.text
    again = Person(sqlite_server.browser(), ADA[0], NEW)
    assert (await again.sign_in(await again.open("/account/sessions"))).status == 200
    assert (await ada.open(link)).status == 400


async def test_no_link_goes_to_an_operator_or_to_a_person_with_a_password(
    sqlite_server: AuthServer,
) -> None:
    api = await admin_api(sqlite_server)
    for person, why in (("usr_op", "operator"), ("usr_ada", "has a password")):
        refused = await api.call("POST", f"/people/{person}/password-link")
        assert refused.status_code == 422
        assert why in refused.text
    assert await sqlite_server.mails() == []


async def set_address(server: AuthServer, email: str) -> None:
    """Give Ada an address that nobody has confirmed."""
    async with server.opened.transaction() as db:
        ada = await find_account(db, person_id="usr_ada")
        assert ada is not None
        ada.email, ada.email_verified_at = email, None
        await put_person(db, ada)


async def test_an_address_that_a_person_took_since_the_operator_looked_is_not_confirmed_a185(
    sqlite_server: AuthServer,
) -> None:
    await set_address(sqlite_server, ADA[0])
    api = await admin_api(sqlite_server)
    op = sqlite_server.person("op@orbit.example")
    page = await op.sign_in(await op.open(PERSON))
    await set_address(sqlite_server, "boss@acme.example")
    page = await op.press(page, "Confirm the address")
    assert page.status == 400 and "Nothing was changed" in page.text
    body = {"email": ADA[0]}
    refused = await api.call("PUT", "/people/usr_ada/verified-address", json=body)
    assert refused.status_code == 422 and "has another address by now" in refused.text
    assert (await api.call("GET", "/people/usr_ada")).json()["email_verified_at"] is None
    body = {"email": "boss@acme.example"}
    done = await api.call("PUT", "/people/usr_ada/verified-address", json=body)
    assert done.status_code == 204
    assert (await api.call("GET", "/people/usr_ada")).json()["email_verified_at"] is not None


async def test_a_mailed_link_gives_nothing_to_a_person_who_became_an_operator_since_a186(
    sqlite_server: AuthServer,
) -> None:
    async with sqlite_server.opened.transaction() as db:
        ada = await find_account(db, person_id="usr_ada")
        assert ada is not None
        ada.password_hash = None
        await put_person(db, ada)
    api = await admin_api(sqlite_server)
    assert (await api.call("POST", "/people/usr_ada/password-link")).status_code == 204
    [mail] = await sqlite_server.mails()
    now = sqlite_server.clock()
    async with sqlite_server.opened.transaction() as db:
        await put_operator(db, Operator(person_id="usr_ada", role="operator", created_at=now))
    thief = sqlite_server.person()
    page = await thief.open(link_of(mail))
    page = await thief.press(page, "Save password", fill={"new_password": NEW})
    assert page.status == 403 and "can't get a password by mail" in page.text
    async with sqlite_server.opened.database.reading() as db:
        ada = await find_person(db, "usr_ada")
    assert ada is not None and ada.password_hash is None


async def test_an_operator_confirms_an_address_and_deletes_an_account(
    sqlite_server: AuthServer,
) -> None:
    await set_address(sqlite_server, ADA[0])
    api = await admin_api(sqlite_server)
    op = sqlite_server.person("op@orbit.example")
    page = await op.sign_in(await op.open(PERSON))
    page = await op.press(page, "Confirm the address")
    assert "Confirm the address" not in page.text
    assert await newest(api) == ("person.changed", "usr_op", ["verified address"])

    page = await op.press(page, "Delete for good")
    assert page.url.endswith("/console/people")
    assert "usr_ada" not in page.text
    assert (await api.call("GET", "/people/usr_ada")).status_code == 404
    assert (await newest(api))[:2] == ("person.deleted", "usr_op")
    refused = await api.call("DELETE", "/people/usr_op")
    assert (refused.status_code, "operator" in refused.text) == (422, True)
