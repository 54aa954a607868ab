"""What Okta and Entra ID send to a SCIM server is understood, in the shapes in which they document it."""

import json
from typing import Any

import pytest

from auth_server.records.people.store import find_account
from auth_server.records.tenants.store import find_membership
from support.in_process.clock import Clock
from support.in_process.customers_place import Place, running_place
from support.in_process.directory import PATCH, USER, Scim, add_directory

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


async def member(place: Place, user_name: str) -> str | None:
    """Return the role of a person in Acme; None if they are not a member."""
    async with place.server.opened.database.reading() as db:
        person = await find_account(db, email=user_name)
        assert person is not None
        found = await find_membership(db, person.person_id, "org_acme")
    return None if found is None else found.role


@pytest.mark.both_databases
async def test_okta_provisions_a_person_and_takes_them_away(place: Place, scim: Scim) -> None:
    name = "test.user@acme.example"
    found = await scim.get("/Users", filter=f'userName eq "{name}"', startIndex="1", count="100")
    assert (found["totalResults"], found["startIndex"], found["itemsPerPage"]) == (0, 1, 0)
    assert found["Resources"] == []

    body = {
        "schemas": [USER],
        "userName": name,
        "name": {"givenName": "Test", "familyName": "User"},
        "emails": [{"primary": True, "value": name, "type": "work"}],
        "displayName": "Test User",
        "locale": "en-US",
        "externalId": "00ujl29u0le5T6Aj10h7",
        "groups": [],
        "password": "1mz050nq",
        "active": True,
    }
    answer = await scim.send("POST", "/Users", body)

    assert answer.status_code == 201
    user = answer.json()
    assert user["userName"] == name and user["externalId"] == "00ujl29u0le5T6Aj10h7"
    assert user["active"] is True and user["meta"]["resourceType"] == "User"
    assert answer.headers["location"] == user["meta"]["location"]
    assert user["meta"]["location"] == f"{place.server.issuer}/scim/v2/Users/{user['id']}"
    # A password is neither kept nor told.
    assert "password" not in user and "1mz050nq" not in answer.text
    assert await member(place, name) == "member"

    again = await scim.send("POST", "/Users", body)
    assert again.status_code == 409
    error = again.json()
    assert error["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    assert (error["status"], error["scimType"]) == ("409", "uniqueness")

    put = {**user, "name": {"givenName": "Another", "middleName": "Excited", "familyName": "User"}}
    changed = await scim.send("PUT", f"/Users/{user['id']}", put)
    assert changed.status_code == 200
    assert changed.json()["name"]["middleName"] == "Excited"

    off = {"op": "replace", "value": {"active": False}}
    left = await scim.patch(f"/Users/{user['id']}", off)
    assert left.status_code == 200 and left.json()["active"] is False
    assert await member(place, name) is None
    # It is still found, as inactive.
    found = await scim.get("/Users", filter=f'userName eq "{name}"')
    assert [one["active"] for one in found["Resources"]] == [False]


@pytest.mark.both_databases
async def test_okta_pushes_a_group_and_its_members(scim: Scim) -> None:
    ids = [(await scim.create(f"{name}@acme.example"))["id"] for name in ("kim", "lee")]
    answer = await scim.send(
        "POST", "/Groups", {"schemas": [], "displayName": "Test SCIMv2", "members": []}
    )
    group = answer.json()
    assert answer.status_code == 201 and group["members"] == []

    renamed = {"id": group["id"], "displayName": "Test SCIMv20"}
    assert (
        await scim.patch(f"/Groups/{group['id']}", {"op": "replace", "value": renamed})
    ).status_code == 204
    await scim.patch(
        f"/Groups/{group['id']}",
        {"op": "remove", "path": f'members[value eq "{ids[0]}"]'},
        {"op": "add", "path": "members", "value": [{"value": ids[1], "display": "lee"}]},
    )
    shown = await scim.get(f"/Groups/{group['id']}")
    assert shown["displayName"] == "Test SCIMv20"
    assert [one["value"] for one in shown["members"]] == [ids[1]]

    full = {"op": "replace", "path": "members", "value": [{"value": one} for one in ids]}
    await scim.patch(f"/Groups/{group['id']}", full)
    shown = await scim.get(f"/Groups/{group['id']}")
    assert {one["display"] for one in shown["members"]} == {"kim@acme.example", "lee@acme.example"}

    assert (await scim.send("DELETE", f"/Groups/{group['id']}")).status_code == 204
    assert (await scim.send("GET", f"/Groups/{group['id']}")).status_code == 404


async def test_entra_provisions_a_person_with_what_it_maps_by_default(
    place: Place, scim: Scim
) -> None:
    body = {
        "schemas": [USER, ENTERPRISE],
        "externalId": "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef",
        "userName": "Grace@ACME.example",
        "active": True,
        "emails": [{"primary": True, "type": "work", "value": "grace.h@acme.example"}],
        "meta": {"resourceType": "User"},
        "name": {"formatted": "Grace Hopper", "familyName": "Hopper", "givenName": "Grace"},
        "roles": [],
        "title": "Admiral",
        ENTERPRISE: {"department": "Navy", "manager": {"value": "x"}},
    }
    user = (await scim.send("POST", "/Users", body)).json()
    by_name = await scim.get("/Users", filter='userName eq "grace@acme.example"')
    by_mail = await scim.get(
        "/Users", filter='emails[type eq "work"].value eq "grace.h@acme.example"'
    )
    by_id = await scim.get(
        "/Users", filter=f'externalId eq "{body["externalId"]}" and userName sw "gr"'
    )
    for found in (by_name, by_mail, by_id):
        assert [one["id"] for one in found["Resources"]] == [user["id"]]
    assert user["userName"] == "Grace@ACME.example"
    # Gatepost keeps what it uses.
    assert "title" not in user and ENTERPRISE not in user
    assert await member(place, "grace.h@acme.example") == "member"

    answer = await scim.patch(
        f"/Users/{user['id']}",
        {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "gh@acme.example"},
        {"op": "Replace", "path": "name.familyName", "value": "Murray"},
        {"op": "Add", "path": f"{ENTERPRISE}:department", "value": "Fleet"},
        {"op": "Add", "path": 'phoneNumbers[type eq "work"].value', "value": "1"},
        {"op": "Add", "path": "displayName", "value": "Grace M."},
    )
    assert answer.status_code == 200
    changed = answer.json()
    assert changed["emails"] == [{"primary": True, "type": "work", "value": "gh@acme.example"}]
    assert changed["name"]["familyName"] == "Murray" and changed["displayName"] == "Grace M."
    # Nobody has signed in yet, so the account follows.
    assert await member(place, "gh@acme.example") == "member"


@pytest.mark.parametrize("value", ["False", False], ids=["text", "boolean"])
async def test_entra_deactivates_with_a_capital_and_a_text(
    place: Place, scim: Scim, value: object
) -> None:
    user = await scim.create("grace@acme.example")
    off = {"op": "Replace", "path": "active", "value": value}
    answer = await scim.patch(f"/Users/{user['id']}", off)
    assert answer.json()["active"] is False
    assert await member(place, "grace@acme.example") is None

    on = {"op": "Add", "path": "active", "value": "True"}
    assert (await scim.patch(f"/Users/{user['id']}", on)).json()["active"] is True
    assert await member(place, "grace@acme.example") == "member"


async def test_entra_changes_a_person_without_a_path(scim: Scim) -> None:
    user = await scim.create("grace@acme.example")
    answer = await scim.patch(
        f"/Users/{user['id']}",
        {
            "op": "Add",
            "value": {
                "displayName": "Grace",
                "name.givenName": "G",
                'emails[type eq "work"].value': "grace@acme.example",
                f"{ENTERPRISE}:employeeNumber": "7",
                "active": "True",
            },
        },
    )
    assert answer.status_code == 200
    changed = answer.json()
    assert (changed["displayName"], changed["name"]) == ("Grace", {"givenName": "G"})
    assert changed["emails"] == [{"type": "work", "value": "grace@acme.example"}]


async def test_a_provisioned_person_signs_in_with_the_provider_as_a_member(
    place: Place, scim: Scim
) -> None:
    await scim.create("Grace@acme.example", displayName="Grace Hopper")
    grace, page = await place.sign_in(place.acme, "grace@acme.example", name="Grace H.")
    assert page.status == 200
    page = await grace.open("/account/organisations")
    assert "Acme" in page.text
    assert (await scim.get("/Users"))["totalResults"] == 1


async def test_a_person_can_download_what_the_directory_says_about_them(
    place: Place, scim: Scim
) -> None:
    await scim.create("grace@acme.example", externalId="g-1")
    grace, _ = await place.sign_in(place.acme, "grace@acme.example")
    page = await grace.press(await grace.open("/account/profile"), "Download your data")
    (said,) = json.loads(page.html)["directories"]
    assert (said["tenant_id"], said["user_name"]) == ("org_acme", "grace@acme.example")
    assert (said["external_id"], said["active"]) == ("g-1", True)


async def test_entra_keeps_a_group_without_reading_its_members(scim: Scim) -> None:
    user = await scim.create("grace@acme.example")
    answer = await scim.send(
        "POST",
        "/Groups",
        {
            "schemas": ["http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
            "externalId": "8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159",
            "displayName": "Navy",
            "meta": {"resourceType": "Group"},
        },
    )
    group = answer.json()
    assert answer.status_code == 201 and group["members"] == []
    path = f"/Groups/{group['id']}"
    value = [{"$ref": None, "value": user["id"]}]
    add = {"op": "Add", "path": "members", "value": value}
    answer = await scim.patch(path, add)
    assert (answer.status_code, answer.content) == (204, b"")
    found = await scim.get("/Groups", excludedAttributes="members", filter='displayName eq "navy"')
    assert [one["id"] for one in found["Resources"]] == [group["id"]]
    assert "members" not in found["Resources"][0]
    seen = await scim.get("/Groups", filter=f'id eq "{group["id"]}" and members eq "{user["id"]}"')
    assert seen["totalResults"] == 1

    await scim.patch(path, {"op": "Remove", "path": "members", "value": value})
    assert (await scim.get(path))["members"] == []
    await scim.patch(path, {"op": "Replace", "path": "displayName", "value": "Fleet"})
    assert (await scim.get(path, excludedAttributes="members"))["displayName"] == "Fleet"
    assert (await scim.send("DELETE", f"/Users/{user['id']}")).status_code == 204
    assert (await scim.send("GET", f"/Users/{user['id']}")).status_code == 404


async def test_a_patch_of_members_does_nothing_that_it_does_not_say(scim: Scim) -> None:
    kim, lee = [(await scim.create(f"{name}@acme.example"))["id"] for name in ("kim", "lee")]
    path = f"/Groups/{await scim.group('Navy', lee)}"
    swap = {"op": "replace", "path": f'members[value eq "{kim}"]', "value": {"value": lee}}
    answer = await scim.patch(path, swap)
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidPath")
    nobody: dict[str, Any] = {"op": "Remove", "path": "members", "value": []}
    assert (await scim.patch(path, nobody)).status_code == 204
    assert [one["value"] for one in (await scim.get(path))["members"]] == [lee]
    everybody = {"op": "remove", "path": "members"}
    assert (await scim.patch(path, everybody)).status_code == 204
    assert (await scim.get(path))["members"] == []


@pytest.mark.both_databases
async def test_filters_find_what_they_say(database_url: str, clock: Clock) -> None:
    async with running_place(database_url, clock) as place:
        scim = await add_directory(place)
        kim = await scim.create("kim@acme.example", externalId="k-1")
        clock.advance(minutes=5)
        lee = await scim.create("Lee%_@acme.example", emails=[{"value": "lee@acme.example"}])
        await scim.set_active(lee["id"], False)
        both = {kim["id"], lee["id"]}
        cases: list[tuple[str, set[str]]] = [
            ('userName eq "KIM@acme.example"', {kim["id"]}),
            ('username EQ "kim@acme.example"', {kim["id"]}),
            (f'{USER}:userName eq "kim@acme.example"', {kim["id"]}),
            ('userName sw "k"', {kim["id"]}),
            ('userName co "%_"', {lee["id"]}),
            ('userName co "%k"', set()),
            ('userName ew "@acme.example"', both),
            ('userName ne "kim@acme.example"', {lee["id"]}),
            ("externalId pr", {kim["id"]}),
            ("not (externalId pr)", {lee["id"]}),
            ('externalId eq "K-1"', set()),
            ('externalId ne "k-1"', {lee["id"]}),
            ("active eq true", {kim["id"]}),
            ('active eq "False"', {lee["id"]}),
            ('emails.value eq "lee@acme.example"', {lee["id"]}),
            ('emails[type eq "work" and value eq "lee@acme.example"]', {lee["id"]}),
            ('emails[type eq "home"].value eq "lee@acme.example"', set()),
            ('userName eq "kim@acme.example" or externalId eq "x"', {kim["id"]}),
            ('(userName sw "k" or userName sw "l") and active eq false', {lee["id"]}),
            (f'meta.lastModified gt "{kim["meta"]["created"]}"', {lee["id"]}),
            (f'meta.created le "{kim["meta"]["created"]}"', {kim["id"]}),
        ]
        for text, expected in cases:
            found = await scim.get("/Users", filter=text)
            assert {one["id"] for one in found["Resources"]} == expected, text
            assert found["totalResults"] == len(expected), text


async def test_a_filter_that_can_not_be_read_is_refused_by_name(scim: Scim) -> None:
    for text in (
        "userName",
        'userName is "x"',
        "userName eq x",
        'userName eq "x',
        'userName eq "x")',
        '(userName eq "x"',
        'title eq "x"',
        'active gt "x"',
        'userName gt "x"',
        "externalId eq 5",
        'meta.created gt "yesterday"',
        'emails[type eq "work"',
        "userName eq null",
        'userName eq "\\u0000"',
        "(" * 30,
        " or ".join(['userName eq "x"'] * 60),
        'userName eq "' + "x" * 5000 + '"',
    ):
        answer = await scim.send("GET", "/Users", params={"filter": text})
        assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidFilter"), text
        assert "filter" in answer.json()["detail"], text


@pytest.mark.both_databases
async def test_lists_come_in_pages_that_begin_with_one(scim: Scim) -> None:
    ids = sorted([(await scim.create(f"u{n}@acme.example"))["id"] for n in range(5)])
    seen = []
    for start in ("1", "3", "5"):
        page = await scim.get("/Users", startIndex=start, count="2")
        assert page["totalResults"] == 5 and page["startIndex"] == int(start)
        assert page["itemsPerPage"] == len(page["Resources"])
        seen += [one["id"] for one in page["Resources"]]
    assert seen == ids
    none = await scim.get("/Users", startIndex="-4", count="-1")
    assert (none["totalResults"], none["startIndex"], none["itemsPerPage"]) == (5, 1, 0)
    beyond = await scim.get("/Users", startIndex="9")
    assert beyond["Resources"] == []
    answer = await scim.send("GET", "/Users", params={"count": "many"})
    assert answer.status_code == 400 and "count" in answer.json()["detail"]


async def test_only_the_attributes_that_are_asked_for_are_returned(scim: Scim) -> None:
    user = await scim.create("kim@acme.example", displayName="Kim", externalId="k")
    path = f"/Users/{user['id']}"
    some = await scim.get(path, attributes="USERNAME,name.givenName")
    assert set(some) == {"schemas", "id", "userName"}
    rest = await scim.get(path, excludedAttributes=f"{USER}:displayName, meta,id")
    assert set(rest) == {"schemas", "id", "userName", "externalId", "active"}


async def test_what_this_server_can_do_is_told_to_anybody(place: Place) -> None:
    http = place.server.http
    config = (await http.get("/scim/v2/ServiceProviderConfig")).json()
    assert config["patch"]["supported"] and config["filter"]["supported"]
    for feature in ("bulk", "sort", "etag", "changePassword"):
        assert config[feature]["supported"] is False
    types = (await http.get("/scim/v2/ResourceTypes")).json()
    assert [one["endpoint"] for one in types["Resources"]] == ["/Users", "/Groups"]
    schemas = (await http.get("/scim/v2/Schemas")).json()
    for schema in (*types["Resources"], *schemas["Resources"]):
        path = schema["meta"]["location"].removeprefix(place.server.issuer)
        assert (await http.get(path)).json() == schema
    names = [one["name"] for one in schemas["Resources"][0]["attributes"]]
    assert names == ["userName", "externalId", "active", "displayName", "name", "emails"]


async def test_what_is_not_served_answers_in_the_form_of_scim(scim: Scim) -> None:
    for method, path, status in (
        ("POST", "/Bulk", 404),
        ("GET", "/Me", 404),
        ("GET", "", 404),
        ("DELETE", "/Users", 405),
        ("GET", "/Schemas/urn:x", 404),
        ("GET", "/ResourceTypes/Robot", 404),
        ("GET", "/Users/unknown", 404),
        ("DELETE", "/Groups/unknown", 404),
    ):
        answer = await scim.send(method, path, {} if method == "POST" else None)
        assert answer.status_code == status, path
        assert answer.headers["content-type"] == "application/scim+json", path
        assert answer.json()["status"] == str(status) and answer.json()["detail"], path


async def test_a_wrong_body_is_refused_with_the_name_of_what_is_wrong(scim: Scim) -> None:
    kim = await scim.create("kim@acme.example")
    path = f"/Users/{kim['id']}"
    user = {"userName": "x@acme.example"}
    cases: list[tuple[str, str, Any, str, str]] = [
        ("POST", "/Users", [], "invalidSyntax", "object"),
        ("POST", "/Users", {}, "invalidValue", "userName"),
        ("POST", "/Users", {"userName": 5}, "invalidValue", "userName"),
        ("POST", "/Users", {"userName": "x" * 400}, "invalidValue", "userName"),
        ("POST", "/Users", {"userName": "a\x00@acme.example"}, "invalidValue", "userName"),
        ("POST", "/Users", {**user, "USERNAME": "y"}, "invalidSyntax", "userName"),
        ("POST", "/Users", {**user, "active": "maybe"}, "invalidValue", "active"),
        ("POST", "/Users", {**user, "active": 1}, "invalidValue", "active"),
        ("POST", "/Users", {**user, "name": "Kim"}, "invalidValue", "name"),
        ("POST", "/Users", {**user, "emails": [5]}, "invalidValue", "emails"),
        ("POST", "/Users", {"userName": "kim"}, "invalidValue", "emails"),
        ("PATCH", path, {}, "invalidSyntax", "Operations"),
        ("PATCH", path, {"Operations": [5]}, "invalidSyntax", "Operations"),
        ("PATCH", path, {"Operations": [{"op": "move"}]}, "invalidSyntax", "op"),
        ("PATCH", path, _op("remove"), "noTarget", "path"),
        ("PATCH", path, _op("replace", value="x"), "invalidValue", "value"),
        ("PATCH", path, _op("replace", path="actve", value=False), "invalidPath", "actve"),
        ("PATCH", path, _op("replace", value={"actve": False}), "invalidPath", "actve"),
        ("PATCH", path, _op("replace", value={USER: {"active": False}}), "invalidPath", "path"),
        ("PATCH", path, _op("replace", path="name.nick", value="x"), "invalidPath", "nick"),
        ("PATCH", path, _op("replace", path="emails[", value="x"), "invalidPath", "path"),
        (
            "PATCH",
            path,
            _op("replace", path='userName[value eq "x"]', value="x"),
            "invalidPath",
            "userName",
        ),
        ("PATCH", path, _op("replace", path=5, value="x"), "invalidPath", "path"),
        ("PATCH", path, _op("remove", path="userName"), "invalidValue", "userName"),
        ("POST", "/Groups", {"members": []}, "invalidValue", "displayName"),
        ("POST", "/Groups", {"displayName": "g", "members": [{}]}, "invalidValue", "members"),
        (
            "POST",
            "/Groups",
            {"displayName": "g", "members": [{"value": "x"}]},
            "invalidValue",
            "members",
        ),
    ]
    for method, where, body, scim_type, named in cases:
        answer = await scim.send(method, where, body)
        assert (answer.status_code, answer.json().get("scimType")) == (400, scim_type), body
        assert named in answer.json()["detail"], body
    plain = await scim.send("POST", "/Users", user, headers={"Content-Type": "text/plain"})
    assert plain.status_code == 415
    assert (await scim.get("/Users"))["totalResults"] == 1


def _op(op: str, **more: Any) -> dict[str, Any]:
    return {"schemas": [PATCH], "Operations": [{"op": op, **more}]}
