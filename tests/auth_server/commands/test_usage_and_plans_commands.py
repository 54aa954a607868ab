"""`gatepost usage` and `gatepost billing plans|simulate`: an operator reads the books."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import Result
from sqlmodel import col, update

from auth_server.db.engine import DbSession, open_database
from auth_server.gateway_api.write_calls import write_calls
from auth_server.metering.notice_quotas import notice_quotas
from auth_server.notices.compare_books import compare_books
from auth_server.records.billing_accounts.store import add_account, lock_account
from auth_server.records.metered_hours.table import MeteredHour
from auth_server.records.plan_requests.store import put_request
from auth_server.records.usage.table import UsageDay, UsageHour
from support.in_process.call_events import call_event

Operate = Callable[..., Result]
NOW = datetime.now(UTC)
LAST_MONTH = (NOW.replace(day=1) - timedelta(days=1)).replace(day=10)
PLANS = """
plans:
  - {name: free, title: Free, per_minute: 60, burst: 30, daily_units: 20}
  - name: pro
    title: Pro
    per_minute: 600
    burst: 100
    overage: true
    price: {monthly: 20, included_units: 100, steps: [{unit_price: "0.015"}]}
"""


def change(url: str, work: Callable[[DbSession], Awaitable[object]]) -> None:
    """Do something to the database."""

    async def run() -> None:
        database = open_database(url)
        async with database.writing() as db, db.begin():
            await work(db)
        await database.close()

    asyncio.run(run())


def call(url: str, *batches: tuple[datetime, int, dict[str, Any]]) -> None:
    """Have calls of Ada's in Acme be written, each batch at a time and so many."""
    events = [call_event(at, **changes) for at, times, changes in batches for _ in range(times)]
    change(url, lambda db: write_calls(db, events, now=NOW))


@pytest.mark.both_databases
def test_an_operator_sees_who_is_nearest_to_a_quota_and_what_they_use(
    operate: Operate, database_url: str
) -> None:
    globex = {"tenant_id": "org_globex", "sub": "usr_bo", "client_id": "orbit-cli"}
    refused = {**globex, "outcome": "refused", "decision": "refused", "cost": 0}
    call(database_url, (NOW, 40, {}), (NOW, 30, globex), (NOW, 2, refused))

    listed = operate("usage", "show").output
    shown = json.loads(operate("usage", "show", "--tenant", "org_globex", "--json").output)
    told = operate("usage", "show", "--tenant", "org_globex").output

    assert listed.splitlines() == [
        "org_globex  free  30 units today, 30 this month, 30 % of the nearest quota",
        "org_acme  pro  40 units today, 40 this month, 0 % of the nearest quota",
    ]
    assert shown["people"] == [
        {
            "key": "usr_bo",
            "name": "Bo Lind",
            "calls": 32,
            "refused": 2,
            "units": 30,
            "amount": "0.00",
        }
    ]
    assert [share["name"] for share in shown["clients"]] == ["Orbit CLI"]
    assert "day: 30 of 100" in told
    assert "list_tasks: 30 units, 0.00 USD, 32 calls, 2 refused" in told


@pytest.mark.both_databases
def test_the_books_are_found_to_agree_or_not(operate: Operate, database_url: str) -> None:
    call(database_url, (LAST_MONTH, 3, {"cost": 5}), (LAST_MONTH, 2, {"env": "test"}))
    month = f"{LAST_MONTH:%Y-%m}"
    agreed = operate("usage", "reconcile", "--month", month)

    change(
        database_url,
        lambda db: db.execute(
            update(UsageHour).where(col(UsageHour.env) == "live").values(units=14)
        ),
    )
    differ = operate("usage", "reconcile", "--month", month)

    assert (agreed.exit_code, f"agree in {month}" in agreed.output) == (0, True)
    assert differ.exit_code == 1
    assert "org_acme  live" in differ.output
    assert "15 units in the ledger, 14 in the usage by the hour, 15 to export" in differ.output
    assert "test" not in differ.output


