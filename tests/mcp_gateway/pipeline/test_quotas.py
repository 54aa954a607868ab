"""What a tenant's plan allows, what a call costs, and what a model hears beyond the quota."""

import asyncio
import math
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gatepost.metering.plans import (
    Budget,
    Credit,
    NextPlan,
    Plan,
    PlansPage,
    TenantPlan,
    UsedUnits,
    day_of,
    end_of_day,
    end_of_month,
    month_of,
)
from mcp_gateway.http_client.port import HttpResponse, RequestFailed
from mcp_gateway.requests.request import HttpRequest
from support.in_process.gateway import API, World, a_world

BOTH = pytest.mark.parametrize("era", ["old", "new"])
FREE = Plan(
    name="free",
    title="Free",
    per_minute=600,
    burst=100,
    daily_units=2,
    allow_uncounted=False,
    next_plan=NextPlan(title="Pro", price="49.00 USD a month"),
)
PRO = Plan(name="pro", title="Pro", per_minute=600, burst=100)
UPGRADE = "http://127.0.0.1:8400/account/plan?tenant=org_acme"


def tenant(plan: str, *budgets: Budget) -> TenantPlan:
    """Acme on a plan."""
    return TenantPlan(tenant_id="org_acme", plan=plan, budgets=budgets)


