"""A provider, or whoever has stolen its token, reaches nothing beyond its own organisation."""

import json
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from auth_server.directory.tokens import make_token, revoke_token
from auth_server.records.audit.store import list_entries_after
from auth_server.records.directory.table import DirectoryToken
from auth_server.records.directory.tokens import list_tokens
from auth_server.records.operators.store import put_operator
from auth_server.records.operators.table import Operator
from auth_server.records.password_links.store import find_link, put_link
from auth_server.records.password_links.table import PasswordLink
from auth_server.records.people.store import find_account
from auth_server.records.people.table import Person
from auth_server.records.tenants.store import find_membership, list_memberships, put_membership
from auth_server.records.tenants.table import Membership, Tenant
from auth_server.tenancy.change_policy import ChangeRefused
from support.in_process.admin_api import admin_api
from support.in_process.clock import Clock
from support.in_process.customers_place import Place, running_place
from support.in_process.directory import USER, Scim, add_directory

ACME, GLOBEX = "org_acme", "org_globex"


async def account(place: Place, email: str) -> Person | None:
    """Look an account up."""
    async with place.server.opened.database.reading() as db:
        return await find_account(db, email=email)


async def tenants_of(place: Place, person_id: str) -> dict[str, str]:
    """Return the roles of a person by tenant."""
    async with place.server.opened.database.reading() as db:
        held = await list_memberships(db, person_id=person_id)
    return {one.tenant_id: one.role for one in held}


async def tokens(place: Place, tenant_id: str = ACME) -> list[str]:
    """List the ids of the tokens."""
    async with place.server.opened.database.reading() as db:
        return [one.token_id for one in await list_tokens(db, tenant_id)]


async def test_one_organisations_token_neither_sees_nor_changes_anothers_people_a227(
    place: Place, scim: Scim
) -> None:
    theirs = await add_directory(place, GLOBEX)
    bo = await theirs.create("bo@globex.example", externalId="shared")
    group = await theirs.group("Sales", bo["id"])
    before = await theirs.get(f"/Users/{bo['id']}"), await theirs.get(f"/Groups/{group}")

    for text in (f'id eq "{bo["id"]}"', 'externalId eq "shared"', 'userName sw "b"', "id pr"):
        assert (await scim.get("/Users", filter=text))["totalResults"] == 0
    for text in (f'members eq "{bo["id"]}"', 'displayName eq "Sales"'):
        assert (await scim.get("/Groups", filter=text))["totalResults"] == 0
    unknown = "0" * 32
    for path, other in (
        (f"/Users/{bo['id']}", f"/Users/{unknown}"),
        (f"/Groups/{group}", f"/Groups/{unknown}"),
    ):
        for method, body in (
            ("GET", None),
            ("DELETE", None),
            ("PUT", {"userName": "x@acme.example", "displayName": "x"}),
            ("PATCH", {"Operations": [{"op": "replace", "path": "displayName", "value": "x"}]}),
        ):
            answer = await scim.send(method, path, body)
            # As if it did not exist.
            assert answer.status_code == 404, (method, path)
            assert answer.text == (await scim.send(method, other, body)).text

    mine = await scim.group("Navy")
    for body in ({"value": bo["id"]}, {"value": unknown}):
        answer = await scim.patch(
            f"/Groups/{mine}", {"op": "add", "path": "members", "value": [body]}
        )
        assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
        assert answer.json()["detail"].endswith("is not a user of this organisation")
    # The same names are free in each organisation.
    await scim.group("Sales")
    assert (await theirs.get(f"/Users/{bo['id']}"), await theirs.get(f"/Groups/{group}")) == before
    assert await tenants_of(place, "usr_bo") == {GLOBEX: "member"}


async def test_no_account_is_claimed_outside_the_verified_domains_a228(
    place: Place, scim: Scim
) -> None:
    cases: list[tuple[str, list[dict[str, Any]]]] = [
        ("bo@globex.example", []),
        ("bo", [{"value": "bo@globex.example", "type": "work"}]),
        ("x@acme.example", [{"value": "bo@globex.example", "type": "work"}]),
        ("x@acme.example", [{"value": "bo@globex.example", "primary": True}]),
        ("cy@nowhere.example", []),
        ("new@nowhere.example", []),
        ("x@sub.acme.example", []),
        ("x@acme.example.nowhere.example", []),
        ("bo@globex.example, x@acme.example", []),
        ("<bo@globex.example> x@acme.example", []),
        ("bo@globex.example@acme.example", []),
        ("nobody", []),
        ("op@orbit.example", []),
    ]
    for user_name, emails in cases:
        body = {"userName": user_name, "emails": emails, "active": True}
        answer = await scim.send("POST", "/Users", body)
        assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue"), user_name
        assert "emails" in answer.json()["detail"]
    assert await account(place, "new@nowhere.example") is None
    assert await tenants_of(place, "usr_bo") == {GLOBEX: "member"}
    assert await tenants_of(place, "usr_cy") == {}

    user = await scim.create("x@acme.example")
    for path in ('emails[type eq "work"].value', "userName"):
        answer = await scim.patch(
            f"/Users/{user['id']}", {"op": "Replace", "path": path, "value": "bo@globex.example"}
        )
        assert answer.status_code == 400, path
    ada = await scim.patch(
        f"/Users/{user['id']}", {"op": "add", "path": "emails", "value": "ada@acme.example"}
    )
    assert (ada.status_code, ada.json()["scimType"]) == (409, "uniqueness")


