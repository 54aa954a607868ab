"""The page of a tenant's plan and usage: its admins pay and set budgets, its members ask them."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest

from auth_server.gateway_api.write_calls import write_calls
from auth_server.records.catalogues.store import keep_catalogue
from auth_server.records.people.table import Person as Human
from auth_server.records.plans.store import replace_plans
from auth_server.records.plans.terms import FREE, PRO, Price, PriceStep
from auth_server.records.tenants.store import find_tenant, put_membership
from auth_server.records.tenants.table import Membership
from gatepost.catalogue import ApiSummary
from support.in_process.auth_server import CATALOGUE, ISSUER, AuthServer
from support.in_process.call_events import call_event
from support.in_process.clock import Clock
from support.in_process.person import Page, Person
from support.in_process.stripe import Shop, running_shop

PLAN = "/account/plan?tenant=org_globex"
ADA, BO, CY = "ada@acme.example", "bo@globex.example", "cy@nowhere.example"
ACTIONS = tuple(
    f"/account/plan/{name}"
    for name in ("buy", "billing", "credit", "requests", "budgets", "budgets/remove")
)


async def make_bo_admin(server: AuthServer) -> None:
    """Make Bo the admin of Globex, where Ada is a member."""
    admin = Membership(person_id="usr_bo", tenant_id="org_globex", role="admin", data_scope="")
    async with server.opened.transaction() as db:
        await put_membership(db, admin)


@pytest.fixture
async def server(sqlite_server: AuthServer) -> AuthServer:
    """A server without Stripe, with Bo as the admin of Globex."""
    await make_bo_admin(sqlite_server)
    return sqlite_server


@pytest.fixture
async def shop(sqlite_url: str, clock: Clock) -> AsyncIterator[Shop]:
    """The same with Stripe."""
    async with running_shop(sqlite_url, clock) as made:
        await made.sync()
        await make_bo_admin(made.server)
        yield made


async def sign_in(server: AuthServer, email: str, path: str = PLAN) -> tuple[Person, Page]:
    """Follow the link of a refused call, and sign in on the way."""
    person = server.person(email)
    return person, await person.sign_in(await person.open(path))


async def use(server: AuthServer, at: datetime, times: int = 1, /, **changes: Any) -> None:
    """Have calls of Bo's be made in Globex."""
    caller = {"tenant_id": "org_globex", "sub": "usr_bo", "client_id": "orbit-cli"}
    events = [call_event(at, **{**caller, **changes}) for _ in range(times)]
    async with server.opened.transaction() as db:
        await write_calls(db, events, now=at)


async def budgets_of(server: AuthServer) -> list[tuple[str, str, int, bool]]:
    """Read the budgets of Globex."""
    async with server.opened.database.reading() as db:
        tenant = await find_tenant(db, "org_globex")
    assert tenant is not None
    return [
        (one["kind"], one["key"], one["monthly_units"], one["hard"]) for one in tenant.budgets or ()
    ]


async def test_the_link_of_a_refused_call_leads_an_admin_to_checkout_and_back(shop: Shop) -> None:
    bo, page = await sign_in(shop.server, BO)
    assert "Free plan" in page.text

    left = await bo.press(page, "Buy Pro")
    assert left.moves_on_to is not None and left.moves_on_to.startswith(shop.stripe.url)
    paid = await shop.browser.post(left.moves_on_to, data={"action": "pay", "value": "works"})
    # The webhook has not arrived: the way back reads the subscription itself.
    page = await bo.open(paid.headers["location"])

    assert page.url == f"{ISSUER}{PLAN}"
    assert "Pro plan" in page.text and "Renews" in page.text
    assert await shop.plan() == "pro"
    assert "Buy" not in page.text


async def test_a_trial_of_one_day_is_offered_in_the_singular(shop: Shop) -> None:
    await shop.offer(
        FREE, PRO.model_copy(update={"price": Price(monthly=Decimal(49), trial_days=1)})
    )

    _, page = await sign_in(shop.server, BO)

    assert "Try Pro for 1 day</button>" in page.html


async def test_an_admin_reaches_the_portal_and_sees_when_the_plan_ends(shop: Shop) -> None:
    await shop.buy()
    bo, page = await sign_in(shop.server, BO)
    left = await bo.press(page, "Invoices and payment")
    subscription = (await shop.account()).subscription_id
    assert left.moves_on_to is not None
    await shop.browser.post(left.moves_on_to, data={"action": "cancel", "value": subscription})

    page = await bo.open("/account/plan/back?tenant=org_globex")

    assert "The subscription was cancelled and ends" in page.text


