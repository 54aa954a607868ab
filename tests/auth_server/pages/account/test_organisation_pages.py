"""A tenant's admin manages only their own tenant on its pages, and nobody else does."""

from typing import Any
from urllib.parse import urljoin

import pytest
from sqlmodel import select

from auth_server.records.grants.store import list_live_grants
from auth_server.records.grants.table import Grant
from auth_server.records.people.store import put_person
from auth_server.records.people.table import Person as PersonRow
from auth_server.records.sessions.table import TWO_FACTORS, Session
from auth_server.records.tenants.store import put_membership
from auth_server.records.tenants.table import Membership, Tenant
from support.in_process.auth_server import AuthServer
from support.in_process.grants import connect_without_pages
from support.in_process.person import Page, Person

ORGANISATION = "/account/organisation"
ACME = f"{ORGANISATION}?tenant=org_acme"
BO = "bo@globex.example"
ACTIONS = (f"{ORGANISATION}/rules", f"{ORGANISATION}/member", f"{ORGANISATION}/end")


async def signed_in(
    server: AuthServer, page: str, email: str = "ada@acme.example"
) -> tuple[Person, Page]:
    """Sign a person in and open their page."""
    person = server.person(email)
    await person.sign_in(await person.open("/account/organisations"))
    return person, await person.open(page)


async def send(who: Person, page: Page, action: str, /, **changes: str) -> Page:
    """Post one of the page's forms with some fields changed."""
    fields = {"clients": "any", "required_level": "1", **page.forms[action].fields, **changes}
    return await who.send(page, action, list(fields.items()))


async def row_of(server: AuthServer, table: Any, key: Any) -> Any:
    """Read a row as it is now."""
    async with server.opened.database.reading() as db:
        return await db.get(table, key)


async def with_bo_in_acme(server: AuthServer, role: str = "member") -> None:
    """Make Bo a member of Acme, who sees one team."""
    membership = Membership(
        person_id="usr_bo", tenant_id="org_acme", role=role, data_scope="team:design"
    )
    async with server.opened.transaction() as db:
        await put_membership(db, membership)


async def test_a_person_sees_where_they_are_a_member_and_what_they_manage(
    table_server: AuthServer,
) -> None:
    _, page = await signed_in(table_server, "/account/organisations")

    assert "team:design team:engineering" in page.text
    assert page.html.count(f'href="{ACME}"') == 1
    assert f"{ORGANISATION}?tenant=org_globex" not in page.html


async def test_an_admin_of_a_large_organisation_turns_pages(sqlite_server: AuthServer) -> None:
    client = await sqlite_server.client()
    await connect_without_pages(sqlite_server, client)
    async with sqlite_server.opened.transaction() as db:
        (grant,) = await list_live_grants(db, tenant_id="org_acme")
        shown = grant.model_dump()
        for number in range(120):
            person = PersonRow(
                person_id=f"usr_{number:03}",
                email=f"{number}@acme.example",
                name=f"Member {number:03}",
                created_at=sqlite_server.clock(),
            )
            await put_person(db, person)
            await put_membership(
                db, Membership(person_id=person.person_id, tenant_id="org_acme", data_scope="")
            )
            mine = {"grant_id": f"grant_{number:03}", "person_id": person.person_id}
            db.add(Grant(**{**shown, **mine}))

    ada, page = await signed_in(sqlite_server, ACME)
    seen = []
    for _ in range(3):
        seen.append(page.html.count('name="grant"'))
        following = [link for link in page.links if "connections=" in link]
        page = await ada.open(urljoin(page.url, following[-1]))
    assert seen == [50, 50, 21]

    members = await ada.open(f"{ACME}&members=3")
    assert members.html.count("/account/organisation/member?") == 21
    beyond = await ada.open(f"{ACME}&members=99999999999&connections=-1")
    assert beyond.status == 200


async def test_an_admin_finds_a_member_by_name_address_or_role(
    sqlite_server: AuthServer,
) -> None:
    await with_bo_in_acme(sqlite_server, role="analyst")
    ada, _ = await signed_in(sqlite_server, ACME)
    for text, bo, herself in (
        ("BO@GLOB", True, False),
        ("analy", True, False),
        ("ada", False, True),
    ):
        page = await ada.open(f"{ACME}&search={text}")
        links = "".join(link for link in page.links if "organisation/member" in link)
        assert ("usr_bo" in links, "usr_ada" in links) == (bo, herself), text
    assert "Nobody matches" in (await ada.open(f"{ACME}&search=%25")).text
    member = await ada.open(f"{ORGANISATION}/member?tenant=org_acme&person=usr_ada")
    other = await ada.open(f"{ORGANISATION}/member?tenant=org_acme&person=usr_bo")
    assert 'value="analyst"></option>' in other.html and "This is you" in member.text