async def test_a_domain_that_is_claimed_but_not_verified_counts_for_nothing_a228(
    place: Place, scim: Scim
) -> None:
    theirs = await add_directory(place, GLOBEX)
    answer = await theirs.send("POST", "/Users", {"userName": "ada@acme.example"})
    assert answer.status_code == 400
    assert await tenants_of(place, "usr_ada") == {ACME: "admin"}


async def test_an_operator_is_nobodys_to_provision_a228(place: Place, scim: Scim) -> None:
    async with place.server.opened.transaction() as db:
        await put_operator(
            db, Operator(person_id="usr_ada", role="operator", created_at=place.server.clock())
        )
    answer = await scim.send("POST", "/Users", {"userName": "ada@acme.example"})
    assert answer.status_code == 400 and "can't be provisioned" in answer.json()["detail"]


async def test_an_account_with_a_way_to_sign_in_keeps_its_address_a228(
    place: Place, scim: Scim
) -> None:
    """Otherwise the directory could have the password reset by a mail to itself."""
    user = await scim.create("ada@acme.example", displayName="Ada M.")
    await place.verify(ACME, "acme2.example")
    moved = {"op": "Replace", "path": "userName", "value": "ada@acme2.example"}
    answer = await scim.patch(f"/Users/{user['id']}", moved)
    assert answer.status_code == 200 and answer.json()["userName"] == "ada@acme2.example"
    kept = await account(place, "ada@acme.example")
    assert kept is not None and kept.person_id == "usr_ada"
    assert await account(place, "ada@acme2.example") is None


async def test_a_changed_address_ends_the_links_mailed_to_the_former_one_a228(
    place: Place, scim: Scim
) -> None:
    """Otherwise the owner of the former address could choose the password of the new one."""
    user = await scim.create("kim@acme.example")
    kim = await account(place, "kim@acme.example")
    assert kim is not None
    now = place.server.clock()
    link = PasswordLink(
        address_hash="1" * 64,
        token_hash="2" * 64,
        person_id=kim.person_id,
        field="return_to",
        value="/account",
        expires_at=now + timedelta(hours=1),
    )
    async with place.server.opened.transaction() as db:
        await put_link(db, link)

    new = {"op": "replace", "path": "userName", "value": "lee@acme.example"}
    assert (await scim.patch(f"/Users/{user['id']}", new)).status_code == 200

    async with place.server.opened.database.reading() as db:
        assert await find_link(db, "2" * 64, now=now) is None
    lee = await account(place, "lee@acme.example")
    assert lee is not None and lee.person_id == kim.person_id


@pytest.mark.both_databases
async def test_an_address_that_somebody_else_has_by_now_keeps_no_leaver_in_a225(
    place: Place, scim: Scim
) -> None:
    kim = await scim.create("kim@acme.example")
    person = await account(place, "kim@acme.example")
    assert person is not None
    seat = Membership(person_id=person.person_id, tenant_id=GLOBEX, role="member")
    async with place.server.opened.transaction() as db:
        await put_membership(db, seat)
    # Her account is not this directory's to change, so its address stays.
    new = {"op": "replace", "path": "userName", "value": "lee@acme.example"}
    assert (await scim.patch(f"/Users/{kim['id']}", new)).status_code == 200
    await scim.create("x", emails=[{"value": "lee@acme.example", "type": "work"}])
    async with place.server.opened.transaction() as db:
        found = await find_membership(db, person.person_id, GLOBEX)
        assert found is not None
        await db.delete(found)

    assert (await scim.set_active(kim["id"], False)).status_code == 200
    assert await tenants_of(place, person.person_id) == {}


