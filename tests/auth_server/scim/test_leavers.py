"""Whoever the organisation's directory deactivates can do nothing here any more, and nothing old returns."""

import asyncio
from typing import Any

import jwt
import pytest

from auth_server.linking.keep import NewAccount, keep_account
from auth_server.linking.provider import ProviderTokens
from auth_server.records.audit.store import list_entries_after
from auth_server.records.delegations.store import list_live_delegations
from auth_server.records.directory.users import find_user
from auth_server.records.grants.store import list_live_grants
from auth_server.records.invitations.store import list_invitations
from auth_server.records.linked_accounts.store import list_linked_accounts
from auth_server.records.revocations.store import list_by_names
from auth_server.records.tenants.store import find_membership, put_membership
from auth_server.records.tenants.table import Membership
from auth_server.tenancy.change_membership import set_membership
from auth_server.tenancy.change_policy import ChangeRefused
from auth_server.tenancy.invitations import invite
from gatepost.data_scope import parse_data_scope
from gatepost.revocations import Kind
from support.in_process.api_keys import exchange, make_key
from support.in_process.auth_server import AuthServer
from support.in_process.clock import Clock
from support.in_process.customers_place import Place, running_place
from support.in_process.delegation import connect_agent
from support.in_process.directory import Scim, add_directory
from support.in_process.grants import connect_without_pages
from support.in_process.oauth_client import OAuthClient
from support.in_process.tenant_apps import add_app, set_app

ADA, BO, ACME = "usr_ada", "usr_bo", "org_acme"


async def seat(place: Place, person_id: str = ADA, tenant_id: str = ACME) -> Membership | None:
    """Look up a membership."""
    async with place.server.opened.database.reading() as db:
        return await find_membership(db, person_id, tenant_id)


async def events(place: Place, beginning: str) -> list[str]:
    """Return the names of audit entries."""
    async with place.server.opened.database.reading() as db:
        found = [one.event for one in await list_entries_after(db, 0, most=500)]
    return [one for one in found if one.startswith(beginning)]


async def add_admin(place: Place, person_id: str = "usr_cy") -> None:
    """Give Acme another admin, whom the directory does not know."""
    async with place.server.opened.transaction() as db:
        await put_membership(db, Membership(person_id=person_id, tenant_id=ACME, role="admin"))


async def link_account(server: AuthServer) -> None:
    """Have Ada link an account at an API, and Bo another one in Globex."""
    tokens = ProviderTokens("access", "refresh", None)
    async with server.opened.transaction() as db:
        for person_id, tenant_id in ((ADA, ACME), (BO, "org_globex")):
            await keep_account(
                db,
                NewAccount("orbit", person_id, tenant_id, tokens),
                keys=server.opened.keys,
                new_secret=server.opened.new_secret,
                lifetime=server.settings.longest_token_lifetime,
                now=server.clock(),
            )


async def refresh(client: OAuthClient, tokens: dict[str, Any]) -> tuple[int, str]:
    """Refresh; return the status and the error."""
    answer = await client.refresh(tokens["refresh_token"])
    return answer.status_code, answer.json().get("error", "")


@pytest.mark.parametrize("how", ["patch", "put", "delete"])
async def test_whoever_is_deactivated_there_has_nothing_left_here_a225(
    place: Place, scim: Scim, how: str
) -> None:
    await add_admin(place)
    server = place.server
    user = await scim.create("ada@acme.example", displayName="Ada")
    client = await server.client()
    mine = await connect_without_pages(server, client)
    key = await make_key(server)
    await link_account(server)
    app = await add_app(place)
    await set_app(place)
    connected = await app.connect()
    browser, _ = await place.sign_in(place.acme, "ada@acme.example")
    other = server.person("ada@acme.example")
    await other.sign_in(await other.open("/sign-in?return_to=/account/apps&password=yes"))
    assert (await exchange(server, key.text)).status_code == 200
    before = app.assertion()
    server.clock.advance(seconds=2)

    if how == "delete":
        answer = await scim.send("DELETE", f"/Users/{user['id']}")
    elif how == "put":
        answer = await scim.send("PUT", f"/Users/{user['id']}", {**user, "active": False})
    else:
        answer = await scim.set_active(user["id"], False)

    assert answer.status_code == (204 if how == "delete" else 200), answer.text
    assert await seat(place) is None
    assert await refresh(client, mine) == (400, "invalid_grant")
    assert (await exchange(server, key.text)).json()["error"] == "invalid_grant"
    await app.refused(before)
    await app.refused(app.assertion())
    for one in (browser, other):
        assert "/sign-in" in (await one.open("/account/apps")).url
    async with server.opened.database.reading() as db:
        assert await list_live_grants(db, person_id=ADA, tenant_id=ACME) == []
        assert await list_linked_accounts(db, ADA) == []
        assert len(await list_linked_accounts(db, BO)) == 1, "nobody else is meant"
        named: list[tuple[Kind, str]] = [
            ("grant", connected["grant_id"]),
            ("family", f"key_{key.fingerprint}"),
            ("person", ADA),
        ]
        told = await list_by_names(db, named, now=server.clock())
    # These reach every gateway by the feed, within two seconds.
    assert {(one.kind, one.key) for one in told} == set(named)


