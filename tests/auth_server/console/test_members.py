"""Operators help a tenant: they look after its members, and answer who asks for an app."""

from datetime import timedelta

import pytest

from auth_server.records.tenants.policy import TenantPolicy
from auth_server.tenancy.change_policy import change_policy
from support.in_process.admin_api import AdminApi, admin_api
from support.in_process.auth_server import AuthServer
from support.in_process.person import BO, Page, Person

GLOBEX = "/console/tenant/members?tenant=org_globex"
MEMBERS = "/tenants/org_globex/members"
REQUESTS = "/tenants/org_globex/app-requests"


async def at_globex(server: AuthServer) -> tuple[Person, Page]:
    op = server.person("op@orbit.example")
    return op, await op.sign_in(await op.open(GLOBEX))


async def ask(server: AuthServer, name: str) -> None:
    """Let Bo ask for an app that Globex does not allow."""
    client, bo = await server.client(client_name=name), server.person(BO[0])
    page = await bo.reach_consent(client.authorize_url(), tenant="Globex")
    await bo.press(page, "Ask your admin", fill={"note": "for the report"})


async def allow_nothing(server: AuthServer) -> None:
    async with server.opened.transaction() as db:
        await change_policy(
            db,
            "org_globex",
            TenantPolicy(allowed_clients=()),
            by=None,
            lifetime=timedelta(minutes=5),
            now=server.clock(),
        )


async def newest(api: AdminApi) -> tuple[str, str]:
    """The newest entry of the audit log: what happened, and which operator did it."""
    entry = (await api.call("GET", "/audit", params={"limit": 1})).json()["items"][0]
    return entry["event"], entry["detail"]["operator"]


async def test_an_operator_adds_changes_and_removes_a_member(sqlite_server: AuthServer) -> None:
    api = await admin_api(sqlite_server)
    op, page = await at_globex(sqlite_server)
    assert "Bo Lind" in page.text
    assert "Cy" not in page.text

    cy = {"email": "cy@nowhere.example", "role": "member", "data": "team:design"}
    page = await op.press(page, "Save", fill=cy)
    assert "Saved." in page.text
    assert "team:design" in page.text
    assert await newest(api) == ("membership.created", "usr_op")
    page = await op.press(page, "Save", fill={**cy, "role": "admin", "data": ""})
    found = (await api.call("GET", MEMBERS, params={"search": "cy@nowhere"})).json()["items"]
    assert [(one["role"], one["data_scope"]) for one in found] == [("admin", "")]

    only = await op.open(f"{GLOBEX}&search=cy%40nowhere")
    page = await op.press(only, "Remove")
    assert "cy@nowhere.example" not in page.text
    assert await newest(api) == ("membership.removed", "usr_op")


async def test_a_member_that_can_not_be_stored_is_refused_with_the_reason(
    sqlite_server: AuthServer,
) -> None:
    op, page = await at_globex(sqlite_server)
    for fill, reason in (
        ({"email": "x@y.example"}, "email: no account has this address"),
        ({"email": BO[0], "role": "x" * 33}, "The role must be 1 to 32"),
        ({"email": BO[0], "data": "a b"}, "data_scope: "),
    ):
        refused = await op.press(page, "Save", fill={"role": "member", **fill})
        assert refused.status == 400
        assert reason in refused.text
    api = await admin_api(sqlite_server)
    assert (await api.call("DELETE", f"{MEMBERS}/usr_nobody")).status_code == 404
    assert (await api.call("GET", "/tenants/org_none/members")).status_code == 404
    wrong = await api.call("PUT", f"{MEMBERS}/usr_bo", json={"data_scope": "a b"})
    assert [one["field"] for one in wrong.json()["errors"]] == ["data_scope"]


async def test_a_program_turns_the_pages_of_members(sqlite_server: AuthServer) -> None:
    api = await admin_api(sqlite_server)
    for person in ("usr_ada", "usr_cy"):
        put = await api.call("PUT", f"{MEMBERS}/{person}", json={"role": "member"})
        assert put.status_code == 204
    seen, after = [], ""
    while True:
        page = (await api.call("GET", MEMBERS, params={"limit": 1, "after": after})).json()
        seen += [one["person_id"] for one in page["items"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert seen == ["usr_ada", "usr_bo", "usr_cy"]


@pytest.mark.parametrize("approved", [True, False])
async def test_an_operator_answers_a_member_who_asks_for_an_app(
    sqlite_server: AuthServer, approved: bool
) -> None:
    await allow_nothing(sqlite_server)
    await ask(sqlite_server, "Report helper")
    api = await admin_api(sqlite_server)
    [request] = (await api.call("GET", REQUESTS)).json()
    assert (request["client_name"], request["note"]) == ("Report helper", "for the report")

    op, page = await at_globex(sqlite_server)
    page = await op.press(page, "Approve" if approved else "Decline")
    assert "Report helper" not in page.text
    allowed = (await api.call("GET", "/tenants/org_globex")).json()["allowed_clients"]
    assert (request["entry"] in allowed) is approved
    event = "app_request.approved" if approved else "app_request.declined"
    assert await newest(api) == (event, "usr_op")


async def test_a_program_answers_a_request_once(sqlite_server: AuthServer) -> None:
    await allow_nothing(sqlite_server)
    await ask(sqlite_server, "Report helper")
    api = await admin_api(sqlite_server)
    [request] = (await api.call("GET", REQUESTS)).json()
    where = f"{REQUESTS}/{request['request_id']}"
    other = f"/tenants/org_acme/app-requests/{request['request_id']}/approve"
    assert (await api.call("POST", other)).status_code == 404
    assert (await api.call("POST", f"{where}/approve")).status_code == 204
    assert (await api.call("POST", f"{where}/decline")).status_code == 404
    assert (await api.call("GET", REQUESTS)).json() == []
