"""Operators see the plans and who has them, and give a tenant another one."""

import json
from collections.abc import AsyncIterator

import pytest

from auth_server.administration.scopes import READS
from auth_server.gateway_api.write_calls import write_calls
from auth_server.records.operators.store import put_operator
from auth_server.records.operators.table import Operator
from auth_server.records.plan_requests.store import put_request
from auth_server.records.plans.terms import ENTERPRISE, FREE, PRO
from gatepost.metering.plans import month_of
from support.in_process.admin_api import admin_api
from support.in_process.auth_server import AuthServer
from support.in_process.call_events import call_event
from support.in_process.clock import Clock
from support.in_process.person import Page, Person
from support.in_process.stripe import Shop, running_shop


@pytest.fixture
async def shop(database_url: str, clock: Clock) -> AsyncIterator[Shop]:
    async with running_shop(database_url, clock) as made:
        await made.offer(FREE, PRO, ENTERPRISE)
        yield made


async def at_plans(
    server: AuthServer, path: str = "/console/plans", email: str = "op@orbit.example"
) -> tuple[Person, Page]:
    person = server.person(email)
    return person, await person.sign_in(await person.open(path))


@pytest.mark.both_databases
async def test_a_tenant_that_asked_for_more_is_moved_to_a_larger_plan(
    auth_server: AuthServer,
) -> None:
    async with auth_server.opened.transaction() as db:
        await put_request(db, "org_globex", "usr_bo", now=auth_server.clock())
    api = await admin_api(auth_server)
    [asked] = (await api.call("GET", "/plans/requests")).json()["items"]
    assert (asked["tenant_name"], asked["person_name"]) == ("Globex", "Bo Lind")
    op, page = await at_plans(auth_server)
    assert "Bo Lind" in page.text

    page = await op.open("/console/plan?plan=enterprise")
    assert "No organisation has this plan." in page.text
    page = await op.press(page, "Move", fill={"tenant": "org_globex"})

    assert "Saved." in page.text
    assert "Globex" in page.text
    plans = {one["name"]: one["tenants"] for one in (await api.call("GET", "/plans")).json()}
    assert plans["enterprise"] == 1
    found = (await api.call("GET", "/plans/enterprise/tenants")).json()["items"]
    assert [one["tenant_id"] for one in found] == ["org_globex"]
    [entry] = (
        await api.call("GET", "/audit", params={"event": "tenant.changed", "tenant": "org_globex"})
    ).json()["items"]
    assert entry["detail"]["operator"] == "usr_op"
    assert entry["detail"]["rate_limit_tier"] == "enterprise"


@pytest.mark.both_databases
async def test_a_tenant_that_pays_for_its_plan_is_not_moved_by_hand(shop: Shop) -> None:
    """The next event of Stripe would take the change back."""
    await shop.sync()
    await shop.buy()
    op, page = await at_plans(shop.server, "/console/plan?plan=enterprise")
    page = await op.press(page, "Move", fill={"tenant": "org_globex"})
    assert page.status == 400
    assert "the subscription at Stripe gives this tenant the plan pro" in page.text
    assert await shop.plan() == "pro"
    page = await op.press(page, "Move", fill={"tenant": "org_acme"})
    assert "Saved." in page.text

    await shop.click_in_portal("cancel")
    await shop.pass_days(await shop.days_left())
    assert await shop.plan() == "free"
    op, page = await at_plans(shop.server, "/console/plan?plan=enterprise")
    page = await op.press(page, "Move", fill={"tenant": "org_globex"})
    assert "Saved." in page.text


@pytest.mark.both_databases
async def test_an_operator_sees_what_stripe_lacks_before_it_is_made(shop: Shop) -> None:
    op, page = await at_plans(shop.server)
    page = await op.open("/console/plans/prices")
    assert "create the product gatepost_pro" in page.text
    assert not list(shop.stripe.every("product"))

    page = await op.press(page, "Make these changes")

    assert "Stripe has everything that the plans need." in page.text
    assert [one["id"] for one in shop.stripe.every("product")] == ["gatepost_pro"]
    api = await admin_api(shop.server)
    assert (await api.call("GET", "/billing/prices")).json() == []
    [entry] = (await api.call("GET", "/audit", params={"event": "billing.synced"})).json()["items"]
    assert entry["detail"]["operator"] == "usr_op"