def test_a_day_that_is_not_the_sum_of_its_hours_is_found_and_the_server_mends_it(
    operate: Operate, database_url: str
) -> None:
    call(database_url, (LAST_MONTH, 3, {"cost": 5}))
    change(database_url, lambda db: db.execute(update(UsageDay).values(calls=1)))
    month = f"{LAST_MONTH:%Y-%m}"

    async def mend() -> None:
        database = open_database(database_url)
        await compare_books(database, now=LAST_MONTH.replace(hour=1) + timedelta(days=1))
        await database.close()

    differ = operate("usage", "reconcile", "--month", month)
    asyncio.run(mend())
    agree = operate("usage", "reconcile", "--month", month)

    assert differ.exit_code == 1
    assert f"{LAST_MONTH:%Y-%m-%d}: the usage by the day is not the sum" in differ.output
    assert agree.exit_code == 0, agree.output


@pytest.mark.both_databases
def test_units_that_are_missing_from_the_export_are_found(
    operate: Operate, database_url: str
) -> None:
    call(database_url, (LAST_MONTH, 3, {"cost": 5}))
    change(database_url, lambda db: db.execute(update(MeteredHour).values(units=13)))

    differ = operate("usage", "reconcile", "--month", f"{LAST_MONTH:%Y-%m}")

    assert differ.exit_code == 1
    assert "15 units in the ledger, 15 in the usage by the hour, 13 to export" in differ.output