async def test_an_admin_who_was_removed_here_does_not_return_as_one_a230(place: Place) -> None:
    scim = await add_directory(place, data_scope="team:sales")
    user = await scim.create("ada@acme.example")
    async with place.server.opened.transaction() as db:
        await put_membership(db, Membership(person_id="usr_cy", tenant_id=ACME, role="admin"))
        found = await find_membership(db, "usr_ada", ACME)
        assert found is not None
        await db.delete(found)

    await scim.set_active(user["id"], False)
    await scim.set_active(user["id"], True)

    async with place.server.opened.database.reading() as db:
        held = await find_membership(db, "usr_ada", ACME)
    assert held is not None and (held.role, held.data_scope) == ("member", "team:sales")


async def test_nobody_gets_a_role_or_data_by_what_a_directory_says_a230(place: Place) -> None:
    scim = await add_directory(place, data_scope="team:sales")
    user = await scim.create(
        "eve@acme.example",
        roles=[{"value": "admin", "primary": "True"}],
        role="admin",
        entitlements=[{"value": "admin"}],
        data_scope="",
        tenant_id=GLOBEX,
        person_id="usr_bo",
        id="usr_bo",
    )
    found = await account(place, "eve@acme.example")
    assert found is not None
    for operation in (
        {"op": "add", "path": "roles", "value": [{"value": "admin"}]},
        {"op": "add", "path": 'roles[primary eq "True"].value', "value": "admin"},
        {"op": "replace", "path": "id", "value": "usr_bo"},
        {"op": "replace", "path": "urn:gatepost:1.0:User:role", "value": "admin"},
    ):
        assert (await scim.patch(f"/Users/{user['id']}", operation)).status_code == 200
    async with place.server.opened.database.reading() as db:
        held = await find_membership(db, found.person_id, ACME)
    assert held is not None and (held.role, held.data_scope) == ("member", "team:sales")
    assert await tenants_of(place, found.person_id) == {ACME: "member"}
    assert user["id"] != "usr_bo"


async def test_an_existing_member_keeps_their_role_and_data_a230(place: Place) -> None:
    scim = await add_directory(place, data_scope="")
    await scim.create("ada@acme.example")
    async with place.server.opened.database.reading() as db:
        held = await find_membership(db, "usr_ada", ACME)
    assert held is not None
    assert (held.role, held.data_scope) == ("admin", "team:design team:engineering")