async def test_only_the_prices_that_the_operator_saw_are_made(shop: Shop) -> None:
    """Somebody else raised a price after the page was shown."""
    op, _ = await at_plans(shop.server)
    page = await op.open("/console/plans/prices")
    assert PRO.price is not None
    raised = PRO.price.model_copy(update={"monthly": PRO.price.monthly * 100})
    await shop.offer(FREE, PRO.model_copy(update={"price": raised}), ENTERPRISE)

    again = await op.press(page, "Make these changes")

    assert (again.status, "look at them again" in again.text) == (400, True)
    assert raised.in_words() in again.text
    assert not list(shop.stripe.every("product"))
    assert "everything that the plans need" in (await op.press(again, "Make these changes")).text


async def test_a_viewer_sees_plans_and_prices_and_changes_neither(
    sqlite_url: str, clock: Clock
) -> None:
    async with running_shop(sqlite_url, clock) as shop:
        await shop.offer(FREE, PRO, ENTERPRISE)
        op, plan = await at_plans(shop.server, "/console/plan?plan=enterprise")
        prices = await op.open("/console/plans/prices")
        async with shop.server.opened.transaction() as db:
            viewer = Operator(person_id="usr_op", role="viewer", created_at=clock())
            await put_operator(db, viewer)

        for path in ("/console/plans", "/console/plan?plan=pro", "/console/plans/prices"):
            seen = await op.open(path)
            assert seen.status == 200
            assert not [action for action in seen.forms if "plan" in action]
        assert (await op.press(plan, "Move", fill={"tenant": "org_acme"})).status == 403
        assert (await op.press(prices, "Make these changes")).status == 403
        assert not list(shop.stripe.every("product"))
        reader = await admin_api(shop.server, READS)
        move = {"tenant_id": "org_acme"}
        answer = await reader.call("POST", "/plans/enterprise/tenants", json=move)
        assert answer.status_code == 403


async def test_a_wrong_plan_or_tenant_is_named(sqlite_server: AuthServer) -> None:
    api = await admin_api(sqlite_server)
    gold = await api.call("POST", "/plans/gold/tenants", json={"tenant_id": "org_acme"})
    assert gold.status_code == 422
    assert gold.json()["errors"][0]["field"] == "plan"
    nobody = await api.call("POST", "/plans/pro/tenants", json={"tenant_id": "org_none"})
    assert nobody.status_code == 404
    op, page = await at_plans(sqlite_server, "/console/plan?plan=pro")
    page = await op.press(page, "Move", fill={"tenant": "org_none"})
    assert "the tenant org_none does not exist" in page.text
    prices = await op.open("/console/plans/prices")
    assert "the settings name no Stripe account" in prices.text
    assert (await op.open("/console/plan?plan=gold")).status == 404


@pytest.mark.both_databases
async def test_the_plans_are_replaced_at_the_console_and_by_a_program(
    auth_server: AuthServer,
) -> None:
    api = await admin_api(auth_server)
    terms = (await api.call("GET", "/plans/terms")).json()
    terms["plans"][0]["daily_units"] = 250
    op, page = await at_plans(auth_server, "/console/plans/terms")
    assert "daily_units: 100" in page.text

    page = await op.press(page, "Replace the plans", fill={"plans": json.dumps(terms)})

    assert "Saved." in page.text
    assert "daily_units: 250" in page.text
    assert (await api.call("GET", "/plans/terms")).json() == terms
    terms["plans"][0]["daily_units"] = 300
    assert (await api.call("PUT", "/plans/terms", json=terms)).json() == terms
    entries = (await api.call("GET", "/audit", params={"event": "plans.replaced"})).json()["items"]
    assert [one["detail"]["plans"] for one in entries] == [["free", "pro", "enterprise"]] * 2
    assert "usr_op" in {one["detail"]["operator"] for one in entries}


