"""The groups of a directory are those of the ceilings: a change narrows what the provider connected."""

from typing import Any

import pytest

from auth_server.maintenance import maintain
from auth_server.records.grants.store import list_live_grants
from auth_server.records.grants.table import Grant
from auth_server.records.revocations.store import list_by_names
from auth_server.records.tenant_apps.table import AppCeiling
from gatepost.revocations import Kind
from support.in_process.auth_server import RESOURCE
from support.in_process.customers_place import Place
from support.in_process.directory import Scim
from support.in_process.grants import connect_without_pages
from support.in_process.renamed import FORMER, RENAMED
from support.in_process.tenant_apps import App, add_app, set_app

READ, WRITE = ["list_projects", "list_tasks"], ["create_task", "delete_task"]
ALL = sorted([*READ, *WRITE])
CEILINGS = (
    AppCeiling("interns", frozenset({"list_tasks"}), "team:design"),
    AppCeiling("engineering", frozenset({"@read", "@write"}), ""),
    AppCeiling("", frozenset({"@read"}), ""),
)


@pytest.fixture
async def app(place: Place) -> App:
    """An app that Acme connects: with all tools for engineering, one for interns, else to read."""
    made = await add_app(place)
    await set_app(place, ceilings=CEILINGS)
    return made


@pytest.fixture
async def ada(scim: Scim) -> str:
    """Ada in the directory."""
    return str((await scim.create("ada@acme.example"))["id"])


async def connected(place: Place) -> Grant | None:
    """What the provider connected for Ada."""
    async with place.server.opened.database.reading() as db:
        found = [one for one in await list_live_grants(db, person_id="usr_ada") if one.by_tenant]
    return found[0] if found else None


async def is_over(place: Place, claims: dict[str, Any]) -> bool:
    """Whether the feed tells gateways to refuse an access token."""
    async with place.server.opened.database.reading() as db:
        named: list[tuple[Kind, str]] = [("grant", claims["grant_id"])]
        told = await list_by_names(db, named, now=place.server.clock())
    return any(claims["grant_version"] < one.below for one in told)


@pytest.mark.both_databases
async def test_a_change_of_groups_narrows_what_is_connected_at_once_a231(
    place: Place, scim: Scim, app: App, ada: str
) -> None:
    group = await scim.group("engineering", ada)
    claims = await app.connect(groups=[])
    assert claims["allowed_tools"] == ALL
    mine = await connect_without_pages(place.server)

    leave = {"op": "remove", "path": f'members[value eq "{ada}"]'}
    assert (await scim.patch(f"/Groups/{group}", leave)).status_code == 204

    grant = await connected(place)
    assert grant is not None and (grant.tools, grant.version) == (READ, 2)
    assert await is_over(place, claims)
    # What she approved herself is no matter of groups.
    assert mine["refresh_token"]
    after = await app.connect(groups=[])
    assert after["allowed_tools"] == READ and not await is_over(place, after)

    # Back in the group, the next assertion brings the tools again, and no change before it.
    join = {"op": "add", "path": "members", "value": [{"value": ada}]}
    await scim.patch(f"/Groups/{group}", join)
    grant = await connected(place)
    assert grant is not None and grant.tools == READ
    assert (await app.connect(groups=[]))["allowed_tools"] == ALL


async def test_a_change_of_groups_narrows_what_is_connected_at_an_address_too_a231(
    place: Place, scim: Scim, app: App, ada: str
) -> None:
    group = await scim.group("engineering", ada)
    claims = await app.connect(groups=[], resource=f"{RESOURCE}/o/org_acme")
    assert claims["allowed_tools"] == ALL

    await scim.patch(f"/Groups/{group}", {"op": "replace", "path": "members", "value": []})

    grant = await connected(place)
    assert grant is not None and grant.tools == READ
    assert await is_over(place, claims)


async def test_an_assertion_from_before_a_change_of_groups_does_not_widen_again_a231(
    place: Place, scim: Scim, app: App, ada: str
) -> None:
    group = await scim.group("engineering", ada)
    before = app.assertion(groups=["engineering"])
    await scim.patch(f"/Groups/{group}", {"op": "replace", "path": "members", "value": []})
    answer = await app.send(before)
    assert answer.status_code == 200
    grant = await connected(place)
    assert grant is not None and grant.tools == READ


async def test_a_group_with_less_narrows_whoever_joins_it(
    place: Place, scim: Scim, app: App, ada: str
) -> None:
    await scim.group("engineering", ada)
    claims = await app.connect()
    await scim.group("interns", ada)
    grant = await connected(place)
    assert grant is not None and (grant.tools, grant.data_scope) == (["list_tasks"], "team:design")
    assert await is_over(place, claims)