async def test_the_page_says_what_a_failed_payment_means(shop: Shop) -> None:
    await shop.buy(card="fails")
    said = []
    for days in (await shop.days_left(), 8):
        await shop.pass_days(days)
        _, page = await sign_in(shop.server, BO)
        said.append((page.text.split("The last")[-1][:16], "Update payment" in page.text))
        if "Several payments failed" in page.text:
            said.append(("free again", "Free plan" in page.text))

    assert said[0] == (" payment failed.", True)
    assert said[-1] == ("free again", True)


async def test_a_second_subscription_is_refused_with_the_way_to_the_first(shop: Shop) -> None:
    bo, page = await sign_in(shop.server, BO)
    await shop.buy()

    refused = await bo.press(page, "Buy Pro")

    assert refused.status == 409
    assert "Your organisation has a subscription" in refused.text


async def test_an_outage_of_stripe_is_a_page_that_says_so(shop: Shop) -> None:
    bo, page = await sign_in(shop.server, BO)
    shop.stripe.faults.calls += [("refused", "/v1/")] * 4

    refused = await bo.press(page, "Buy Pro")

    assert (refused.status, refused.headers["retry-after"]) == (503, "60")
    assert "The payment service does not answer" in refused.text


async def test_without_stripe_an_admin_sees_the_plans_and_asks_the_operator(
    server: AuthServer,
) -> None:
    _, page = await sign_in(server, BO)

    assert "49.00 USD a month" in page.text
    assert "ask the operator of this service" in page.text
    assert "Buy" not in page.text


@pytest.mark.both_databases
async def test_a_member_asks_the_admin_with_one_click(auth_server: AuthServer) -> None:
    server = auth_server
    await make_bo_admin(server)
    ada, page = await sign_in(server, ADA)
    assert "Buy" not in page.text
    assert "mailto:bo@globex.example" in page.html

    page = await ada.press(page, "Ask your admin for more")
    assert "Your request is on your admins' page now." in page.text
    bo, seen = await sign_in(server, BO)
    assert "1 member asks for a larger plan or budget: Ada Marsh" in seen.text

    assert "asks for a larger plan" not in (await bo.press(seen, "Dismiss")).text


async def test_a_request_is_over_once_the_admin_has_raised_something(server: AuthServer) -> None:
    ada, page = await sign_in(server, ADA)
    await ada.press(page, "Ask your admin for more")
    server.clock.advance(seconds=1)
    bo, seen = await sign_in(server, BO)

    seen = await bo.press(
        seen, "Set budget", fill={"whose": "tenant:", "units": "500", "hard": "no"}
    )

    assert "asks for a larger plan" not in seen.text


async def test_the_page_shows_usage_by_tool_person_and_app(server: AuthServer) -> None:
    server.clock.advance(seconds=(_noon() - server.clock()).total_seconds())
    now = server.clock()
    await use(server, now, 30)
    await use(server, now, 60, tool="search_tasks", sub="usr_ada", cost=2)
    await use(server, now, 3, outcome="refused", decision="refused", cost=0, tool="delete_task")
    await use(server, now, 7, env="test")
    await use(server, now - timedelta(days=40), 99)

    _, page = await sign_in(server, BO)

    assert "Used up: calls are refused until" in page.text
    assert "150 of 100 units" in page.text
    assert "search_tasks 60 0 120 0.00 list_tasks 30 0 30 0.00 delete_task 3 3 0 0.00" in page.text
    assert "Ada Marsh usr_ada 60 0 120 0.00 Bo Lind usr_bo 33 3 30 0.00" in page.text
    assert "Orbit CLI orbit-cli 93 3 150 0.00" in page.text


@pytest.mark.both_databases
async def test_the_page_divides_usage_and_cost_by_api_and_shows_one_of_them(
    auth_server: AuthServer,
) -> None:
    """The parts of one API add up to what the table of APIs says of it."""
    await make_bo_admin(auth_server)
    auth_server.clock.advance(seconds=(_noon() - auth_server.clock()).total_seconds())
    now, price = (
        auth_server.clock(),
        Price(steps=(PriceStep(unit_price=Decimal("0.01")),)),
    )
    apis = (ApiSummary(name="orbit", title="Orbit"), ApiSummary(name="billing", title="Invoices"))
    async with auth_server.opened.transaction() as db:
        await replace_plans(db, [FREE.model_copy(update={"price": price})])
        await keep_catalogue(db, CATALOGUE.model_copy(update={"apis": apis}), now=now)
    await use(auth_server, now, 50, api="orbit")
    await use(auth_server, now, 20, api="billing", tool="pay", sub="usr_ada", cost=2)
    await use(auth_server, now, 10, api="billing", tool="list_invoices")
    await use(auth_server, now, 5, tool="invented", outcome="refused", cost=0)

    bo, page = await sign_in(auth_server, BO)
    one = await bo.open(f"{PLAN}&api=billing")
    other = await bo.open(f"{PLAN}&api=nothing")

    assert "Orbit 50 0 50 0.50 Invoices 30 0 50 0.50 Without an API 5 5 0 0.00" in page.text
    assert "list_tasks 50 0 50 0.50" in page.text
    assert 'href="?tenant=org_globex&amp;api=billing#usage"' in page.html
    assert "Orbit 50 0 50 0.50 Invoices 30 0 50 0.50" in one.text
    assert "pay 20 0 40 0.40 list_invoices 10 0 10 0.10" in one.text
    assert "Ada Marsh usr_ada 20 0 40 0.40 Bo Lind usr_bo 10 0 10 0.10" in one.text
    assert "list_tasks" not in one.text
    assert "list_tasks 50 0 50 0.50" in other.text