async def test_the_sub_agents_of_a_leavers_apps_end_with_them_a225(
    place: Place, scim: Scim
) -> None:
    await add_admin(place)
    user = await scim.create("ada@acme.example")
    agent = await connect_agent(place.server)
    token = await agent.delegate()
    claims = jwt.decode(token, options={"verify_signature": False})

    await scim.set_active(user["id"], False)

    now = place.server.clock()
    async with place.server.opened.database.reading() as db:
        assert await list_live_delegations(db, [claims["grant_id"]], now=now) == []
        named: list[tuple[Kind, str]] = [("grant", claims["grant_id"])]
        assert await list_by_names(db, named, now=now)
    assert (await agent.ask(token)).status_code == 400


async def test_an_address_outside_the_domains_keeps_no_leaver_in_a225(
    place: Place, scim: Scim
) -> None:
    """Providers rename people as they leave."""
    await add_admin(place)
    user = await scim.create("ada@acme.example")
    left = {**user, "userName": "left-7@elsewhere.example", "active": False}
    answer = await scim.send("PUT", f"/Users/{user['id']}", left)
    assert (answer.status_code, answer.json()["active"]) == (200, False)
    assert await seat(place) is None
    # To come back, they need an address that the organisation owns.
    assert (await scim.set_active(user["id"], True)).status_code == 400
    assert (await scim.send("PUT", f"/Users/{user['id']}", user)).status_code == 200
    assert await seat(place) is not None


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "active"},
        {"op": "replace", "path": "active", "value": None},
        {"op": "replace", "value": {"active": None}},
    ],
)
async def test_taking_active_away_activates_nobody_a232(
    place: Place, scim: Scim, operation: dict[str, Any]
) -> None:
    await add_admin(place)
    user = await scim.create("ada@acme.example")
    await scim.set_active(user["id"], False)
    answer = await scim.patch(f"/Users/{user['id']}", operation)
    assert answer.json()["active"] is False
    assert await seat(place) is None


async def test_an_invitation_from_before_ends_with_the_leaver_a232(
    place: Place, scim: Scim
) -> None:
    async with place.server.opened.transaction() as db:
        invited = [
            await invite(
                db,
                email,
                ACME,
                role="admin",
                data_scope=parse_data_scope(""),
                by=None,
                language=None,
                now=place.server.clock(),
            )
            for email in ("kim@acme.example", "lee@acme.example")
        ]
        kept = invited[1].invitation_id
    user = await scim.create("kim@acme.example")
    await scim.send("DELETE", f"/Users/{user['id']}")
    async with place.server.opened.database.reading() as db:
        assert [one.invitation_id for one in await list_invitations(db, ACME)] == [kept]


@pytest.mark.both_databases
async def test_a_reactivated_person_is_a_member_again_and_connects_anew_a232(
    place: Place, scim: Scim
) -> None:
    await add_admin(place)
    server = place.server
    user = await scim.create("ada@acme.example")
    client = await server.client()
    mine = await connect_without_pages(server, client)
    key = await make_key(server)
    app = await add_app(place)
    await set_app(place)
    await app.connect()
    before = app.assertion()
    server.clock.advance(seconds=2)
    await scim.set_active(user["id"], False)
    server.clock.advance(seconds=2)

    assert (await scim.set_active(user["id"], True)).json()["active"] is True

    found = await seat(place)
    assert found is not None
    assert (found.role, found.data_scope) == ("admin", "team:design team:engineering")
    assert await refresh(client, mine) == (400, "invalid_grant")
    assert (await exchange(server, key.text)).json()["error"] == "invalid_grant"
    # An assertion from before she left is older than her leaving.
    assert "issued" in await app.refused(before)
    server.clock.advance(seconds=1)
    assert (await app.connect())["sub"] == ADA
    assert (await connect_without_pages(server))["refresh_token"]


