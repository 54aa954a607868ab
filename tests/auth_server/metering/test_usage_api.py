"""GET /api/usage: the operator's own settings page asks for a tenant's usage."""

from base64 import b64encode

import httpx2
import pytest

from auth_server.gateway_api.write_calls import write_calls
from auth_server.metering.endpoint import USAGE_REPORT_PATH
from auth_server.records.billing_accounts.store import add_account
from support.in_process.auth_server import ISSUER, AuthServer
from support.in_process.call_events import call_event
from support.in_process.component import component
from support.in_process.operator import add

SECRET = "a-secret-of-at-least-32-characters"


def client(client_id: str, *, introspects: bool) -> dict[str, object]:
    """A confidential client in the words of a seed file."""
    return {
        "client_id": client_id,
        "name": client_id,
        "token_endpoint_auth_method": "client_secret_basic",
        "secret": SECRET,
        "introspects": introspects,
        "redirect_uris": ["https://app.example/callback"],
    }


async def ask(
    server: AuthServer, client_id: str, secret: str = SECRET, **query: str
) -> httpx2.Response:
    """Ask as a program does."""
    basic = b64encode(f"{client_id}:{secret}".encode()).decode()
    return await server.http.get(
        USAGE_REPORT_PATH, params=query, headers={"authorization": f"Basic {basic}"}
    )


@pytest.fixture
async def server(sqlite_server: AuthServer) -> AuthServer:
    """A server that knows the operator's backend, and another confidential client."""
    await add(
        sqlite_server,
        clients=[client("backend", introspects=True), client("partner", introspects=False)],
    )
    return sqlite_server


async def test_the_operators_backend_reads_a_tenants_usage(server: AuthServer) -> None:
    async with server.opened.transaction() as db:
        event = call_event(server.clock(), cost=7)
        await write_calls(db, [event], now=server.clock())

    answer = await ask(server, "backend", tenant="org_acme")

    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    report = answer.json()
    assert (report["plan"]["name"], report["units"], report["subscription"]) == ("pro", 7, None)
    assert [(q["kind"], q["limit"], q["used"]) for q in report["quotas"]] == [
        ("day", 10_000, 7),
        ("month", None, 7),
    ]
    assert report["tools"] == [
        {
            "key": "list_tasks",
            "name": "list_tasks",
            "calls": 1,
            "refused": 0,
            "units": 7,
            "amount": "0.00",
        }
    ]
    assert report["more_tools"] is None
    assert (report["api"], report["apis"], report["more_apis"]) == ("", [], None)
    assert report["invoice"] == {
        "currency": "usd",
        "monthly": "49.00",
        "usage": "0.00",
        "total": "49.00",
    }
    assert report["people"][0]["name"] == "Ada Marsh"
    assert report["plan_url"] == f"{ISSUER}/account/plan?tenant=org_acme"


async def test_the_backend_reads_what_one_of_several_apis_was_used_for(server: AuthServer) -> None:
    calls = [
        call_event(server.clock(), tool=f"{api}_list", api=api, cost=cost)
        for api, cost in (("orbit", 2), ("billing", 5))
    ]
    async with server.opened.transaction() as db:
        await write_calls(db, calls, now=server.clock())

    one = (await ask(server, "backend", tenant="org_acme", api="billing")).json()
    ada = await component(server, scopes=["usage:read"])
    seen = (await ada.call("GET", "/usage", params={"api": "orbit"})).json()

    assert [(row["key"], row["units"]) for row in one["apis"]] == [("billing", 5), ("orbit", 2)]
    assert (one["api"], one["units"]) == ("billing", 7)
    assert [(row["key"], row["units"]) for row in one["tools"]] == [("billing_list", 5)]
    assert [(row["key"], row["units"]) for row in seen["tools"]] == [("orbit_list", 2)]


async def test_a_tenant_that_only_looked_at_checkout_has_no_subscription(
    server: AuthServer,
) -> None:
    async with server.opened.transaction() as db:
        await add_account(db, "org_acme", "cus_acme", now=server.clock())

    assert (await ask(server, "backend", tenant="org_acme")).json()["subscription"] is None


async def test_nobody_else_reads_it(server: AuthServer) -> None:
    stranger = await server.http.get(USAGE_REPORT_PATH, params={"tenant": "org_acme"})
    wrong = await ask(server, "backend", "not-the-secret", tenant="org_acme")
    partner = await ask(server, "partner", tenant="org_acme")

    assert (stranger.status_code, wrong.status_code, partner.status_code) == (401, 401, 400)
    assert partner.json()["error"] == "unauthorized_client"
    assert all("units" not in answer.text for answer in (stranger, wrong, partner))


@pytest.mark.parametrize("query", [{}, {"tenant": ""}, {"tenant": "org_nowhere"}])
async def test_a_query_without_a_tenant_is_refused(
    server: AuthServer, query: dict[str, str]
) -> None:
    answer = await ask(server, "backend", **query)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
