"""Operators look after people."""

import pytest

from auth_server.records.second_factors.store import put_authenticator_app, put_recovery_codes
from auth_server.records.second_factors.table import AuthenticatorApp
from support.in_process.admin_api import admin_api
from support.in_process.auth_server import AuthServer
from support.in_process.person import Page, Person


async def at_ada(server: AuthServer) -> tuple[Person, Page]:
    """Sign an operator in on their way to Ada's page."""
    op = server.person("op@orbit.example")
    return op, await op.sign_in(await op.open("/console/person?person=usr_ada"))


async def test_an_operator_sees_all_that_a_person_has(sqlite_server: AuthServer) -> None:
    client = await sqlite_server.client(client_name="Reports")
    await client.connect(sqlite_server.person())
    _, page = await at_ada(sqlite_server)
    for shown in ("ada@acme.example", "org_acme", "org_globex", "Reports", "password"):
        assert shown in page.text

    api = await admin_api(sqlite_server, ["people:read"])
    ada = (await api.call("GET", "/people/usr_ada")).json()
    assert [one["client_name"] for one in ada["connections"]] == ["Reports"]
    assert {one["tenant_id"] for one in ada["memberships"]} == {"org_acme", "org_globex"}
    assert "password" not in ada
    assert (await api.call("GET", "/people/usr_none")).status_code == 404


@pytest.mark.both_databases
async def test_an_operator_finds_people_by_id_name_or_address(auth_server: AuthServer) -> None:
    api = await admin_api(auth_server, ["people:read"])
    for search in ("USR_BO", "bo lind", "BO@globex"):
        found = (await api.call("GET", "/people", params={"search": search})).json()
        assert [one["person_id"] for one in found["items"]] == ["usr_bo"]
    seen, after = [], ""
    while True:
        page = (await api.call("GET", "/people", params={"limit": 2, "after": after})).json()
        seen += [one["person_id"] for one in page["items"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert {"usr_ada", "usr_bo", "usr_cy", "usr_op"} <= set(seen)
    assert seen == sorted(seen)


@pytest.mark.both_databases
async def test_a_disabled_person_is_out_at_once_until_they_are_let_in_again(
    auth_server: AuthServer,
) -> None:
    client, ada = await auth_server.client(), auth_server.person()
    tokens = await client.connect(ada)
    op, page = await at_ada(auth_server)

    page = await op.press(page, "Disable")
    assert "disabled" in page.text
    assert (await client.refresh(tokens["refresh_token"])).status_code == 400
    assert (await ada.http.get("/account/sessions")).status_code == 303

    page = await op.press(page, "Allow access again")
    assert "disabled" not in page.text
    again = auth_server.person()
    page = await again.sign_in(await again.open("/account/sessions"))
    assert page.status == 200


async def test_a_person_is_signed_out_everywhere_and_keeps_their_apps(
    sqlite_server: AuthServer,
) -> None:
    client, ada = await sqlite_server.client(), sqlite_server.person()
    tokens = await client.connect(ada)
    op, page = await at_ada(sqlite_server)

    await op.press(page, "Sign out everywhere")
    assert (await ada.http.get("/account/sessions")).status_code == 303
    assert (await client.refresh(tokens["refresh_token"])).status_code == 200


async def test_a_person_who_lost_their_second_factors_signs_in_with_the_password(
    sqlite_server: AuthServer,
) -> None:
    async with sqlite_server.opened.transaction() as db:
        app = AuthenticatorApp(
            person_id="usr_ada",
            sealed_secret=b"x",
            last_step=6,
            created_at=sqlite_server.clock(),
        )
        await put_authenticator_app(db, app)
        await put_recovery_codes(db, "usr_ada", ["0" * 64, "1" * 64])
    op, page = await at_ada(sqlite_server)
    assert "authenticator app with 2 recovery codes" in page.text

    page = await op.press(page, "Reset second factors")
    assert "recovery code" not in page.text
    ada = sqlite_server.person()
    page = await ada.sign_in(await ada.open("/account/sessions"))
    assert page.url.endswith("/account/sessions")
    entry = await op.open("/console/audit?person=usr_ada&event=person.changed")
    assert "second factors" in entry.text
    assert "usr_op" in entry.text


async def test_a_token_for_people_changes_nothing_without_the_scope(
    sqlite_server: AuthServer,
) -> None:
    api = await admin_api(sqlite_server, ["people:read"])
    for method, path in (
        ("DELETE", "/people/usr_ada/sessions"),
        ("PUT", "/people/usr_ada/disabled"),
    ):
        body = {"disabled": True} if method == "PUT" else None
        answer = await api.call(method, path, **({} if body is None else {"json": body}))
        assert answer.status_code == 403


async def test_an_operator_adds_a_person_who_then_chooses_a_password(
    sqlite_server: AuthServer,
) -> None:
    op = sqlite_server.person("op@orbit.example")
    page = await op.sign_in(await op.open("/console/people"))
    new = {"person": "usr_di", "name": "Di Voss", "email": "Di@Initech.example"}

    page = await op.press(page, "Add person", fill=new)

    assert "Di Voss" in page.text
    assert "di@initech.example" in page.text
    assert "not confirmed" in page.text
    assert "Send a link" in page.text
    page = await op.press(page, "Save", fill={"name": "Di Voss-Lind"})
    assert "Di Voss-Lind" in page.text
    assert (await op.press(page, "Save", fill={"name": "x\u202ey"})).status == 400


async def test_a_person_is_not_added_twice_or_with_an_id_that_paths_cannot_name(
    sqlite_server: AuthServer,
) -> None:
    op = sqlite_server.person("op@orbit.example")
    page = await op.sign_in(await op.open("/console/people"))
    api = await admin_api(sqlite_server, ["people:write"])
    new = {"person": "usr_di", "name": "Di", "email": "di@initech.example"}
    for change, said in (
        ({"person": "usr_ada"}, "a person with the id usr_ada exists"),
        ({"email": "ADA@acme.example"}, "a person with the address ada@acme.example exists"),
        ({"person": "a/b"}, "must not contain /"),
        ({"email": "nobody"}, "must be an e-mail address"),
    ):
        given = {**new, **change}
        page = await op.press(page, "Add person", fill=given)
        assert (page.status, said in page.text) == (400, True), page.text
        body = {"person_id": given["person"], "name": given["name"], "email": given["email"]}
        assert (await api.call("POST", "/people", json=body)).status_code == 422
    body = {"person_id": "usr_di", "name": "Di", "email": "di@initech.example"}
    added = await api.call("POST", "/people", json=body)
    assert (added.status_code, added.json()["name"]) == (201, "Di")
    renamed = await api.call("PATCH", "/people/usr_di", json={"name": "Diana"})
    assert renamed.json()["name"] == "Diana"
    moved = await api.call("PATCH", "/people/usr_di", json={"name": "D", "email": "x@y.example"})
    assert moved.status_code == 422
