"""Operators see the plans and who has them, and give a tenant another one."""

from collections.abc import AsyncIterator

import pytest

from auth_server.administration.scopes import READS
from auth_server.records.operators.store import put_operator
from auth_server.records.operators.table import Operator
from auth_server.records.plan_requests.store import put_request
from auth_server.records.plans.terms import ENTERPRISE, FREE, PRO
from support.in_process.admin_api import admin_api
from support.in_process.auth_server import AuthServer
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
