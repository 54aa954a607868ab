"""Operators see and end what reaches a tenant's data, and set its rules."""

from typing import Any

import pytest

from support.in_process.admin_api import AdminApi, admin_api
from support.in_process.auth_server import AuthServer
from support.in_process.grants import connect_without_pages
from support.in_process.person import Page, Person

ACME = "/tenants/org_acme"
PAGE = "/console/tenant/connections?tenant=org_acme"
RULES = "/console/tenant/rules?tenant=org_acme"


async def sign_in(server: AuthServer, path: str) -> tuple[Person, Page]:
    op = server.person("op@orbit.example")
    return op, await op.sign_in(await op.open(path))


async def newest(api: AdminApi, event: str) -> dict[str, Any]:
    """The newest entry of one event in the audit log."""
    query = {"limit": 1, "event": event}
    entry: dict[str, Any] = (await api.call("GET", "/audit", params=query)).json()["items"][0]
    return entry


async def test_an_operator_ends_one_connection_of_a_tenant(sqlite_server: AuthServer) -> None:
    client = await sqlite_server.client(client_name="Report helper")
    tokens = await connect_without_pages(sqlite_server, client)
    api = await admin_api(sqlite_server)
    [shown] = (await api.call("GET", f"{ACME}/connections")).json()["items"]
    assert (shown["client_name"], shown["person_id"]) == ("Report helper", "usr_ada")

    op, page = await sign_in(sqlite_server, PAGE)
    assert "Report helper" in page.text
    page = await op.press(page, "Disconnect")

    assert "The access has ended." in page.text
    assert "Report helper" not in page.text
    assert (await client.refresh(tokens["refresh_token"])).status_code == 400
    assert (await newest(api, "grant.revoked"))["detail"]["operator"] == "usr_op"


async def test_a_service_client_is_added_with_a_secret_that_is_shown_once_and_ended(
    sqlite_server: AuthServer,
) -> None:
    api = await admin_api(sqlite_server)
    op, page = await sign_in(sqlite_server, PAGE)
    given = {
        "client": "nightly",
        "name": "Nightly report",
        "scope": "mcp:read",
        "tools": "list_projects",
        "resource": sqlite_server.settings.resources[0].resource,
    }
    page = await op.press(page, "Add service client", fill=given)

    secret = page.html.split('<pre id="secret"><code>')[1].split("<")[0]
    again = await op.open(PAGE)
    assert "Nightly report" in again.text
    assert secret not in again.html
    resource = (await api.call("GET", f"{ACME}/service-clients")).json()[0]["resource"]
    asked = {"grant_type": "client_credentials", "resource": resource}
    token = await sqlite_server.http.post("/token", data=asked, auth=("nightly", secret))
    assert token.status_code == 200, token.text
    assert (await newest(api, "client.registered"))["detail"]["operator"] == "usr_op"

    await op.press(again, "End")
    token = await sqlite_server.http.post("/token", data=asked, auth=("nightly", secret))
    assert token.status_code == 400
    assert (await api.call("GET", f"{ACME}/service-clients")).json() == []
    assert (await newest(api, "client.changed"))["detail"]["operator"] == "usr_op"


@pytest.mark.parametrize("blocked", [False, True])
async def test_adding_a_service_client_never_takes_over_one_that_exists(
    sqlite_server: AuthServer, blocked: bool
) -> None:
    api = await admin_api(sqlite_server)
    resource = sqlite_server.settings.resources[0].resource
    new = {
        "client_id": "nightly",
        "name": "Nightly",
        "resource": resource,
        "scope": "mcp:read",
        "tools": ["list_projects"],
    }
    made = await api.call("POST", f"{ACME}/service-clients", json=new)
    assert made.status_code == 201
    secret = made.json()["client_secret"]
    if blocked:
        query, change = {"client_id": "nightly"}, {"blocked": True}
        done = await api.call("PATCH", "/client", params=query, json=change)
        assert done.status_code == 200

    taken = await api.call("POST", "/tenants/org_globex/service-clients", json=new)

    assert (taken.status_code, taken.json()["errors"][0]["field"]) == (422, "client_id")
    assert (await api.call("GET", "/tenants/org_globex/service-clients")).json() == []
    assert len(secret) > 30


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"resource": "https://other.example/mcp"}, "must be one of"),
        ({"tools": []}, "tools"),
        ({"scope": "a\nb"}, "scope"),
        ({"client_id": "a b"}, "client_id"),
        ({"client_id": "usr_ada"}, "is the id of a person"),
        ({"data_scope": "a b"}, "data_scope"),
    ],
)
async def test_a_service_client_with_a_wrong_value_is_refused_by_its_name(
    sqlite_server: AuthServer, changed: dict[str, Any], said: str
) -> None:
    api = await admin_api(sqlite_server)
    new = {
        "client_id": "nightly",
        "name": "Nightly",
        "resource": sqlite_server.settings.resources[0].resource,
        "scope": "mcp:read",
        "tools": ["list_projects"],
    }
    refused = await api.call("POST", f"{ACME}/service-clients", json={**new, **changed})
    assert refused.status_code == 422
    assert said in refused.text


async def test_what_one_tenant_has_is_not_ended_under_another_tenants_name(
    sqlite_server: AuthServer,
) -> None:
    client = await sqlite_server.client()
    tokens = await connect_without_pages(sqlite_server, client)
    api = await admin_api(sqlite_server)
    [shown] = (await api.call("GET", f"{ACME}/connections")).json()["items"]
    for path in (
        f"connections/{shown['grant_id']}",
        "api-keys/key_none",
        "service-clients?client_id=x",
    ):
        ended = await api.call("DELETE", f"/tenants/org_globex/{path}")
        assert ended.status_code == 404
    assert (await client.refresh(tokens["refresh_token"])).status_code == 200


async def test_an_operator_sets_a_tenants_rules(sqlite_server: AuthServer) -> None:
    api = await admin_api(sqlite_server)
    op, page = await sign_in(sqlite_server, RULES)
    rules = {"clients": "listed", "allowed_clients": "claude.ai", "read_only": "yes"}
    limits = {"longest_grant_days": "30", "longest_token_minutes": "5"}
    page = await op.press(page, "Save rules", fill={**rules, **limits})

    assert "Saved." in page.text
    found = (await api.call("GET", f"{ACME}/rules")).json()
    assert found["allowed_clients"] == ["claude.ai"]
    assert (found["read_only"], found["longest_grant_days"]) == (True, 30)
    assert found["longest_token_minutes"] == 5
    assert (await newest(api, "policy.changed"))["detail"]["operator"] == "usr_op"


async def test_a_rule_that_is_not_possible_changes_nothing_and_keeps_the_form(
    sqlite_server: AuthServer,
) -> None:
    api = await admin_api(sqlite_server)
    before = (await api.call("GET", f"{ACME}/rules")).json()
    op, page = await sign_in(sqlite_server, RULES)
    wrong = {"clients": "listed", "allowed_clients": "claude.ai", "longest_grant_days": "soon"}
    page = await op.press(page, "Save rules", fill=wrong)
    assert page.status == 400
    assert "longest_grant_days: " in page.text
    assert "claude.ai" in page.text
    assert 'value="soon"' in page.html
    assert (await api.call("GET", f"{ACME}/rules")).json() == before


async def test_rules_are_not_weakened_by_leaving_them_out(sqlite_server: AuthServer) -> None:
    api = await admin_api(sqlite_server)
    refused = await api.call("PUT", f"{ACME}/rules", json={"read_only": True})
    assert refused.status_code == 422
    assert "allowed_clients" in refused.text