def learn(world: World, *tenants: TenantPlan) -> None:
    """Let the gateway hear of the plans."""
    page = UPGRADE.removesuffix("org_acme")
    world.plans.learn(PlansPage(plans=(FREE, PRO), tenants=tenants, after="1", upgrade_url=page))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A gateway that knows Acme to be on the free plan: two units a day."""
    async with a_world(tmp_path) as world:
        learn(world, tenant("free"))
        yield world


def outcomes(world: World) -> list[tuple[str, int]]:
    """The outcome and the cost of each recorded call."""
    return [(record["outcome"], record["cost"]) for record in world.records]


@BOTH
async def test_a_model_hears_the_limit_its_use_the_reset_and_the_way_to_more(
    world: World, era: str
) -> None:
    for _ in range(2):
        assert (await world.call(era, "list_tasks"))["isError"] is False

    refused = await world.call(era, "list_tasks")

    resets_at = end_of_day(world.clock())
    assert refused["isError"] is True
    assert refused["content"][0]["text"] == (
        "Your organisation's quota is 2 units for today, and 2 are used. Nothing was done. It resets at "
        f"{resets_at:%Y-%m-%d %H:%M} UTC. The Pro plan (49.00 USD a month) allows more: an admin can "
        f"change the plan at {UPGRADE}"
    )
    assert refused["structuredContent"] == {
        "error": "quota_exhausted",
        "limit": 2,
        "used": 2,
        "resets_at": f"{resets_at:%Y-%m-%dT%H:%M:%SZ}",
        "plan": "free",
        "upgrade_url": UPGRADE,
    }
    assert len(world.api.requests) == 2
    assert outcomes(world) == [("success", 1), ("success", 1), ("refused", 0)]
    assert world.records[-1]["reason"] == "quota_exhausted"


@BOTH
async def test_an_answer_says_in_its_headers_what_is_left_of_every_limit(
    world: World, era: str
) -> None:
    params = {"name": "list_tasks", "arguments": {}}
    until = math.ceil((end_of_day(world.clock()) - world.clock()).total_seconds())

    answers = [await world.ask(era, "tools/call", params) for _ in range(3)]

    assert [answer.headers["ratelimit"] for answer in answers] == [
        f'"minute";r=99;t=1, "day";r=1;t={until}',
        f'"minute";r=98;t=1, "day";r=0;t={until}',
        f'"day";r=0;t={until}',
    ]
    assert answers[0].headers["ratelimit-policy"] == '"minute";q=600;w=60, "day";q=2;w=86400'
    assert answers[2].headers["ratelimit-policy"] == '"day";q=2;w=86400'
    assert [answer.headers.get("retry-after") for answer in answers] == [None, None, str(until)]


@BOTH
async def test_headers_name_the_month_and_whose_budget_a_limit_is(world: World, era: str) -> None:
    monthly = FREE.model_copy(update={"name": "monthly", "daily_units": None, "monthly_units": 9})
    budget = Budget(kind="person", key="usr_ada", monthly_units=5)
    world.plans.learn(PlansPage(plans=(monthly,), tenants=(tenant("monthly", budget),), after="1"))
    params = {"name": "list_tasks", "arguments": {}}

    answer = await world.ask(era, "tools/call", params, token=world.token(sub="usr_ada"))

    days = (end_of_month(world.clock()) - timedelta(days=1)).day
    policies = answer.headers["ratelimit-policy"].split(", ")
    assert policies[1:] == [f'"month";q=9;w={days * 86400}', f'"person";q=5;w={days * 86400}']
    assert '"month";r=8' in answer.headers["ratelimit"]
    assert '"person";r=4' in answer.headers["ratelimit"]


async def test_headers_tell_the_budget_of_the_organisation_from_the_quota_of_the_plan(
    world: World,
) -> None:
    monthly = FREE.model_copy(update={"name": "monthly", "daily_units": None, "monthly_units": 9})
    capped = tenant("monthly", Budget(kind="tenant", key="", monthly_units=5))
    world.plans.learn(PlansPage(plans=(monthly,), tenants=(capped,), after="1"))

    answer = await world.ask("new", "tools/call", {"name": "list_tasks", "arguments": {}})

    limits = [part.split(";")[:2] for part in answer.headers["ratelimit"].split(", ")]
    assert limits[1:] == [['"month"', "r=8"], ['"organisation"', "r=4"]]


@BOTH
async def test_credit_pays_for_calls_beyond_the_quota_until_it_is_spent(
    world: World, era: str
) -> None:
    credit = Credit(
        month=month_of(world.clock()), units=4, until=world.clock() + timedelta(hours=1)
    )
    learn(world, tenant("free").model_copy(update={"credit": credit}))
    passed = [(await world.call(era, "list_tasks"))["isError"] for _ in range(4)]

    answer = await world.ask(era, "tools/call", {"name": "list_tasks", "arguments": {}})
    refused = await world.call(era, "list_tasks")

    assert passed == [False] * 4
    assert answer.headers["ratelimit"].startswith('"credit";r=0')
    assert refused["content"][0]["text"].startswith(
        "Your organisation's credit is 4 units for this month, and 4 are used. Nothing was done."
    )
    content = refused["structuredContent"]
    assert (content["limit"], content["used"], content["upgrade_url"]) == (4, 4, UPGRADE)


@pytest.mark.parametrize("over", ["another month", "expired"])
async def test_credit_that_is_over_leaves_the_quota_of_the_plan(world: World, over: str) -> None:
    month = "2026-01" if over == "another month" else month_of(world.clock())
    until = world.clock() + timedelta(hours=1 if over == "another month" else -1)
    credit = Credit(month=month, units=100, until=until)
    learn(world, tenant("free").model_copy(update={"credit": credit}))

    passed = [(await world.call("new", "list_tasks"))["isError"] for _ in range(3)]

    assert passed == [False, False, True]


async def test_credit_is_not_spent_by_calls_that_nobody_can_count(world: World) -> None:
    careless = FREE.model_copy(update={"allow_uncounted": True})
    credit = Credit(month=month_of(world.clock()), units=4, until=end_of_month(world.clock()))
    paying = tenant("free").model_copy(update={"credit": credit})
    world.plans.learn(PlansPage(plans=(careless,), tenants=(paying,), after="1"))
    world.ledger.down = True

    refused = await world.call("new", "list_tasks")

    assert "can't count this call" in refused["content"][0]["text"]


async def test_calls_with_test_keys_spend_no_credit(world: World) -> None:
    credit = Credit(month=month_of(world.clock()), units=4, until=end_of_month(world.clock()))
    learn(world, tenant("free").model_copy(update={"credit": credit}))
    testing = world.token(env="test")

    passed = [(await world.call("new", "list_tasks", token=testing))["isError"] for _ in range(3)]

    assert passed == [False, False, True]


async def test_a_spend_cap_is_named_in_money(world: World) -> None:
    cap = Budget(kind="tenant", key="", monthly_units=1, amount=Decimal(1500), currency="jpy")
    learn(world, tenant("pro", cap))
    await world.call("new", "list_tasks")

    refused = await world.call("new", "list_tasks")

    assert refused["content"][0]["text"].startswith(
        "The budget of your organisation is 1500 JPY (1 unit) for this month, and 1 is used."
    )


@pytest.mark.parametrize(
    ("largest", "said"),
    [
        (
            {"next_plan": None},
            (
                "No larger plan is on offer: ask the operator of this service for more. "
                f"An admin sees what was used at {UPGRADE}"
            ),
        ),
        ({"next_plan": None, "sells_credit": True}, f"An admin can buy credit at {UPGRADE}"),
        (
            {"sells_credit": True},
            (
                "The Pro plan (49.00 USD a month) allows more: an admin can change the plan or buy credit "
                f"at {UPGRADE}"
            ),
        ),
    ],
)
async def test_a_refusal_names_every_way_to_more(
    world: World, largest: dict[str, Any], said: str
) -> None:
    page = UPGRADE.removesuffix("org_acme")
    plan = FREE.model_copy(update=largest)
    news = PlansPage(plans=(plan,), tenants=(tenant("free"),), after="1", upgrade_url=page)
    world.plans.learn(news)

    for _ in range(3):
        last = await world.call("new", "list_tasks")

    assert last["content"][0]["text"].endswith(f"UTC. {said}")
    assert last["structuredContent"]["upgrade_url"] == UPGRADE


async def test_a_tenant_whose_plan_never_changed_gets_the_link_too(tmp_path: Path) -> None:
    """The feed of plans names only tenants that changed."""
    async with a_world(tmp_path) as world:
        learn(world)
        token = world.token(rate_limit_tier="free")
        for _ in range(3):
            last = await world.call("new", "list_tasks", token=token)

    assert last["structuredContent"]["upgrade_url"] == UPGRADE


@BOTH
async def test_once_the_plan_has_changed_the_same_token_goes_on(world: World, era: str) -> None:
    token = world.token(rate_limit_tier="free")
    for _ in range(3):
        last = await world.call(era, "list_tasks", token=token)
    assert last["isError"] is True

    learn(world, tenant("pro"))

    assert (await world.call(era, "list_tasks", token=token))["isError"] is False


async def test_the_next_day_the_quota_is_new(world: World) -> None:
    for _ in range(3):
        await world.call("new", "list_tasks")
    world.clock.advance(seconds=(end_of_day(world.clock()) - world.clock()).total_seconds())

    assert (await world.call("new", "list_tasks"))["isError"] is False


FAILURES: dict[str, HttpResponse | RequestFailed] = {
    "upstream 404": HttpResponse(404, "application/json", b"{}"),
    "upstream 500": HttpResponse(500, "application/json", b"{}"),
    "timeout": RequestFailed("deadline", "The API did not answer within 30 seconds."),
    "unreachable": RequestFailed("unreachable", "The API can't be reached."),
    "too large": RequestFailed("too_large", "The API's answer is too large."),
}


def answering(world: World, outcome: HttpResponse | RequestFailed) -> None:
    """Let the API answer so."""

    def answer(_: HttpRequest) -> HttpResponse:
        if isinstance(outcome, RequestFailed):
            raise outcome
        return outcome

    world.api.answer = answer


async def with_billing(folder: Path, billing: str) -> Path:
    """Write the manifest with a tool's billing."""
    for source in API.iterdir():
        (folder / source.name).write_bytes(source.read_bytes())
    manifest = folder / "tools.yaml"
    written = manifest.read_text()
    name = "\n  list_tasks:\n"
    assert name in written
    manifest.write_text(written.replace(name, f"{name}    billing: {billing}\n"))
    return manifest