@pytest.mark.parametrize("api", ["", "orbit"])
async def test_with_one_api_the_page_does_not_divide_by_api(server: AuthServer, api: str) -> None:
    await use(server, server.clock(), 3, api=api)
    await use(server, server.clock(), tool="invented", outcome="refused", cost=0)

    _, page = await sign_in(server, BO)

    assert "By tool" in page.text
    assert "API" not in page.text.replace("API key", "")


def _noon() -> datetime:
    """A noon in the middle of a month, so that days ago belong to the same month or not."""
    return datetime(2030, 6, 15, 12, tzinfo=UTC)


async def test_a_member_sees_the_quota_and_not_who_used_it(server: AuthServer) -> None:
    await use(server, server.clock(), 30)

    _, page = await sign_in(server, ADA)

    assert "30 of 100 units" in page.text
    assert "Bo Lind usr_bo" not in page.text and "By person" not in page.text


@pytest.mark.both_databases
async def test_an_admin_sets_replaces_and_removes_a_budget(auth_server: AuthServer) -> None:
    server = auth_server
    await make_bo_admin(server)
    bo, page = await sign_in(server, BO)
    for units, hard in (("50", "no"), ("40", "yes")):
        budget = {"whose": "person:usr_ada", "units": units, "hard": hard}
        page = await bo.press(page, "Set budget", fill=budget)
    assert await budgets_of(server) == [("person", "usr_ada", 40, True)]
    assert "Ada Marsh Person 0 40 Calls are refused" in page.text

    page = await bo.press(page, "Remove")

    assert await budgets_of(server) == []


@pytest.mark.parametrize(
    ("whose", "units"),
    [
        ("person:usr_cy", "5"),
        ("client:client_of_others", "5"),
        ("grant:key_of_others", "5"),
        ("tenant:org_acme", "5"),
        ("planet:earth", "5"),
        ("", "5"),
        ("tenant:", ""),
        ("tenant:", "-1"),
        ("tenant:", "1.5"),
        ("tenant:", "1e3"),
        ("tenant:", "٣"),
        ("tenant:", "9007199254740992"),
    ],
)
async def test_a_budget_that_makes_no_sense_is_refused(
    server: AuthServer, whose: str, units: str
) -> None:
    bo, page = await sign_in(server, BO)

    page = await bo.press(page, "Set budget", fill={"whose": whose, "units": units, "hard": "yes"})

    assert page.status == 400
    assert await budgets_of(server) == []


async def test_only_an_admin_of_the_tenant_can_post_its_forms_a151(shop: Shop) -> None:
    bo, page = await sign_in(shop.server, BO)
    ada, own = await sign_in(shop.server, ADA)
    foreign = [("tenant", "org_globex"), ("proof", "x"), ("plan", "pro"), ("units", "5")]
    for action in ACTIONS:
        # A member with a genuine proof of their own page, and an admin with a forged one.
        member = own.forms["/account/plan/ask"].fields
        statuses = {
            (await ada.send(own, action, [*member.items(), ("plan", "pro")])).status,
            (await bo.send(page, action, foreign)).status,
        }
        assert statuses <= {400, 403}, action
    assert list(shop.stripe.every("checkout.session")) == []


@pytest.mark.parametrize("tenant", ["org_acme", "org_nowhere", "", "a/../b", "ü" * 300])
async def test_strangers_to_a_tenant_see_nothing_of_it(server: AuthServer, tenant: str) -> None:
    bo, _ = await sign_in(server, BO)

    answer = await bo.http.get("/account/plan", params={"tenant": tenant})

    assert answer.status_code == 403
    assert "You are not a member of this organisation" in answer.text


async def test_the_tenant_of_the_link_survives_the_sign_in(server: AuthServer) -> None:
    person = server.person(BO)
    asked = await person.open(PLAN)
    assert urlsplit(asked.url).path == "/sign-in"

    assert (await person.sign_in(asked)).url.endswith(PLAN)