@pytest.mark.both_databases
async def test_an_admin_narrows_a_members_data_and_their_apps_at_once(
    auth_server: AuthServer, read_token: Any
) -> None:
    await with_bo_in_acme(auth_server)
    client = await auth_server.client()
    tokens = await client.connect(auth_server.person(BO), tenant="Acme")
    ada, _ = await signed_in(auth_server, ACME)
    member = await ada.open(f"{ORGANISATION}/member?tenant=org_acme&person=usr_bo")

    saved = await send(
        ada,
        member,
        f"{ORGANISATION}/member",
        role="guest",
        data_scope="team:design region:eu",
        decision="change",
    )

    assert saved.status == 200
    assert "guest" in saved.text
    auth_server.clock.advance(seconds=1)
    again = (await client.refresh(tokens["refresh_token"])).json()
    claims = await read_token(auth_server, again["access_token"])
    assert claims["data_scope"] == "region:eu team:design"


async def test_an_admin_removes_a_member_and_their_connections_with_them(
    auth_server: AuthServer,
) -> None:
    await with_bo_in_acme(auth_server)
    client = await auth_server.client()
    tokens = await client.connect(auth_server.person(BO), tenant="Acme")
    ada, _ = await signed_in(auth_server, ACME)
    member = await ada.open(f"{ORGANISATION}/member?tenant=org_acme&person=usr_bo")

    unsure = await send(ada, member, f"{ORGANISATION}/member", decision="remove", typed="Bo")
    assert "Type the e-mail address or name as shown" in unsure.text
    assert await row_of(auth_server, Membership, ("usr_bo", "org_acme")) is not None
    after = await send(ada, member, f"{ORGANISATION}/member", decision="remove", typed=BO)

    assert "Bo Lind" not in after.text.partition("Rules for apps")[0].replace("Members", "")
    assert (await client.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    gone = await ada.open(f"{ORGANISATION}/member?tenant=org_acme&person=usr_bo")
    assert gone.status == 404


async def test_an_admin_ends_a_members_connection_and_sees_that_it_ended(
    auth_server: AuthServer,
) -> None:
    await with_bo_in_acme(auth_server)
    client = await auth_server.client(client_name="Robot <1>")
    tokens = await client.connect(auth_server.person(BO), tenant="Acme")
    ada, page = await signed_in(auth_server, ACME)
    assert "Robot <1>" in page.text

    after = await ada.press(page, "Disconnect")

    assert "ended" in after.text
    assert f"{ORGANISATION}/end" not in after.forms
    assert (await client.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    auth_server.clock.advance(days=31)
    _, later = await signed_in(auth_server, ACME)
    assert "Robot <1>" not in later.text


@pytest.mark.both_databases
async def test_the_rules_that_an_admin_sets_are_stored_whole_and_shown(
    auth_server: AuthServer,
) -> None:
    ada, page = await signed_in(auth_server, ACME)

    after = await send(
        ada,
        page,
        f"{ORGANISATION}/rules",
        clients="listed",
        allowed_clients="claude.ai\r\nclient_x\r\n",
        read_only="yes",
        longest_days="30",
    )

    assert "Saved." in after.text
    tenant = await row_of(auth_server, Tenant, "org_acme")
    assert tenant.allowed_clients == ["claude.ai", "client_x"]
    assert (tenant.read_only, tenant.longest_grant, tenant.required_level) == (True, 2592000, 1)
    assert "claude.ai\nclient_x</textarea>" in after.html
    back = await send(ada, after, f"{ORGANISATION}/rules", clients="any", longest_days="")
    assert back.status == 200
    tenant = await row_of(auth_server, Tenant, "org_acme")
    assert (tenant.allowed_clients, tenant.read_only, tenant.longest_grant) == (None, False, None)


@pytest.mark.both_databases
async def test_an_admin_decides_about_api_keys_apart_from_apps(
    sqlite_server: AuthServer, change_row: Any
) -> None:
    """Where an operator allowed no app, keys are off until an admin allows them."""
    ada, page = await signed_in(sqlite_server, ACME)
    rules, chosen = f"{ORGANISATION}/rules", 'value="{}" selected'
    await change_row(sqlite_server, Tenant, "org_acme", allowed_clients=[])

    without = await ada.open(page.url)
    allowed = await send(ada, without, rules, clients="listed", allowed_clients="", api_keys="yes")
    off = await send(ada, allowed, rules, clients="any", api_keys="no", longest_token_minutes="60")

    assert chosen.format("yes") in page.html
    assert chosen.format("no") in without.html
    assert chosen.format("yes") in allowed.html
    assert chosen.format("no") in off.html
    tenant = await row_of(sqlite_server, Tenant, "org_acme")
    assert (tenant.api_keys, tenant.longest_token) == (False, 3600)
    assert chosen.format("60") in off.html


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"longest_days": "0.01"}, "longest_grant must be at least one hour"),
        ({"longest_days": "1e400"}, "must be numbers"),
        ({"longest_days": "-1", "required_level": "9"}, "required_level must be 1"),
        ({"required_level": "x"}, "must be numbers"),
        ({"clients": "listed", "allowed_clients": "clïent"}, "(allowed_clients) can only contain"),
    ],
)
async def test_invalid_rules_are_named_and_not_stored(
    table_server: AuthServer, changes: dict[str, str], says: str
) -> None:
    ada, page = await signed_in(table_server, ACME)

    answer = await send(ada, page, f"{ORGANISATION}/rules", **changes)

    assert (answer.status, says in answer.text) == (400, True)
    assert (await row_of(table_server, Tenant, "org_acme")).longest_grant is None