@pytest.mark.parametrize(
    ("kind", "outcome", "always"),
    [
        ("upstream 404", "error", 2),
        ("upstream 500", "error", 2),
        ("timeout", "unknown", 0),
        ("unreachable", "unknown", 0),
        ("too large", "error", 2),
    ],
)
@pytest.mark.parametrize("when", ["success", "always", "never"])
async def test_a_call_that_fails_costs_what_the_manifest_says(
    tmp_path: Path, kind: str, outcome: str, always: int, when: str
) -> None:
    manifest = await with_billing(tmp_path, f"{{units: 2, when: {when}}}")
    async with a_world(tmp_path, manifest=manifest) as world:
        learn(world, tenant("free"))
        answering(world, FAILURES[kind])

        await world.call("new", "list_tasks")

        assert outcomes(world) == [(outcome, always if when == "always" else 0)]
        again = await world.call("new", "list_team_tasks")
        exhausted = when == "always" and always == 2
        assert (again.get("structuredContent", {}).get("error") == "quota_exhausted") == exhausted


@pytest.mark.parametrize(
    ("tool", "arguments", "reason"),
    [
        ("no_such_tool", {}, "unknown_tool"),
        ("list_tasks", {"limit": "many"}, "invalid_arguments"),
    ],
)
async def test_a_refused_call_costs_no_unit(
    world: World, tool: str, arguments: dict[str, Any], reason: str
) -> None:
    for _ in range(5):
        await world.ask("new", "tools/call", {"name": tool, "arguments": arguments})

    assert {record["reason"] for record in world.records} == {reason}
    for _ in range(2):
        assert (await world.call("new", "list_tasks"))["isError"] is False


