"""Operators find the event of Stripe that failed, and have it processed again."""

from collections.abc import AsyncIterator

import pytest

from auth_server.administration.scopes import READS
from auth_server.records.external_events.store import list_events
from auth_server.records.operators.store import put_operator
from auth_server.records.operators.table import Operator
from auth_server.records.plans.terms import FREE, PRO
from support.in_process.admin_api import admin_api
from support.in_process.auth_server import AuthServer
from support.in_process.clock import Clock
from support.in_process.person import Page, Person
from support.in_process.stripe import Shop, running_shop

PAGE = "/console/stripe-events"


@pytest.fixture
async def shop(database_url: str, clock: Clock) -> AsyncIterator[Shop]:
    async with running_shop(database_url, clock) as made:
        await made.offer(FREE, PRO)
        await made.sync()
        yield made


async def at_events(server: AuthServer, email: str = "op@orbit.example") -> tuple[Person, Page]:
    person = server.person(email)
    return person, await person.sign_in(await person.open(PAGE))


async def buy_while_stripe_fails(shop: Shop) -> str:
    """Have Globex buy Pro while Stripe refuses to be read; return an event that failed."""
    await shop.pay(await shop.go_to_checkout())
    shop.stripe.faults.calls += [("refused", "/v1/")] * 200
    await shop.deliver()
    shop.stripe.faults.calls.clear()
    async with shop.billing.database.reading() as db:
        rows = await list_events(db, most=50)
    assert await shop.plan() == "free"
    return next(row.event_id for row in rows if row.kind == "customer.subscription.created")


@pytest.mark.both_databases
async def test_an_event_that_failed_is_processed_again_by_an_operator(shop: Shop) -> None:
    failed = await buy_while_stripe_fails(shop)
    op, page = await at_events(shop.server)
    assert "failed" in page.text
    [link] = [link for link in page.links if failed in link]
    page = await op.open(link)
    assert "Stripe does not answer." in page.text

    page = await op.press(page, "Process again")

    assert "The event was processed again." in page.text
    assert "Globex" in page.text
    assert await shop.plan() == "pro"
    api = await admin_api(shop.server)
    query = {"event": "billing.event_processed"}
    [entry] = (await api.call("GET", "/audit", params=query)).json()["items"]
    assert (entry["tenant_id"], entry["detail"]["operator"]) == ("org_globex", "usr_op")
    left = (await api.call("GET", "/billing/events", params={"shown": "unprocessed"})).json()
    assert failed not in [one["event_id"] for one in left["items"]]


@pytest.mark.both_databases
async def test_a_program_turns_the_pages_of_events_and_processes_one(shop: Shop) -> None:
    await shop.buy()
    api = await admin_api(shop.server, ["billing:read", "billing:write"])
    seen: list[str] = []
    after = ""
    while True:
        query = {"limit": 2, "after": after}
        part = (await api.call("GET", "/billing/events", params=query)).json()
        seen += [one["event_id"] for one in part["items"]]
        if part["next"] is None:
            break
        after = part["next"]
    assert len(seen) == len(set(seen)) > 2

    before = (await api.call("GET", f"/billing/events/{seen[0]}")).json()
    done = (await api.call("POST", f"/billing/events/{seen[0]}/process")).json()
    assert (done["state"], done["attempts"]) == ("processed", before["attempts"] + 1)
    assert (await api.call("POST", "/billing/events/evt_none/process")).status_code == 404


async def test_a_viewer_sees_events_and_processes_none(sqlite_url: str, clock: Clock) -> None:
    async with running_shop(sqlite_url, clock) as shop:
        await shop.offer(FREE, PRO)
        await shop.sync()
        await shop.buy()
        op, page = await at_events(shop.server)
        link = next(link for link in page.links if "/console/stripe-event?" in link)
        page = await op.open(link)
        async with shop.server.opened.transaction() as db:
            viewer = Operator(person_id="usr_op", role="viewer", created_at=clock())
            await put_operator(db, viewer)

        seen = await op.open(link)
        assert "processed" in seen.text
        assert "/console/stripe-event" not in seen.forms
        assert (await op.press(page, "Process again")).status == 403
        reader = await admin_api(shop.server, READS)
        event_id = link.partition("event=")[2]
        refused = await reader.call("POST", f"/billing/events/{event_id}/process")
        assert refused.status_code == 403


async def test_a_server_without_billing_says_so(sqlite_server: AuthServer) -> None:
    _, page = await at_events(sqlite_server)
    assert "The settings name no Stripe account." in page.text
    ada, page = await at_events(sqlite_server, "ada@acme.example")
    assert page.status == 403
    assert (await ada.http.get("/console/stripe-event?event=x")).status_code == 403
