"""A person, and an admin, read and restrict what agents do, from pages of the SaaS."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from auth_server.maintenance import maintain
from auth_server.manage_api.app import MANAGE_API_PATH
from auth_server.records.admin_tokens.table import AdminToken
from auth_server.records.audit.table import AuditEntry
from auth_server.records.component_tokens.table import ComponentToken
from auth_server.records.grants.store import list_live_grants
from auth_server.records.people.table import Person as StoredPerson
from auth_server.records.second_factors.table import Passkey
from auth_server.records.tenants.table import Membership, Tenant
from gatepost.catalogue import ApiSummary
from support.in_process.admin_api import PROBLEM, admin_api
from support.in_process.api_keys import make_key
from support.in_process.auth_server import CATALOGUE, AuthServer, running_auth_server
from support.in_process.clock import Clock
from support.in_process.component import SCOPES, Component, ask_for_token, component
from support.in_process.devices import approve, begin
from support.in_process.grants import connect_without_pages
from support.in_process.oauth_client import OAuthClient

ADA = "ada@acme.example"
PAGE = "https://app.example.com"
RULES = {
    "required_level": 1,
    "allowed_clients": None,
    "read_only": False,
    "api_keys": None,
    "longest_token_minutes": None,
    "longest_grant_days": None,
    "approval": "none",
}


async def connect(server: AuthServer, client: OAuthClient | None = None) -> dict[str, Any]:
    """Let Ada connect an app in Acme, to a service whose tools are known."""
    await server.opened.catalogues.read(server.settings.resources[0])
    return await connect_without_pages(server, client)


async def only_connection(ada: Component) -> dict[str, Any]:
    """The one connection that the component lists, in full."""
    (listed,) = (await ada.call("GET", "/connections")).json()["items"]
    shown: dict[str, Any] = (await ada.call("GET", f"/connections/{listed['grant_id']}")).json()
    return shown


async def newest_entry(server: AuthServer) -> tuple[AuditEntry, dict[str, Any]]:
    """The newest entry of the audit log, and its detail."""
    async with server.opened.database.reading() as db:
        query = select(AuditEntry).order_by(col(AuditEntry.number).desc()).limit(1)
        entry = (await db.execute(query)).scalar_one()
    return entry, json.loads(entry.detail)


@pytest.mark.both_databases
async def test_a_person_lists_narrows_and_ends_a_connection(
    auth_server: AuthServer, read_token: Any
) -> None:
    client = await auth_server.client()
    tokens = await connect(auth_server, client)
    ada = await component(auth_server)

    shown = await only_connection(ada)
    assert (shown["client_name"], shown["service"]) == ("Test client", "Orbit")
    assert shown["kinds"] == {"read": 2, "change": 1}
    assert [tool["name"] for tool in shown["tools"]] == [
        "create_task",
        "list_projects",
        "list_tasks",
    ]
    assert shown["choices"] == {"team": ["design", "engineering"]}

    path = f"/connections/{shown['grant_id']}"
    kept = {"tools": ["list_tasks"], "data": {"team": ["design"]}}
    narrowed = await ada.call("PATCH", path, json=kept)
    assert narrowed.status_code == 200, narrowed.text
    assert [tool["name"] for tool in narrowed.json()["tools"]] == ["list_tasks"]
    entry, detail = await newest_entry(auth_server)
    assert (entry.event, entry.person_id) == ("grant.changed", "usr_ada")
    assert detail["by"] == "component"
    assert detail["via"].startswith("component, token ")
    tokens = (await client.refresh(tokens["refresh_token"])).json()
    claims = await read_token(auth_server, tokens["access_token"])
    assert (claims["allowed_tools"], claims["data_scope"]) == (["list_tasks"], "team:design")
    assert claims["scope"] == "mcp:read"

    assert (await ada.call("DELETE", path)).status_code == 204
    assert (await ada.call("GET", "/connections")).json() == {"items": [], "next": None}
    assert (await ada.call("DELETE", path)).status_code == 404
    assert (await client.refresh(tokens["refresh_token"])).status_code == 400


@pytest.mark.parametrize(
    ("apis", "named"),
    [
        ((), {"create_task": "", "list_tasks": "", "list_projects": ""}),
        (("tasks",), {"create_task": "", "list_tasks": "", "list_projects": ""}),
        (
            ("tasks", "projects"),
            {"create_task": "tasks", "list_tasks": "tasks", "list_projects": "projects"},
        ),
    ],
)
async def test_the_tools_of_a_connection_name_their_api_if_there_are_several(
    sqlite_server: AuthServer, apis: tuple[str, ...], named: dict[str, str]
) -> None:
    tools = (
        one.model_copy(update={"api": "projects" if "project" in one.name else "tasks"})
        for one in CATALOGUE.tools
    )
    summaries = tuple(ApiSummary(name=name, title=name.title()) for name in apis)
    sqlite_server.catalogue = CATALOGUE.model_copy(
        update={"apis": summaries, "tools": tuple(tools), "hash": "7" * 64}
    )
    await connect(sqlite_server)

    shown = await only_connection(await component(sqlite_server))

    assert {tool["name"]: tool["api"] for tool in shown["tools"]} == named
    of_several = [{"name": name, "title": name.title()} for name in apis] if len(apis) > 1 else []
    assert shown["apis"] == of_several


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"tools": ["list_tasks", "delete_task"]}, "tools"),
        ({"tools": ["list_tasks", "create_task"]}, "tools"),
        ({"tools": ["@read"]}, "tools"),
        ({"tools": []}, "tools"),
        ({"data": {"team": ["design", "engineering"]}}, "data.team"),
        ({"data": {"team": ["sales"]}}, "data.team"),
        ({"data": {"team": []}}, "data.team"),
        ({"data": {"region": ["eu"]}}, "data.region"),
        ({"data": {}}, "data"),
        ({"scope": "mcp:admin"}, "scope"),
    ],
)
async def test_no_change_here_widens_a_connection_a274(
    sqlite_server: AuthServer, change: dict[str, Any], field: str
) -> None:
    await connect(sqlite_server)
    ada = await component(sqlite_server)
    path = f"/connections/{(await only_connection(ada))['grant_id']}"
    kept = {"tools": ["list_tasks", "list_projects"], "data": {"team": ["design"]}}
    assert (await ada.call("PATCH", path, json=kept)).status_code == 200
    before = await only_connection(ada)

    refused = await ada.call("PATCH", path, json=change)

    assert (refused.status_code, refused.headers["content-type"]) == (422, PROBLEM)
    assert [error["field"] for error in refused.json()["errors"]] == [field]
    assert await only_connection(ada) == before


async def test_a_tool_that_needs_more_by_now_is_not_kept_with_more_a274(
    sqlite_server: AuthServer, change_row: Any
) -> None:
    """The scope of a kept tool grew in the catalogue, which the person never saw."""
    await connect(sqlite_server)
    (grant,) = await live_grants(sqlite_server)
    await change_row(sqlite_server, type(grant), grant.grant_id, scope="mcp:read")
    ada = await component(sqlite_server)

    shown = await only_connection(ada)
    path = f"/connections/{grant.grant_id}"
    refused = await ada.call("PATCH", path, json={"tools": ["list_tasks", "create_task"]})
    done = await ada.call("PATCH", path, json={"tools": ["list_tasks"]})

    assert "create_task" not in [tool["name"] for tool in shown["tools"]]
    assert (refused.status_code, done.status_code) == (422, 200)
    (grant,) = await live_grants(sqlite_server)
    assert (grant.scope, grant.tools) == ("mcp:read", ["list_tasks"])


async def live_grants(server: AuthServer) -> Any:
    """The grants that have not ended."""
    async with server.opened.database.reading() as db:
        return await list_live_grants(db)


async def test_a_token_opens_nothing_of_another_person_or_tenant_a270(
    sqlite_server: AuthServer,
) -> None:
    await connect(sqlite_server)
    await make_key(sqlite_server)
    ada = await component(sqlite_server, scopes=SCOPES)
    grant_id = (await only_connection(ada))["grant_id"]
    key_id = (await ada.call("GET", "/keys")).json()[0]["key_id"]
    everything = f"/connections/{grant_id}", f"/keys/{key_id}"
    as_admin = f"/tenant/connections/{grant_id}", f"/tenant/keys/{key_id}"

    strangers = (
        (await component(sqlite_server, person="usr_bo", tenant="org_globex"), everything),
        (await component(sqlite_server, tenant="org_globex"), everything),
        (await admin_of_globex(sqlite_server), (*everything, *as_admin)),
    )
    for stranger, paths in strangers:
        for listing in ("/connections", "/keys"):
            answer = (await stranger.call("GET", listing)).json()
            assert answer in ([], {"items": [], "next": None})
        for path in paths:
            assert (await stranger.call("DELETE", path)).status_code == 404, path
        refused = await stranger.call("PATCH", paths[0], json={"tools": ["list_tasks"]})
        assert refused.status_code == 404
        assert (
            refused.text
            == (await stranger.call("PATCH", "/connections/grant_x", json={"tools": ["x"]})).text
        )

    assert (await only_connection(ada))["kinds"] == {"read": 2, "change": 1}
    assert len((await ada.call("GET", "/keys")).json()) == 1


async def admin_of_globex(server: AuthServer) -> Component:
    """Bo, whom an operator made an admin of Globex."""
    api = await admin_api(server)
    body = {"role": "admin", "data_scope": ""}
    await api.call("PUT", "/tenants/org_globex/members/usr_bo", json=body)
    return await component(server, person="usr_bo", tenant="org_globex", scopes=SCOPES)


async def test_each_operation_requires_the_scope_that_its_description_names_a271(
    table_server: AuthServer,
) -> None:
    document = (await table_server.http.get(f"{MANAGE_API_PATH}/openapi.json")).json()
    seen = set()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            scope = operation["description"].rpartition("Requires `")[2].partition("`")[0]
            if scope.startswith("usage"):
                scope = "usage:read"
            seen.add(scope)
            ada = await component(table_server, scopes=SCOPES - {scope})
            body = {"/tenant/rules": RULES, "/connections/{grant_id}": {}}.get(path)
            answer = await ada.call(method, path, json=None if method == "get" else body)
            assert answer.status_code == 403, (method, path, answer.text)
            assert f'scope="{scope}"' in answer.headers["www-authenticate"]
    assert seen == SCOPES


@pytest.mark.parametrize(
    "ending", ["time", "sign-out", "admin token", "member", "person", "tenant", "forged"]
)
async def test_a_token_that_has_ended_opens_nothing_a272(
    sqlite_server: AuthServer, change_row: Any, ending: str
) -> None:
    api = await admin_api(sqlite_server)
    ada = Component(sqlite_server.http, (await ask_for_token(api)).json()["token"])
    assert (await ada.call("GET", "/connections")).status_code == 200

    now = sqlite_server.clock()
    match ending:
        case "time":
            sqlite_server.clock.advance(minutes=10)
        case "sign-out":
            path = "/tenants/org_acme/component-tokens"
            ended = await api.call("DELETE", path, params={"person_id": "usr_ada"})
            assert ended.status_code == 204
        case "admin token":
            (mine,) = (await api.call("GET", "/tokens")).json()
            await change_row(sqlite_server, AdminToken, mine["token_id"], revoked_at=now)
        case "member":
            await change_row(sqlite_server, Membership, ("usr_ada", "org_acme"))
        case "person":
            await change_row(sqlite_server, StoredPerson, "usr_ada", disabled_at=now)
        case "tenant":
            await change_row(sqlite_server, Tenant, "org_acme", disabled_at=now)
        case _:
            ada = Component(sqlite_server.http, f"{ada.token}x")

    answer = await ada.call("GET", "/connections")
    assert (answer.status_code, answer.headers["content-type"]) == (401, PROBLEM)
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


async def test_guesses_are_limited_and_a_token_that_has_ended_is_none_a272(
    sqlite_url: str, clock: Clock
) -> None:
    async with running_auth_server(sqlite_url, clock, wrong_guesses_per_minute=1) as server:
        ada = await component(server)
        clock.advance(minutes=10)
        ended = [(await ada.call("GET", "/connections")).status_code for _ in range(5)]
        guess = Component(server.http, f"{ada.token}x")
        guessed = [await guess.call("GET", "/connections") for _ in range(2)]

    assert ended == [401] * 5
    assert [answer.status_code for answer in guessed] == [401, 429]
    assert int(guessed[1].headers["retry-after"]) > 0


async def test_tokens_that_are_over_are_deleted(sqlite_server: AuthServer) -> None:
    await component(sqlite_server)
    sqlite_server.clock.advance(hours=2)
    await maintain(sqlite_server.opened)

    async with sqlite_server.opened.database.reading() as db:
        assert (await db.execute(select(ComponentToken))).all() == []


async def test_scripts_of_a_listed_origin_call_and_those_of_others_do_not_a273(
    database_url: str,
) -> None:
    starting = running_auth_server(database_url, Clock(), component_origins=(PAGE,))
    async with starting as server:
        ada = await component(server)

        async def preflight(origin: str) -> Any:
            asked = {
                "Origin": origin,
                "Access-Control-Request-Method": "PATCH",
                "Access-Control-Request-Headers": "authorization,content-type",
            }
            return await server.http.request(
                "OPTIONS", f"{MANAGE_API_PATH}/connections/x", headers=asked
            )

        allowed = await preflight(PAGE)
        assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (204, PAGE)
        assert "PATCH" in allowed.headers["access-control-allow-methods"]
        assert "authorization" in allowed.headers["access-control-allow-headers"]
        read = await ada.call("GET", "/connections", headers={"Origin": PAGE})
        assert (read.status_code, read.headers["access-control-allow-origin"]) == (200, PAGE)
        assert "origin" in read.headers["vary"]
        for origin in (
            "https://app.example.com.evil.example",
            "http://app.example.com",
            "null",
            "",
        ):
            for answer in (
                await preflight(origin),
                await ada.call("GET", "/connections", headers={"Origin": origin}),
            ):
                assert (answer.status_code, answer.headers["content-type"]) == (403, PROBLEM)
                assert "access-control-allow-origin" not in answer.headers
        for answer in (allowed, read):
            assert "access-control-allow-credentials" not in answer.headers
        await maintain(server.opened)
        entry, detail = await newest_entry(server)
        assert (entry.event, detail["path"], detail["times"]) == ("denied", "/manage", 8)
        assert "component_origins" in detail["error"]


async def test_a_browser_without_a_token_changes_nothing_whatever_its_cookies_a275(
    sqlite_server: AuthServer,
) -> None:
    await connect(sqlite_server)
    (grant,) = await live_grants(sqlite_server)
    person = sqlite_server.person()
    await person.sign_in(await person.open("/account/apps"))
    path = f"{MANAGE_API_PATH}/connections/{grant.grant_id}"

    for method in ("GET", "PATCH", "DELETE"):
        answer = await person.http.request(method, path)
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers
    assert len(await live_grants(sqlite_server)) == 1


async def test_only_an_admin_of_the_tenant_gets_and_uses_scopes_of_the_whole_tenant_a276(
    sqlite_server: AuthServer, change_row: Any
) -> None:
    api = await admin_api(sqlite_server)
    member = await ask_for_token(api, person="usr_bo", tenant="org_globex", scopes=SCOPES)
    nobody = await ask_for_token(api, person="usr_bo", tenant="org_acme")
    unknown = await ask_for_token(api, tenant="org_none")
    assert (member.status_code, nobody.status_code, unknown.status_code) == (422, 422, 404)
    assert member.json()["errors"][0]["field"] == "scopes"
    assert nobody.json()["errors"][0]["field"] == "person_id"

    ada = await component(sqlite_server, scopes=SCOPES)
    assert (await ada.call("GET", "/tenant/rules")).json() == RULES
    await change_row(sqlite_server, Membership, ("usr_ada", "org_acme"), role="member")
    for method, path in (
        ("GET", "/tenant/rules"),
        ("GET", "/tenant/connections"),
        ("GET", "/tenant/keys"),
        ("DELETE", "/tenant/keys/key_x"),
        ("DELETE", "/tenant/connections/grant_x"),
        ("DELETE", "/tenant/sub-agents/x"),
    ):
        assert (await ada.call(method, path)).status_code == 403, path
    assert (await ada.call("PUT", "/tenant/rules", json=RULES)).status_code == 403


async def test_a_credential_gives_no_token_that_may_do_more_than_itself_a277(
    sqlite_server: AuthServer,
) -> None:
    api = await admin_api(sqlite_server, ["components:write", "tenants:read"])

    assert (await ask_for_token(api, scopes=["tenant_rules:read"])).status_code == 201
    more = await ask_for_token(api, scopes=["tenant_rules:write"])
    assert more.status_code == 403
    assert 'scope="tenants:write"' in more.headers["www-authenticate"]
    reader = await admin_api(sqlite_server, ["tenants:write", "components:read"])
    assert (await ask_for_token(reader)).status_code == 403


async def test_a_token_opens_no_more_than_the_persons_sign_in_would_a278(
    sqlite_server: AuthServer, change_row: Any
) -> None:
    await connect(sqlite_server)
    weak = await component(sqlite_server, scopes=SCOPES)
    strong = await component(sqlite_server, scopes=SCOPES, level=2)
    path = f"/connections/{(await only_connection(weak))['grant_id']}"
    stricter = {**RULES, "required_level": 2}

    too_strict = await weak.call("PUT", "/tenant/rules", json=stricter)
    assert too_strict.status_code == 422
    assert (await strong.call("PUT", "/tenant/rules", json=stricter)).status_code == 200
    for page in ("/tenant/rules", "/usage"):
        assert (await weak.call("GET", page)).status_code == 403
        assert (await strong.call("GET", page)).status_code == 200

    own_provider = sqlite_server.clock() - timedelta(days=1)
    await change_row(sqlite_server, Tenant, "org_acme", provider_only_since=own_provider)
    refused = await strong.call("PATCH", path, json={"tools": ["list_tasks"]})
    assert (refused.status_code, "identity provider" in refused.json()["detail"]) == (403, True)
    assert (await strong.call("GET", "/tenant/rules")).status_code == 403
    assert (await weak.call("DELETE", path)).status_code == 204


async def test_whoever_has_a_second_factor_here_sees_keys_only_after_using_one_a278(
    sqlite_server: AuthServer,
) -> None:
    await make_key(sqlite_server)
    weak, strong = await component(sqlite_server), await component(sqlite_server, level=2)
    (key,) = (await weak.call("GET", "/keys")).json()
    async with sqlite_server.opened.transaction() as db:
        db.add(
            Passkey(
                credential_id="x",
                person_id="usr_ada",
                public_key=b"x",
                name="Laptop",
                created_at=sqlite_server.clock(),
            )
        )

    for method, path in (("GET", "/keys"), ("DELETE", f"/keys/{key['key_id']}"), ("GET", "/usage")):
        assert (await weak.call(method, path)).status_code == 403, path
    assert (await strong.call("DELETE", f"/keys/{key['key_id']}")).status_code == 204


@pytest.mark.both_databases
async def test_a_repeated_request_gives_the_same_token_and_another_one_is_refused_a279(
    auth_server: AuthServer,
) -> None:
    api, key = await admin_api(auth_server), {"Idempotency-Key": "page-view-1"}

    first = await ask_for_token(api, headers=key)
    again = await ask_for_token(api, headers=key)
    assert first.json() == again.json()
    assert first.json()["token"] != (await ask_for_token(api)).json()["token"]
    for other in (
        await ask_for_token(api, headers=key, tenant="org_globex"),
        await ask_for_token(api, headers=key, scopes=["keys:read"]),
        await ask_for_token(api, headers=key, level=2),
    ):
        assert other.status_code == 422
        assert other.json()["errors"][0]["field"] == "Idempotency-Key"
        assert first.json()["token"] not in other.text
    elsewhere = await ask_for_token(await admin_api(auth_server), headers=key)
    assert elsewhere.json()["token"] != first.json()["token"]

    auth_server.clock.advance(minutes=10)
    assert first.json()["token"] not in (await ask_for_token(api, headers=key)).text


async def test_an_idempotency_key_makes_no_ended_token_valid_again_a300(
    sqlite_server: AuthServer,
) -> None:
    """Also after maintenance has deleted the token."""
    api, key = await admin_api(sqlite_server), {"Idempotency-Key": "settings of usr_ada"}
    stolen = Component(sqlite_server.http, (await ask_for_token(api, headers=key)).json()["token"])
    path = "/tenants/org_acme/component-tokens"
    await api.call("DELETE", path, params={"person_id": "usr_ada"})
    sqlite_server.clock.advance(hours=2)
    await maintain(sqlite_server.opened)

    again = await ask_for_token(api, headers=key)

    assert again.status_code == 201
    assert (await stolen.call("GET", "/connections")).status_code == 401


async def test_nobody_vouches_for_a_program_that_only_a_code_of_a_device_connected_a301(
    sqlite_server: AuthServer,
) -> None:
    """Anyone can begin with the id of an app that the operator trusts."""
    await approve(sqlite_server.person(), (await begin(sqlite_server)).user_code)

    shown = await only_connection(await component(sqlite_server))

    assert (shown["client_name"], shown["vouched_for"]) == ("Build Bot", "")


async def test_the_audit_log_names_the_admin_who_ended_what_a_member_connected_a302(
    sqlite_server: AuthServer,
) -> None:
    """On the pages and in the component."""
    api = await admin_api(sqlite_server)
    body = {"role": "admin", "data_scope": ""}
    await api.call("PUT", "/tenants/org_acme/members/usr_bo", json=body)
    bo = await component(sqlite_server, person="usr_bo", scopes=SCOPES)
    await connect(sqlite_server)
    (shown,) = (await bo.call("GET", "/tenant/connections")).json()["items"]
    await bo.call("DELETE", f"/tenant/connections/{shown['grant_id']}")
    await connect(sqlite_server)
    person = sqlite_server.person("bo@globex.example")
    await person.sign_in(await person.open("/account/organisations"))
    page = await person.open("/account/organisation?tenant=org_acme")
    await person.press(page, "Disconnect")

    trail = await person.http.get(
        "/account/organisation/audit/export?tenant=org_acme&format=ndjson&event=grant.revoked"
    )

    ended = [json.loads(line) for line in trail.text.splitlines()]
    assert [one["person"] for one in ended] == [ADA, ADA]
    assert [one["by"] for one in ended] == ["bo@globex.example"] * 2


async def test_an_admin_ends_what_members_connected_and_sets_the_rules(
    sqlite_server: AuthServer,
) -> None:
    await connect(sqlite_server)
    await make_key(sqlite_server)
    ada = await component(sqlite_server, scopes=SCOPES)

    (shown,) = (await ada.call("GET", "/tenant/connections")).json()["items"]
    (key,) = (await ada.call("GET", "/tenant/keys")).json()
    assert (shown["person_name"], key["person_name"]) == (ADA, ADA)
    rules = {**RULES, "read_only": True}
    assert (await ada.call("PUT", "/tenant/rules", json=rules)).json() == rules
    entry, detail = await newest_entry(sqlite_server)
    assert (entry.event, entry.person_id) == ("policy.changed", "usr_ada")
    assert detail["via"].startswith("component, token ")
    assert (await only_connection(ada))["kinds"] == {"read": 2}
    for path in (f"/tenant/connections/{shown['grant_id']}", f"/tenant/keys/{key['key_id']}"):
        assert (await ada.call("DELETE", path)).status_code == 204
        assert (await ada.call("DELETE", path)).status_code == 404
    assert (await ada.call("GET", "/usage")).json()["tenant_id"] == "org_acme"


async def test_pages_of_other_sites_may_load_the_component_and_no_other_file(
    table_server: AuthServer,
) -> None:
    component_file = await table_server.http.get("/static/gatepost-connections.js")

    assert component_file.status_code == 200
    assert component_file.headers["content-type"].startswith("text/javascript")
    assert component_file.headers["access-control-allow-origin"] == "*"
    assert "immutable" not in component_file.headers["cache-control"]
    other_file = await table_server.http.get(
        f"/static/{table_server.opened.pages.static.name('picker.js')}"
    )
    assert "access-control-allow-origin" not in other_file.headers