async def test_calls_at_once_do_not_overspend(world: World) -> None:
    answers = await asyncio.gather(*(world.call("new", "list_tasks") for _ in range(10)))

    assert [answer["isError"] for answer in answers].count(False) == 2
    assert len(world.api.requests) == 2


async def test_a_client_that_leaves_before_the_answer_is_not_billed(world: World) -> None:
    arrived, held = asyncio.Event(), asyncio.Event()

    async def send(request: HttpRequest, *, deadline: float) -> HttpResponse:
        arrived.set()
        await held.wait()
        raise AssertionError("nobody waits any more")

    world.api.send = send  # type: ignore[method-assign]
    call = asyncio.create_task(world.call("new", "list_tasks"))
    await arrived.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await world.journal.stored.wait()

    assert outcomes(world) == [("unknown", 0)]
    assert world.journal.intents == {}


async def test_a_client_that_leaves_during_the_reservation_spends_nothing(world: World) -> None:
    began, stored = asyncio.Event(), world.journal.store_intent

    async def store_intent(call_id: str, due: float, intent: bytes) -> None:
        await stored(call_id, due, intent)
        began.set()
        await asyncio.Event().wait()

    world.journal.store_intent = store_intent  # type: ignore[method-assign]
    call = asyncio.create_task(world.call("new", "list_tasks"))
    await began.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await world.journal.stored.wait()
    world.journal.store_intent = stored  # type: ignore[method-assign]

    assert outcomes(world) == [("refused", 0)]
    assert world.journal.intents == {}
    for _ in range(2):
        assert (await world.call("new", "list_tasks"))["isError"] is False


@BOTH
@pytest.mark.parametrize(
    ("budget", "whose"),
    [
        (Budget(kind="person", key="usr_ada", monthly_units=1), "The budget for your account"),
        (Budget(kind="client", key="client_claude", monthly_units=1), "The budget for this app"),
        (Budget(kind="tenant", key="", monthly_units=1), "The budget of your organisation"),
    ],
)
async def test_a_budget_stops_those_it_concerns_alone(
    world: World, era: str, budget: Budget, whose: str
) -> None:
    learn(world, tenant("pro", budget))
    token = world.token(sub="usr_ada", client_id="client_claude")
    other = world.token(sub="usr_eve", client_id="client_other")
    assert (await world.call(era, "list_tasks", token=token))["isError"] is False

    refused = await world.call(era, "list_tasks", token=token)

    assert refused["isError"] is True
    assert refused["content"][0]["text"].startswith(f"{whose} is 1 unit for this month")
    stopped = (await world.call(era, "list_tasks", token=other))["isError"]
    assert stopped is (budget.kind == "tenant")


@BOTH
async def test_a_budget_below_the_quota_of_the_month_is_named_with_the_page_where_it_is_set(
    world: World, era: str
) -> None:
    monthly = FREE.model_copy(update={"name": "monthly", "daily_units": None, "monthly_units": 9})
    page = UPGRADE.removesuffix("org_acme")
    capped = tenant("monthly", Budget(kind="tenant", key="", monthly_units=1))
    world.plans.learn(
        PlansPage(plans=(monthly, PRO), tenants=(capped,), after="1", upgrade_url=page)
    )
    await world.call(era, "list_tasks")

    refused = await world.call(era, "list_tasks")

    assert refused["content"][0]["text"] == (
        "The budget of your organisation is 1 unit for this month, and 1 is used. Nothing was done. "
        f"It resets at {end_of_month(world.clock()):%Y-%m-%d %H:%M} UTC. "
        f"An admin can change the budget at {UPGRADE}"
    )
    assert (refused["structuredContent"]["limit"], refused["structuredContent"]["used"]) == (1, 1)