async def test_plans_that_somebody_else_changed_meanwhile_are_not_overwritten(
    sqlite_server: AuthServer,
) -> None:
    api = await admin_api(sqlite_server)
    op, page = await at_plans(sqlite_server, "/console/plans/terms")
    terms = (await api.call("GET", "/plans/terms")).json()
    terms["plans"][0]["daily_units"] = 250
    await api.call("PUT", "/plans/terms", json=terms)

    again = await op.press(page, "Replace the plans", fill={"plans": json.dumps(terms)})

    assert (again.status, "somebody else changed the plans" in again.text) == (400, True)


async def test_plans_that_make_no_sense_or_are_in_use_change_nothing(
    sqlite_server: AuthServer,
) -> None:
    api = await admin_api(sqlite_server)
    op, page = await at_plans(sqlite_server, "/console/plans/terms")
    free = {"name": "free", "title": "Free", "per_minute": 60, "burst": 30}
    for wrong, said in (
        ("plans: [", "not valid YAML"),
        ("plans: [{name: free}]", "plans.0.title: Field required"),
        (json.dumps({"plans": [free, free]}), "free is repeated"),
        (json.dumps({"plans": [free]}), "tenants have plans that are missing: pro"),
    ):
        page = await op.press(page, "Replace the plans", fill={"plans": wrong})
        assert (page.status, said in page.text) == (400, True), page.text
        assert wrong in page.text
    refused = await api.call("PUT", "/plans/terms", json={"plans": [free]})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "plans")
    assert len((await api.call("GET", "/plans")).json()) == 3


async def test_an_operator_sees_what_a_month_would_have_cost_on_another_plan(
    sqlite_server: AuthServer,
) -> None:
    at = sqlite_server.clock()
    used = (("org_acme", 150), ("org_globex", 30))
    events = [call_event(at, tenant_id=tenant, cost=units, meter="calls") for tenant, units in used]
    async with sqlite_server.opened.transaction() as db:
        await write_calls(db, events, now=at)
    api, month = await admin_api(sqlite_server, ["plans:read", "usage:read"]), month_of(at)
    first = await api.call("GET", "/plans/free/simulation", params={"month": month, "limit": 1})
    [acme], after = first.json()["items"], first.json()["next"]
    assert (acme["tenant_id"], acme["price"], acme["other_price"]) == ("org_acme", "49", "0")
    assert acme["other_refused"] == 50
    query = {"month": month, "limit": 1, "after": after}
    second = (await api.call("GET", "/plans/free/simulation", params=query)).json()
    assert [one["tenant_id"] for one in second["items"]] == ["org_globex"]
    assert second["next"] is None
    assert (await api.call("GET", "/plans/gold/simulation")).status_code == 404
    blind = await admin_api(sqlite_server, ["plans:read"])
    assert (await blind.call("GET", "/plans/free/simulation")).status_code == 403

    op, page = await at_plans(sqlite_server, f"/console/plan/simulation?plan=free&month={month}")
    assert "49.00 USD" in page.text
    assert "50 units refused" in page.text
    page = await op.open("/console/plan/simulation?plan=free&month=2020-01")
    assert "No organisation used units in this month." in page.text


async def test_an_operator_reads_a_subscription_again_whose_event_was_lost(shop: Shop) -> None:
    await shop.sync()
    await shop.pay(await shop.go_to_checkout())
    assert await shop.plan() == "free"
    op, _ = await at_plans(shop.server)
    page = await op.open("/console/subscriptions")
    assert "no subscription" in page.text

    page = await op.press(page, "Read again")

    assert "The subscription was read again." in page.text
    assert "active" in page.text
    assert await shop.plan() == "pro"
    api = await admin_api(shop.server)
    [found] = (await api.call("GET", "/billing/subscriptions")).json()["items"]
    assert (found["tenant_name"], found["plan"], found["status"]) == ("Globex", "pro", "active")
    again = await api.call("POST", "/billing/subscriptions/org_globex/refresh")
    assert again.json()["plan"] == "pro"
    assert (await api.call("POST", "/billing/subscriptions/org_acme/refresh")).status_code == 404
    found = (await api.call("GET", "/audit", params={"event": "subscription.refreshed"})).json()
    assert len(found["items"]) == 2