def test_an_operator_simulates_last_month_on_another_plan(
    operate: Operate, database_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "plans.yaml"
    file.write_text(PLANS)
    replaced = operate("billing", "plans", "--set", file)
    call(
        database_url,
        (LAST_MONTH, 130, {}),
        (LAST_MONTH + timedelta(days=1), 15, {}),
        (LAST_MONTH, 30, {"tenant_id": "org_globex"}),
        (NOW, 99, {}),
    )

    pro = operate("billing", "simulate", "--plan", "pro").output
    free = operate("billing", "simulate", "--plan", "free", "--tenant", "org_acme").output

    assert "Gateways learn them" in replaced.output
    assert pro.splitlines() == [
        f"{LAST_MONTH:%Y-%m} on the plan pro:",
        "org_acme: 145 units, 20.68 USD on pro, 20.68 USD on pro",
        "org_globex: 30 units, 0.00 USD on free, 20.00 USD on pro",
        "all: 20.68 USD on their plans, 40.68 USD on pro",
    ]
    assert free.splitlines()[1:] == [
        "org_acme: 145 units, 20.68 USD on pro, 0.00 USD on free, where 110 units would have been refused"
    ]


def test_a_simulation_adds_up_each_currency_alone(
    operate: Operate, database_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "plans.yaml"
    euros = "price: {monthly: 5, currency: eur}"
    file.write_text(PLANS.replace("daily_units: 20}", f"daily_units: 20, {euros}}}"))
    operate("billing", "plans", "--set", file)
    call(database_url, (LAST_MONTH, 1, {}), (LAST_MONTH, 1, {"tenant_id": "org_globex"}))

    simulated = operate("billing", "simulate", "--plan", "free").output

    assert simulated.splitlines()[1:] == [
        "org_acme: 1 unit, 20.00 USD on pro, 5.00 EUR on free",
        "org_globex: 1 unit, 5.00 EUR on free, 5.00 EUR on free",
        "all: 5.00 EUR and 20.00 USD on their plans, 10.00 EUR on free",
    ]


def test_a_plan_can_cost_a_million_won(operate: Operate, tmp_path: Path) -> None:
    file = tmp_path / "plans.yaml"
    file.write_text(PLANS.replace("{monthly: 20,", "{currency: krw, monthly: 1200000,"))

    assert operate("billing", "plans", "--set", file).exit_code == 0


def test_the_printed_plans_can_be_changed_and_stored(operate: Operate, tmp_path: Path) -> None:
    printed = yaml.safe_load(operate("billing", "plans").output)
    assert [plan["name"] for plan in printed["plans"]] == ["free", "pro", "enterprise"]
    printed["plans"][0]["daily_units"] = 250
    file = tmp_path / "plans.yaml"
    file.write_text(yaml.safe_dump(printed))

    assert operate("billing", "plans", "--set", file).exit_code == 0

    assert yaml.safe_load(operate("billing", "plans").output) == printed


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("plans: [{name: free, title: Free, per_minute: 60, burst: 30}]", "pro (1 tenants)"),
        ("plans: [{name: pro, title: Pro, per_minute: 60}]", "plans.0.burst: Field required"),
        ("plans: []", "must not be empty"),
        ("plans: [{name: a, title: A, per_minute: 1, burst: 1, colour: red}]", "plans.0.colour"),
        ("[", "plans.yaml"),
    ],
)
def test_a_file_of_plans_that_makes_no_sense_changes_nothing(
    operate: Operate, tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "plans.yaml"
    file.write_text(text)

    refused = operate("billing", "plans", "--set", file)

    assert refused.exit_code == 1
    assert said in refused.output
    assert "daily_units: 10000" in operate("billing", "plans").output


def test_an_unknown_plan_tenant_or_month_is_named(operate: Operate) -> None:
    plan = operate("billing", "simulate", "--plan", "gold")
    tenant = operate("usage", "show", "--tenant", "org_nowhere")
    month = operate("usage", "reconcile", "--month", "November")

    assert "gold does not exist; the plans are free, pro, enterprise" in plan.output
    assert "the tenant org_nowhere does not exist" in tenant.output
    assert "must be a month such as 2026-11" in month.output
    assert {plan.exit_code, tenant.exit_code} == {1} and month.exit_code == 2


def test_an_operator_reads_the_books_of_a_month_and_of_a_tenant(
    operate: Operate, sqlite_url: str
) -> None:
    call(sqlite_url, (LAST_MONTH, 3, {"cost": 5, "meter": "calls"}))
    month = ("--month", f"{LAST_MONTH:%Y-%m}")

    told = operate("usage", "books", *month)
    tenant = operate("usage", "books", *month, "--tenant", "org_acme").output
    as_json = json.loads(operate("usage", "books", *month, "--json").output)

    assert "Nothing is exported: the settings name no system" in told.output
    assert "org_acme  15 billable, 0 confirmed" in told.output
    assert "15 units: no export" in tenant
    assert (as_json["verdict"], as_json["units"]) == ("not_exported", 15)
    nobody = operate("usage", "books", "--tenant", "org_none")
    assert (nobody.exit_code, "org_none does not exist" in nobody.output) == (1, True)


def test_an_operator_gives_a_tenant_that_asked_another_plan(
    operate: Operate, sqlite_url: str
) -> None:
    change(sqlite_url, lambda db: put_request(db, "org_globex", "usr_bo", now=NOW))

    asked = operate("billing", "requests").output
    moved = operate("billing", "move", "org_globex", "enterprise")
    listed = operate("usage", "show").output

    assert "org_globex  free  usr_bo" in asked
    assert "org_globex has the plan enterprise." in moved.output
    assert "org_globex  enterprise" in listed
    gold = operate("billing", "move", "org_globex", "gold")
    assert (gold.exit_code, "plan: must be one of free, pro" in gold.output) == (1, True)


def test_a_tenant_whose_subscription_gives_its_plan_keeps_it(
    operate: Operate, sqlite_url: str
) -> None:
    async def subscribe(db: DbSession) -> None:
        await add_account(db, "org_globex", "cus_globex", now=NOW)
        account = await lock_account(db, "org_globex")
        assert account is not None
        account.status, account.plan = "active", "free"

    change(sqlite_url, subscribe)
    add = ("tenants", "add", "org_globex", "--name", "Globex", "--tier", "pro")
    for arguments in (("billing", "move", "org_globex", "pro"), add):
        refused = operate(*arguments)
        assert refused.exit_code == 1
        assert "the subscription at Stripe gives this tenant the plan free" in refused.output


def test_limits_that_are_near_are_listed(operate: Operate, sqlite_url: str) -> None:
    globex = {"tenant_id": "org_globex", "sub": "usr_bo"}
    assert "No limit is near." in operate("usage", "limits").output
    call(sqlite_url, (NOW, 90, globex))

    async def notice() -> None:
        database = open_database(sqlite_url)
        await notice_quotas(database, NOW)
        await database.close()

    asyncio.run(notice())
    assert "org_globex  free  day  90 of 100 units, 90 %" in operate("usage", "limits").output
    [listed] = json.loads(operate("usage", "limits", "--json").output)
    assert (listed["tenant_name"], listed["percent"]) == ("Globex", 90)