@pytest.mark.parametrize("clients", ["any", "listed"])
async def test_an_admin_whose_rules_are_refused_finds_every_choice_as_they_left_it(
    table_server: AuthServer, clients: str
) -> None:
    ada, page = await signed_in(table_server, ACME)

    refused = await send(
        ada,
        page,
        f"{ORGANISATION}/rules",
        clients=clients,
        allowed_clients="claude.ai\r\nclient_x",
        read_only="yes",
        api_keys="no",
        longest_days="30",
        longest_token_minutes="60",
        required_level="2",
    )

    assert refused.status == 400
    assert f'value="{clients}" checked' in refused.html
    assert "claude.ai\nclient_x</textarea>" in refused.html
    assert 'name="read_only" value="yes" checked' in refused.html
    kept = refused.forms[f"{ORGANISATION}/rules"].fields
    names = ("api_keys", "longest_days", "longest_token_minutes", "required_level")
    assert [kept[name] for name in names] == ["no", "30", "60", "2"]


async def test_nobody_locks_themselves_out_by_asking_all_for_a_second_factor(
    auth_server: AuthServer, change_row: Any
) -> None:
    ada, page = await signed_in(auth_server, ACME)
    refused = await send(ada, page, f"{ORGANISATION}/rules", required_level="2")
    assert (refused.status, "before you require it" in refused.text) == (400, True)

    async with auth_server.opened.transaction() as db:
        tenant = await db.get(Tenant, "org_acme")
        assert tenant is not None
        tenant.required_level = 2
    barred = await ada.open(ACME)

    assert "Your organisation requires it" in barred.text
    assert "/account/security/enrol" in barred.url


@pytest.mark.both_databases
async def test_an_admin_with_two_factors_may_require_them_of_all(auth_server: AuthServer) -> None:
    ada, page = await signed_in(auth_server, ACME)
    async with auth_server.opened.transaction() as db:
        for session in (await db.execute(select(Session))).scalars():
            session.level = TWO_FACTORS

    saved = await send(ada, page, f"{ORGANISATION}/rules", required_level="2")

    assert "Saved." in saved.text
    assert (await row_of(auth_server, Tenant, "org_acme")).required_level == 2


async def test_an_admin_can_neither_change_themselves_nor_give_what_they_lack_a151(
    auth_server: AuthServer,
) -> None:
    await with_bo_in_acme(auth_server)
    ada, page = await signed_in(auth_server, ACME)
    own = await ada.open(f"{ORGANISATION}/member?tenant=org_acme&person=usr_ada")
    assert f"{ORGANISATION}/member" not in own.forms
    bo = await ada.open(f"{ORGANISATION}/member?tenant=org_acme&person=usr_bo")

    # The proof of Bo's form is not valid for Ada's membership.
    themselves = await send(
        ada, bo, f"{ORGANISATION}/member", person="usr_ada", role="owner", decision="change"
    )
    wider = await send(
        ada, bo, f"{ORGANISATION}/member", role="member", data_scope="", decision="change"
    )

    assert themselves.status == 403
    assert (wider.status, "data that you can't see" in wider.text) == (400, True)
    assert (
        await row_of(auth_server, Membership, ("usr_bo", "org_acme"))
    ).data_scope == "team:design"
    assert (await row_of(auth_server, Membership, ("usr_ada", "org_acme"))).role == "admin"
    assert page.status == 200