PREPAID = FREE.model_copy(
    update={
        "daily_units": None,
        "monthly_units": 10,
        "price": Price(
            currency="eur",
            included_units=10,
            steps=(PriceStep(unit_price=Decimal("0.5")),),
            credits=(Decimal(5), Decimal(49)),
        ),
    }
)


async def test_an_admin_buys_credit_and_sees_what_it_pays_for(shop: Shop) -> None:
    await shop.offer(PREPAID, PRO)
    bo, page = await sign_in(shop.server, BO)
    assert "0.00 EUR left" in page.text

    left = await bo.press(page, "Buy 49.00 EUR")
    assert left.moves_on_to is not None
    paid = await shop.browser.post(left.moves_on_to, data={"action": "pay", "value": "works"})
    page = await bo.open(paid.headers["location"])

    assert "49.00 EUR left" in page.text
    assert "It pays for 108 further units this month." in page.text

    await use(shop.server, shop.server.clock(), 12)
    page = await bo.open(PLAN)
    assert "The invoice until now is 1.00 EUR" in page.text
    assert "Credit covers 1.00 EUR of it." in page.text


async def test_amounts_are_written_as_the_readers_language_writes_them(shop: Shop) -> None:
    await shop.offer(PREPAID, PRO)
    bo, _ = await sign_in(shop.server, BO)
    bo.http.headers["accept-language"] = "de"

    page = await bo.open(PLAN)

    assert "49,00 EUR kaufen" in page.text
    assert "0,5 EUR" in page.text
    assert "49,00 USD im Monat" in page.text


@pytest.mark.parametrize(("currency", "said"), [("jpy", "49 JPY"), ("kwd", "49.000 KWD")])
async def test_amounts_have_the_decimals_of_their_currency(
    shop: Shop, currency: str, said: str
) -> None:
    await shop.offer(
        FREE, PRO.model_copy(update={"price": Price(currency=currency, monthly=Decimal(49))})
    )

    _, page = await sign_in(shop.server, BO)

    assert f"{said} a month" in page.text


async def test_an_admin_caps_what_usage_may_cost(shop: Shop) -> None:
    await shop.offer(PREPAID, PRO)
    bo, page = await sign_in(shop.server, BO)
    for units in ("7,25", "12.50"):
        cap = {"whose": "tenant:", "units": units, "measure": "money", "hard": "yes"}
        page = await bo.press(page, "Set budget", fill=cap)

    assert await budgets_of(shop.server) == [("tenant", "", 35, True)]
    assert "12.50 EUR" in page.text


@pytest.mark.parametrize(
    ("whose", "units"),
    [("person:usr_ada", "5"), ("tenant:", "-5"), ("tenant:", "1.234"), ("tenant:", "5e2")],
)
async def test_a_cap_that_makes_no_sense_is_refused(shop: Shop, whose: str, units: str) -> None:
    await shop.offer(PREPAID, PRO)
    bo, page = await sign_in(shop.server, BO)

    cap = {"whose": whose, "units": units, "measure": "money", "hard": "yes"}
    page = await bo.press(page, "Set budget", fill=cap)

    assert page.status == 400
    assert await budgets_of(shop.server) == []


async def test_of_many_members_only_some_are_loaded(server: AuthServer) -> None:
    async with server.opened.transaction() as db:
        for number in range(300):
            person = f"usr_{number:04}"
            db.add(Human(person_id=person, name=f"Member {number}", created_at=server.clock()))
            await db.flush()
            await put_membership(
                db,
                Membership(person_id=person, tenant_id="org_globex", role="member", data_scope=""),
            )
    await use(server, server.clock(), 3, sub="usr_0299")

    _, page = await sign_in(server, BO)

    assert page.html.count('<option value="person:') <= 202
    assert 'value="person:usr_0299"' in page.html  # it uses the most


async def test_an_admin_sees_what_each_tool_person_and_app_costs(server: AuthServer) -> None:
    price = Price(
        monthly=Decimal(9),
        included_units=2,
        steps=(PriceStep(unit_price=Decimal("0.5")),),
    )
    async with server.opened.transaction() as db:
        await replace_plans(db, [FREE.model_copy(update={"price": price})])
    await use(server, server.clock(), 3, tool="create_task", cost=2)
    await use(server, server.clock(), 2, tool="list_tasks")

    _, page = await sign_in(server, BO)

    # 8 units, of which 6 cost 0.50 each: 3.00, divided 6 to 2.
    assert "The invoice until now is 12.00 USD, of which 3.00 USD is for units." in page.text
    rows = re.findall(r'<th scope="row">(\w+_tasks?).*?</tr>', page.html, re.DOTALL)
    assert rows == ["create_task", "list_tasks"]
    costs = re.findall(r'data-label="Cost">([\d.]+)', page.html)
    assert costs == ["2.25", "0.75", "3.00", "3.00"]