@pytest.mark.both_databases
async def test_whom_no_ceiling_allows_any_more_loses_the_connection(
    place: Place, scim: Scim, ada: str
) -> None:
    app = await add_app(place)
    await set_app(place, ceilings=CEILINGS[1:2])
    group = await scim.group("engineering", ada)
    claims = await app.connect()
    answer = await scim.send("PUT", f"/Groups/{group}", {"displayName": "engineering"})
    assert answer.status_code == 200 and answer.json()["members"] == []
    assert await connected(place) is None and await is_over(place, claims)
    await app.refused(app.assertion(groups=["engineering"]))
    # It is no decision about the app: back in the group, the provider connects it again.
    await scim.send(
        "PUT", f"/Groups/{group}", {"displayName": "engineering", "members": [{"value": ada}]}
    )
    assert (await app.connect())["allowed_tools"] == ALL


@pytest.mark.parametrize("change", ["rename", "delete"])
async def test_a_group_that_is_renamed_or_deleted_gives_nothing_by_its_old_name(
    place: Place, scim: Scim, app: App, ada: str, change: str
) -> None:
    group = await scim.group("engineering", ada)
    claims = await app.connect(groups=["engineering"])
    if change == "rename":
        rename = {"op": "Replace", "path": "displayName", "value": "builders"}
        await scim.patch(f"/Groups/{group}", rename)
    else:
        await scim.send("DELETE", f"/Groups/{group}")
    grant = await connected(place)
    assert grant is not None and grant.tools == READ
    assert await is_over(place, claims)


async def test_a_ceiling_names_a_group_of_entra_by_its_object_id(
    place: Place, scim: Scim, ada: str
) -> None:
    object_id = "8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159"
    app = await add_app(place)
    await set_app(place, ceilings=(AppCeiling(object_id, frozenset({"@write"}), ""), CEILINGS[2]))
    group = await scim.group("Engineering", externalId=object_id)
    assert (await app.connect(groups=[object_id]))["allowed_tools"] == READ
    await scim.patch(
        f"/Groups/{group}", {"op": "Add", "path": "members", "value": [{"value": ada}]}
    )
    assert (await app.connect(groups=[]))["allowed_tools"] == WRITE


async def test_a_group_that_gets_the_id_of_a_ceiling_narrows_its_members_a231(
    place: Place, scim: Scim, app: App, ada: str
) -> None:
    await scim.group("engineering", ada)
    group = await scim.group("Trainees", ada)
    claims = await app.connect()
    assert claims["allowed_tools"] == ALL
    named = {"op": "add", "path": "externalId", "value": "interns"}
    await scim.patch(f"/Groups/{group}", named)
    grant = await connected(place)
    assert grant is not None and grant.tools == ["list_tasks"]
    assert await is_over(place, claims)


async def test_the_directory_tells_the_groups_that_an_assertion_left_out(
    place: Place, scim: Scim, app: App, ada: str
) -> None:
    """Entra leaves them out of tokens if a person has more than 200."""
    left_out: dict[str, Any] = {"_claim_names": {"groups": "src1"}}
    assert "groups" in await app.refused(app.assertion(**left_out))
    await scim.group("engineering", ada)
    # One group of the list is still unknown, and it allows less.
    assert "groups" in await app.refused(app.assertion(**left_out))
    await scim.group("interns")
    assert (await app.connect(**left_out))["allowed_tools"] == ALL


async def test_an_assertion_counts_for_groups_and_people_that_the_directory_does_not_have(
    place: Place, scim: Scim, app: App
) -> None:
    """Ada is not in the directory; it has the group."""
    await scim.group("engineering")
    assert (await app.connect(groups=["engineering"]))["allowed_tools"] == ALL
    await scim.create("ada@acme.example")
    assert (await app.connect(groups=["engineering"]))["allowed_tools"] == READ
    assert (await app.connect(groups=["interns"]))["allowed_tools"] == ["list_tasks"]


@pytest.mark.parametrize("reconnected", [False, True])
async def test_a_change_of_groups_keeps_a_tool_that_has_another_name_now(
    place: Place, scim: Scim, reconnected: bool
) -> None:
    """The connection may have the former name and the list the present one, or the other way round."""
    ada = str((await scim.create("ada@acme.example"))["id"])
    group = await scim.group("engineering", ada)
    place.server.catalogue = FORMER
    await maintain(place.server.opened)
    app = await add_app(place)
    ceilings = (AppCeiling("engineering", frozenset(ALL), ""), AppCeiling("", frozenset(READ), ""))
    await set_app(place, ceilings=ceilings)
    await app.connect(groups=[])
    place.server.catalogue = RENAMED
    place.server.clock.advance(minutes=1)
    await maintain(place.server.opened)
    if reconnected:
        await app.connect(groups=[])
    else:
        present = frozenset({"find_tasks", "list_projects"})
        ceilings = (AppCeiling("engineering", present, ""), AppCeiling("", present, ""))
        await set_app(place, ceilings=ceilings)

    leave = {"op": "remove", "path": f'members[value eq "{ada}"]'}
    await scim.patch(f"/Groups/{group}", leave)

    grant = await connected(place)
    assert grant is not None
    assert sorted(grant.tools) == sorted(
        ["list_projects", "find_tasks" if reconnected else "list_tasks"]
    )