async def test_what_was_approved_while_somebody_left_does_not_return_with_them_a232(
    place: Place, scim: Scim
) -> None:
    """A consent that was stored at the moment of the deactivation."""
    await add_admin(place)
    user = await scim.create("ada@acme.example")
    await scim.set_active(user["id"], False)
    client = await place.server.client()
    async with place.server.opened.transaction() as db:
        await put_membership(db, Membership(person_id=ADA, tenant_id=ACME))
    late = await connect_without_pages(place.server, client)
    async with place.server.opened.transaction() as db:
        found = await find_membership(db, ADA, ACME)
        assert found is not None
        await db.delete(found)

    await scim.set_active(user["id"], True)

    assert await refresh(client, late) == (400, "invalid_grant")


async def test_nobody_lets_a_deactivated_person_in_by_another_door_a232(
    place: Place, scim: Scim
) -> None:
    await add_admin(place)
    user = await scim.create("ada@acme.example")
    await scim.set_active(user["id"], False)

    for by in (None, "usr_cy"):
        async with place.server.opened.transaction() as db:
            with pytest.raises(ChangeRefused, match="directory has deactivated"):
                await set_membership(
                    db,
                    ADA,
                    ACME,
                    role="member",
                    data_scope=parse_data_scope(""),
                    by=by,
                    lifetime=place.server.settings.longest_token_lifetime,
                    now=place.server.clock(),
                )
    assert await seat(place) is None
    # Once the directory has forgotten them, the admins decide again.
    await scim.send("DELETE", f"/Users/{user['id']}")
    async with place.server.opened.transaction() as db:
        await set_membership(
            db,
            ADA,
            ACME,
            role="member",
            data_scope=parse_data_scope(""),
            by=None,
            lifetime=place.server.settings.longest_token_lifetime,
            now=place.server.clock(),
        )
    assert await seat(place) is not None


async def test_a_member_whom_an_admin_removed_stays_out_until_the_directory_changes_its_mind(
    place: Place, scim: Scim
) -> None:
    await add_admin(place)
    user = await scim.create("ada@acme.example")
    async with place.server.opened.transaction() as db:
        found = await find_membership(db, ADA, ACME)
        assert found is not None
        await db.delete(found)
    # Okta repeats what it knows with every change of a profile.
    await scim.send("PUT", f"/Users/{user['id']}", {**user, "displayName": "Ada M."})
    assert await seat(place) is None
    await scim.set_active(user["id"], False)
    await scim.set_active(user["id"], True)
    assert await seat(place) is not None


@pytest.mark.both_databases
async def test_the_directory_can_not_lock_an_organisation_out_a226(
    place: Place, scim: Scim
) -> None:
    server = place.server
    user = await scim.create("ada@acme.example")
    client = await server.client()
    mine = await connect_without_pages(server, client)
    browser, _ = await place.sign_in(place.acme, "ada@acme.example")

    for method, path in (("PATCH", "active"), ("DELETE", "")):
        if method == "PATCH":
            answer = await scim.set_active(user["id"], False)
        else:
            answer = await scim.send("DELETE", f"/Users/{user['id']}")
        assert answer.status_code == 409, path
        assert "last admin" in answer.json()["detail"]
        assert (await scim.get(f"/Users/{user['id']}"))["active"] is True
        found = await seat(place)
        assert found is not None and found.role == "admin"
    # All that she could do with apps has ended nevertheless.
    assert await refresh(client, mine) == (400, "invalid_grant")
    assert "/sign-in" in (await browser.open("/account/apps")).url
    assert "directory_user.kept" in await events(place, "directory_user.")

    await add_admin(place)
    assert (await scim.set_active(user["id"], False)).status_code == 200
    assert await seat(place) is None


async def test_an_admin_for_emergencies_is_beyond_the_directory_until_the_name_is_taken_back_a226(
    place: Place, scim: Scim
) -> None:
    await add_admin(place)
    user = await scim.create("ada@acme.example")

    async def name(at: Any) -> None:
        async with place.server.opened.transaction() as db:
            found = await find_membership(db, ADA, ACME)
            assert found is not None
            found.break_glass_since = at

    await name(place.server.clock())
    answer = await scim.set_active(user["id"], False)
    assert answer.status_code == 409 and "emergencies" in answer.json()["detail"]
    found = await seat(place)
    assert found is not None and found.break_glass_since is not None
    await name(None)
    assert (await scim.set_active(user["id"], False)).status_code == 200