async def test_a_call_refused_just_after_midnight_hears_that_its_day_is_over(world: World) -> None:
    midnight = end_of_day(world.clock())
    world.clock.advance(seconds=(midnight - world.clock()).total_seconds() - 1)
    day = day_of(world.clock())
    world.ledger.used["org_acme"] = UsedUnits(total=2, days={day: 2})

    def deliver_slowly() -> bool:
        world.clock.advance(seconds=2)
        return True

    world.journal.deliver = deliver_slowly

    refused = await world.call("new", "list_tasks")

    assert refused["structuredContent"]["resets_at"] == f"{midnight:%Y-%m-%dT%H:%M:%SZ}"


async def test_a_call_that_costs_more_than_is_left_says_how_much_it_costs(tmp_path: Path) -> None:
    manifest = await with_billing(tmp_path, "{units: 2, when: success}")
    async with a_world(tmp_path, manifest=manifest) as world:
        learn(world, tenant("free"))
        assert (await world.call("new", "list_team_tasks"))["isError"] is False

        refused = await world.call("new", "list_tasks")

    assert refused["content"][0]["text"].startswith(
        "Your organisation's quota is 2 units for today, and 1 is used. This call costs 2 units. "
    )


async def test_a_plan_of_one_call_a_minute_is_named_in_the_singular(world: World) -> None:
    single = FREE.model_copy(update={"per_minute": 1, "burst": 1})
    world.plans.learn(PlansPage(plans=(single,), tenants=(tenant("free"),), after="1"))

    said = [
        (await world.ask("new", "tools/call", {"name": name, "arguments": {}})).text
        for name in ("list_tasks", "list_tasks", "no_such_tool")
    ]

    assert ["Your organisation may make 1 call a minute." in text for text in said] == [
        False, True, True
    ]  # fmt: skip


async def test_a_soft_budget_refuses_nobody(world: World) -> None:
    learn(world, tenant("pro", Budget(kind="tenant", key="", monthly_units=1, hard=False)))

    for _ in range(3):
        assert (await world.call("new", "list_tasks"))["isError"] is False


async def test_test_keys_spend_a_quota_of_their_own(world: World) -> None:
    for _ in range(2):
        await world.call("new", "list_tasks")

    testing = world.token(env="test")
    for _ in range(2):
        assert (await world.call("new", "list_tasks", token=testing))["isError"] is False
    assert (await world.call("new", "list_tasks", token=testing))["isError"] is True


async def test_a_gateway_counts_on_from_what_the_ledger_holds(world: World) -> None:
    day = day_of(world.clock())
    world.ledger.used["org_acme"] = UsedUnits(total=1, days={day: 1})

    assert (await world.call("new", "list_tasks"))["isError"] is False
    assert (await world.call("new", "list_tasks"))["isError"] is True


async def test_a_free_tenant_waits_while_its_calls_cannot_be_counted(world: World) -> None:
    world.ledger.down = True

    refused = await world.call("new", "list_tasks")

    assert refused["isError"] is True
    assert "can't count this call" in refused["content"][0]["text"]
    world.ledger.down = False
    world.clock.advance(seconds=6)
    assert (await world.call("new", "list_tasks"))["isError"] is False


async def test_readiness_says_how_current_the_plans_are(world: World) -> None:
    assert (await world.http.get("/readyz")).json()["details"]["plans"] == "current"
    world.clock.advance(minutes=3)
    assert (await world.http.get("/readyz")).json()["details"]["plans"] == "heard 180 seconds ago"


async def test_plans_outlive_a_restart_without_the_authorization_server(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        learn(world, tenant("free"))
        world.plans._save()

    async with a_world(tmp_path) as world:
        answers = [(await world.call("new", "list_tasks"))["isError"] for _ in range(3)]

    assert answers == [False, False, True]