async def test_a_token_ends_at_once_and_opens_nothing_else_a229(place: Place, scim: Scim) -> None:
    server = place.server
    assert scim.token.startswith("gatepost_scim_")
    with capture_logs() as events:
        await scim.create("kim@acme.example")
        await scim.send("POST", "/Users", {"userName": "kim@acme.example"})
    async with server.opened.database.reading() as db:
        entries = await list_entries_after(db, 0, most=500)
        row = await db.get(DirectoryToken, (await tokens(place))[0])
        assert row is not None
    for written in (events, [one.model_dump() for one in entries], row.model_dump()):
        assert scim.token.removeprefix("gatepost_scim_") not in json.dumps(written, default=str)

    # It is neither an admin token nor an access token, and neither of these is one.
    for path in ("/admin/v1/tenants", "/api/usage"):
        headers = {"Authorization": f"Bearer {scim.token}"}
        assert (await server.http.get(path, headers=headers)).status_code == 401, path
    admin = await admin_api(server)
    for token in (admin.token, "", "x", f"{scim.token}x", scim.token.upper(), "gatepost_scim_"):
        answer = await Scim(server, token).send("GET", "/Users")
        assert answer.status_code == 401, token
        assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
        assert answer.json()["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    assert (await server.http.get("/scim/v2/Users")).status_code == 401

    async with server.opened.transaction() as db:
        token_id = (await tokens(place))[0]
        assert not await revoke_token(db, GLOBEX, token_id, by=None, now=server.clock())
        assert await revoke_token(db, ACME, token_id, by=None, now=server.clock())
    assert (await scim.send("GET", "/Users")).status_code == 401


async def test_guesses_of_tokens_are_limited_a229(sqlite_url: str, clock: Clock) -> None:
    async with running_place(sqlite_url, clock, wrong_guesses_per_minute=5) as place:
        scim = await add_directory(place)
        statuses = [
            (await Scim(place.server, f"gatepost_scim_{n}").send("GET", "/Users")).status_code
            for n in range(8)
        ]
        assert statuses[:5] == [401] * 5 and statuses[-1] == 429
        answer = await scim.send("GET", "/Users")
        assert answer.status_code == 429 and answer.headers["retry-after"]
        assert answer.json()["status"] == "429"
        clock.advance(minutes=2)
        assert (await scim.send("GET", "/Users")).status_code == 200


async def test_a_token_ends_with_the_provider_and_sleeps_with_the_tenant_a229(
    place: Place, scim: Scim
) -> None:
    server = place.server
    user = await scim.create("kim@acme.example")

    async def disable(at: Any) -> None:
        async with server.opened.transaction() as db:
            tenant = await db.get(Tenant, ACME)
            assert tenant is not None
            tenant.disabled_at = at

    await disable(server.clock())
    assert (await scim.send("GET", "/Users")).status_code == 401
    await disable(None)
    assert (await scim.get(f"/Users/{user['id']}"))["id"] == user["id"]
    await place.assign(ACME, None)
    assert (await scim.send("GET", "/Users")).status_code == 401
    # Another provider begins with an empty directory; members stay members.
    await place.assign(ACME, "acme-id")
    assert (await scim.send("GET", "/Users")).status_code == 401
    again = await add_directory(place)
    assert (await again.get("/Users"))["totalResults"] == 0
    assert (await again.create("kim@acme.example"))["id"] != user["id"]


async def test_only_an_admin_of_the_tenant_makes_two_tokens_at_most_a229(place: Place) -> None:
    async def make(tenant_id: str = ACME, **changes: Any) -> str:
        async with place.server.opened.transaction() as db:
            _, text = await make_token(
                db,
                tenant_id,
                **{
                    "label": "Okta",
                    "data_scope": "",
                    "secret": place.server.opened.new_secret(),
                    "by": "usr_ada",
                    "now": place.server.clock(),
                    **changes,
                },
            )
        return text

    for tenant_id, changes, words in (
        (GLOBEX, {}, "not an admin"),
        (ACME, {"by": "usr_bo"}, "not an admin"),
        (ACME, {"label": ""}, "name"),
        (ACME, {"label": "a\nb"}, "name"),
        (ACME, {"data_scope": "everything"}, "data"),
    ):
        with pytest.raises(ChangeRefused, match=words):
            await make(tenant_id, **changes)
    # Rotation: both are valid until the old one is revoked.
    old, new = Scim(place.server, await make()), Scim(place.server, await make())
    for scim in (old, new):
        assert (await scim.send("GET", "/Users")).status_code == 200
    with pytest.raises(ChangeRefused, match="two tokens"):
        await make()


async def test_no_request_costs_more_than_its_bounds_a234(scim: Scim) -> None:
    user = {"schemas": [USER], "userName": "kim@acme.example"}
    for body, status in (
        (b'{"userName": "' + b"x" * 1024 * 1024 + b'"}', 413),
        (b'{"a":' * 100_000, 400),
        (b"\xff\xfe", 400),
        (b'{"userName": NaN}', 400),
        (b"", 400),
    ):
        answer = await scim.server.http.post(
            "/scim/v2/Users",
            content=body,
            headers={
                "Authorization": f"Bearer {scim.token}",
                "Content-Type": "application/json",
            },
        )
        assert answer.status_code == status, body[:20]
        assert answer.json()["status"] == str(status)
    many: list[tuple[str, str, Any]] = [
        ("POST", "/Users", {**user, "emails": [{"value": "x"}] * 21}),
        ("POST", "/Groups", {"displayName": "g", "members": [{"value": "x"}] * 10_001}),
        ("PATCH", "/Groups/x", {"Operations": [{"op": "add", "path": "members"}] * 1001}),
    ]
    for method, path, sent in many:
        assert (await scim.send(method, path, sent)).status_code == 400, path
    packed = await scim.send("POST", "/Users", user, headers={"Content-Encoding": "gzip"})
    assert packed.status_code == 415


@pytest.mark.both_databases
async def test_no_patch_costs_more_than_its_bounds_a234(place: Place, scim: Scim) -> None:
    user = await scim.create("kim@acme.example")
    group = await scim.group("Navy")
    addresses = [[{"value": f"{n}-{m}"} for m in range(20)] for n in range(1000)]
    path = 'emails[type eq "work" or type eq "home"].value'
    cases: list[tuple[str, list[dict[str, Any]], str]] = [
        # Each operation would compare its values with all before.
        ("Users", [{"op": "add", "path": "emails", "value": one} for one in addresses], "20"),
        ("Users", [{"op": "add", "value": {f"urn:{n}": "" for n in range(1001)}}], "too much"),
        ("Users", [{"op": "add", "path": path + " " * 99, "value": "x"}] * 1000, "too much"),
        (
            "Groups",
            [
                {"op": "add", "path": "members", "value": [f"{n}x{m}" for m in range(6_000)]}
                for n in range(2)
            ],
            "10000",
        ),
        ("Groups", [{"op": "add", "path": "members", "value": ["a\x00b"]}], "id of a user"),
    ]
    for kind, operations, words in cases:
        where = user["id"] if kind == "Users" else group
        answer = await scim.patch(f"/{kind}/{where}", *operations)
        assert answer.status_code == 400 and words in answer.json()["detail"], words
    shown = await scim.get(f"/Users/{user['id']}")
    assert "emails" not in shown