async def test_a_provider_does_not_sign_the_last_admin_out_of_their_own_session_a226(
    place: Place, scim: Scim
) -> None:
    """Whoever has taken the provider over would repeat it before the admin can revoke the token."""
    user = await scim.create("ada@acme.example")
    own = place.server.person("ada@acme.example")
    await own.sign_in(await own.open("/sign-in?return_to=/account/apps&password=yes"))
    theirs, _ = await place.sign_in(place.acme, "ada@acme.example")

    assert (await scim.set_active(user["id"], False)).status_code == 409

    assert "/sign-in" in (await theirs.open("/account/apps")).url
    page = await own.open("/account/organisations")
    assert (page.url, page.status) == ("/account/organisations", 200)


async def test_what_a_person_has_in_another_organisation_stays_a228(
    sqlite_url: str, clock: Clock
) -> None:
    """Ada is a member of Globex too, which Acme's directory has no say in."""
    async with running_place(sqlite_url, clock) as place:
        await add_admin(place)
        scim = await add_directory(place)
        server = place.server
        client = await server.client()
        theirs = await connect_without_pages(server, client, tenant="org_globex")
        browser = server.person("ada@acme.example")
        await browser.sign_in(await browser.open("/sign-in?return_to=/account/apps&password=yes"))
        user = await scim.create("ada@acme.example", displayName="Mallory")
        await scim.set_active(user["id"], False)

        assert await seat(place) is None
        assert await seat(place, tenant_id="org_globex") is not None
        assert (await refresh(client, theirs))[0] == 200
        page = await browser.open("/account/profile")
        assert "Ada Marsh" in page.text and "Mallory" not in page.text


@pytest.mark.both_databases
async def test_of_fifty_creations_at_once_one_is_made_a233(database_url: str, clock: Clock) -> None:
    async with running_place(database_url, clock) as place:
        scim = await add_directory(place)
        body = {"userName": "grace@acme.example", "active": True}
        names = [f"{'GRACE' if n % 2 else 'grace'}@acme.example" for n in range(50)]
        answers = await asyncio.gather(
            *(scim.send("POST", "/Users", {**body, "userName": name}) for name in names)
        )
        assert sorted(one.status_code for one in answers) == [201, *[409] * 49]
        assert (await scim.get("/Users"))["totalResults"] == 1
        groups = await asyncio.gather(
            *(scim.send("POST", "/Groups", {"displayName": "Navy"}) for _ in range(50))
        )
        assert sorted(one.status_code for one in groups) == [201, *[409] * 49]


@pytest.mark.both_databases
async def test_no_refresh_survives_a_deactivation_at_the_same_moment_a233(
    database_url: str, clock: Clock
) -> None:
    async with running_place(database_url, clock) as place:
        await add_admin(place)
        scim = await add_directory(place)
        user = await scim.create("ada@acme.example")
        client = await place.server.client()
        tokens = await connect_without_pages(place.server, client)

        answers = await asyncio.gather(
            *(client.refresh(tokens["refresh_token"]) for _ in range(25)),
            scim.set_active(user["id"], False),
            *(client.refresh(tokens["refresh_token"]) for _ in range(25)),
        )

        assert {one.status_code for one in answers} <= {200, 400}
        for answer in answers:
            if "refresh_token" in answer.json():
                assert await refresh(client, answer.json()) == (400, "invalid_grant")
        assert await _is_dead(place.server, tokens)


@pytest.mark.both_databases
async def test_of_all_changes_of_one_person_at_once_the_last_counts_whole_a233(
    database_url: str, clock: Clock
) -> None:
    async with running_place(database_url, clock) as place:
        await add_admin(place)
        scim = await add_directory(place)
        user = await scim.create("grace@acme.example")
        group = await scim.group("Navy")
        member = {"op": "add", "path": "members", "value": [{"value": user["id"]}]}
        answers = await asyncio.gather(
            *(
                scim.patch(f"/Groups/{group}", member)
                if n % 3 == 0
                else scim.set_active(user["id"], n % 2 == 0)
                for n in range(50)
            )
        )
        assert {one.status_code for one in answers} == {200, 204}
        shown = await scim.get(f"/Users/{user['id']}")
        found = await scim.get("/Groups", filter=f'members[value eq "{user["id"]}"]')
        assert found["totalResults"] == 1
        person = (await scim.get("/Users"))["Resources"][0]
        assert person["active"] == shown["active"]
        async with place.server.opened.database.reading() as db:
            row = await find_user(db, ACME, user["id"])
            assert row is not None
            assert (await find_membership(db, row.person_id, ACME) is not None) == row.active


async def _is_dead(server: AuthServer, tokens: dict[str, Any]) -> bool:
    """Whether the feed names the connection of an access token."""
    claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    async with server.opened.database.reading() as db:
        named: list[tuple[Kind, str]] = [("grant", claims["grant_id"])]
        return bool(await list_by_names(db, named, now=server.clock()))