async def test_an_admin_reads_in_german_why_a_change_was_refused(auth_server: AuthServer) -> None:
    await with_bo_in_acme(auth_server)
    ada, _ = await signed_in(auth_server, ACME)
    ada.http.headers["accept-language"] = "de"
    bo = await ada.open(f"{ORGANISATION}/member?tenant=org_acme&person=usr_bo")
    for role, data, says in (
        ("member", "", "Sie können keinen Zugriff auf Daten geben, die Sie selbst nicht sehen."),
        ("member", "sales", "Die Daten müssen Einträge wie team:sales sein"),
        (" ", "team:design", "Die Rolle muss aus 1 bis 32 druckbaren Zeichen bestehen."),
    ):
        refused = await send(
            ada, bo, f"{ORGANISATION}/member", role=role, data_scope=data, decision="change"
        )
        assert (refused.status, says in refused.text) == (400, True)


@pytest.mark.parametrize("email", ["ada@acme.example", BO, "cy@nowhere.example", None])
@pytest.mark.parametrize("tenant", ["org_globex", "org_nowhere", "", "org_acme' OR 1=1"])
async def test_only_an_admin_changes_a_tenant_a151(
    table_server: AuthServer, email: str | None, tenant: str
) -> None:
    """Ada is an admin of Acme and a member of Globex; Bo a member of Globex; Cy of nothing."""
    person = table_server.person(email or "")
    home = await person.open("/account/organisations")
    proof = "none"
    if email is not None:
        home = await person.sign_in(home)
        acme = await person.open(ACME)
        form = acme.forms.get(f"{ORGANISATION}/rules") or home.forms["/account/sign-out"]
        proof = form.fields["proof"]
    expected = 200 if email is None else 403  # a stranger is redirected to the sign-in page
    for path in (ORGANISATION, f"{ORGANISATION}/member"):
        looked = await person.http.get(path, params={"tenant": tenant, "person": "usr_bo"})
        assert looked.status_code == (303 if email is None else 403)
    for action in ACTIONS:
        for decision in ("change", "remove"):
            fields = {
                "tenant": tenant,
                "person": "usr_bo",
                "grant": "grant_x",
                "proof": proof,
                "role": "admin",
                "data_scope": "",
                "clients": "listed",
                "read_only": "yes",
                "decision": decision,
            }
            answer = await person.send(home, action, list(fields.items()))
            assert answer.status == expected
    globex = await row_of(table_server, Tenant, "org_globex")
    assert (globex.allowed_clients, globex.read_only) == (None, False)
    assert (await row_of(table_server, Membership, ("usr_bo", "org_globex"))).role == "member"


@pytest.mark.both_databases
async def test_an_admin_ends_no_connection_of_another_tenant_a151(auth_server: AuthServer) -> None:
    client = await auth_server.client()
    tokens = await client.connect(auth_server.person(BO), tenant="Globex")
    async with auth_server.opened.database.reading() as db:
        (grant,) = await list_live_grants(db)
    ada_client = await auth_server.client()
    await connect_without_pages(auth_server, ada_client)
    ada, page = await signed_in(auth_server, ACME)

    answer = await send(ada, page, f"{ORGANISATION}/end", grant=grant.grant_id)

    assert answer.status == 200
    assert (await client.refresh(tokens["refresh_token"])).status_code == 200


async def test_an_empty_list_of_apps_allows_none(auth_server: AuthServer) -> None:
    ada, page = await signed_in(auth_server, ACME)
    await send(ada, page, f"{ORGANISATION}/rules", clients="listed", allowed_clients="")
    client = await auth_server.client()

    forbidden = await auth_server.person().reach_consent(client.authorize_url())

    assert forbidden.status == 403
    assert "Acme does not allow Test client" in forbidden.text


async def test_a_search_is_pressed_as_a_browser_does_it(sqlite_server: AuthServer) -> None:
    ada = sqlite_server.person()
    await ada.sign_in(await ada.open("/account/organisations"))
    page = await ada.open("/account/organisation?tenant=org_acme")
    page = await ada.press(page, "Search", fill={"search": "nobody here"})
    assert (page.status, "search=nobody+here" in page.url) == (200, True)
