"""Operators see whether every unit reaches an invoice, and what is in the way."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from sqlmodel import col, update

from auth_server.administration.scopes import READS
from auth_server.exports.exporting import Exporting
from auth_server.exports.open import opened_exports
from auth_server.exports.run import export_usage
from auth_server.gateway_api.write_calls import write_calls
from auth_server.notices.compare_books import compare_books
from auth_server.records.operators.store import put_operator
from auth_server.records.operators.table import Operator
from auth_server.records.plans.terms import FREE, PRO, Price, PriceStep
from auth_server.records.refused_events.store import Refused, add_refused
from auth_server.records.usage.table import UsageHour
from auth_server.records.usage_exports.table import ExportState, UsageExport
from gatepost.metering.call_event import write_event
from gatepost.metering.plans import month_of
from support.in_process.admin_api import AdminApi, admin_api
from support.in_process.auth_server import AuthServer
from support.in_process.call_events import call_event
from support.in_process.clock import Clock
from support.in_process.person import Page, Person
from support.in_process.stripe import Shop, running_shop

METERED = PRO.model_copy(
    update={"overage": True, "price": Price(steps=(PriceStep(unit_price=Decimal("0.01")),))}
)


@pytest.fixture
async def shop(database_url: str, clock: Clock) -> AsyncIterator[Shop]:
    """A server that exports to Stripe, where Globex has a subscription and Acme has none."""
    export = {"kind": "stripe"}
    async with running_shop(database_url, clock, thin=True, usage_export=export) as made:
        await made.offer(FREE, METERED)
        await made.sync()
        await made.buy()
        clock.advance(minutes=1)
        yield made


@pytest.fixture
async def exporting(shop: Shop) -> AsyncIterator[Exporting]:
    async with opened_exports(shop.server.opened, shop.billing) as opened:
        assert opened is not None
        yield opened


async def call(server: AuthServer, units: int, tenant: str = "org_globex") -> str:
    """Make one call that costs units, and return its id."""
    event = call_event(
        server.clock(), tenant_id=tenant, cost=units, meter="calls", outcome="success"
    )
    async with server.opened.transaction() as db:
        await write_calls(db, [event], now=server.clock())
    return event.call_id


async def at_books(
    server: AuthServer, path: str = "/console/books", email: str = "op@orbit.example"
) -> tuple[Person, Page]:
    person = server.person(email)
    return person, await person.sign_in(await person.open(path))


async def become_viewer(server: AuthServer) -> None:
    async with server.opened.transaction() as db:
        cy = Operator(person_id="usr_cy", role="viewer", created_at=server.clock())
        await put_operator(db, cy)


async def park(server: AuthServer, problem: str = "meter_event_customer_not_found") -> None:
    async with server.opened.transaction() as db:
        await db.execute(update(UsageExport).values(state=ExportState.PARKED, problem=problem))


async def items(api: AdminApi, path: str, member: str = "items", **query: Any) -> list[Any]:
    """Read a whole list, one row at a time."""
    found: list[Any] = []
    after = ""
    while True:
        answer = await api.call("GET", path, params={**query, "limit": 1, "after": after})
        assert answer.status_code == 200, answer.text
        found += answer.json()[member]
        if answer.json()["next"] is None:
            return found
        after = answer.json()["next"]


@pytest.mark.both_databases
async def test_units_wait_until_stripe_has_confirmed_each_of_them(
    shop: Shop, exporting: Exporting
) -> None:
    api = await admin_api(shop.server, ["books:read"])
    month = month_of(shop.clock())
    for units in (2, 3):
        await call(shop.server, units)
    await call(shop.server, 7, "org_acme")
    op, page = await at_books(shop.server)
    assert f"Nothing of {month} waits to be exported." in page.text

    shop.clock.advance(hours=2)
    page = await op.open(f"/console/books?month={month}")
    assert "5 units of Globex wait since" in page.text
    books = (await api.call("GET", "/books", params={"month": month})).json()
    numbers = {name: books[name] for name in ("verdict", "units", "waiting", "without_customer")}
    assert numbers == {"verdict": "waiting", "units": 12, "waiting": 5, "without_customer": 7}

    await export_usage(exporting)
    page = await op.open(f"/console/books?month={month}")
    assert f"All 5 billable units of {month} are exported to Stripe." in page.text
    assert "no customer at Stripe" in page.text
    assert "Globex" not in page.text
    page = await op.open(f"/console/books?month={month}&shown=all")
    assert "Globex" in page.text
    rows = await items(api, "/books/tenants", month=month)
    assert [(one["tenant_name"], one["confirmed"], one["unplanned"]) for one in rows] == [
        ("Acme", 0, 7),
        ("Globex", 5, 0),
    ]


@pytest.mark.both_databases
async def test_a_unit_is_followed_from_the_month_to_its_call(
    shop: Shop, exporting: Exporting
) -> None:
    month = month_of(shop.clock())
    calls = [await call(shop.server, 1) for _ in range(3)]
    shop.clock.advance(hours=2)
    await export_usage(exporting)
    await call(shop.server, 4)

    op, page = await at_books(shop.server, f"/console/books?month={month}&shown=all")
    [link] = [link for link in page.links if "/console/books/tenant?" in link]
    page = await op.open(link)
    days = [link for link in page.links if "day=" in link]
    assert "4 without export" in page.text
    pages = [await op.open(day) for day in days]
    assert "confirmed" in pages[-1].text
    hours = [link for one in pages for link in one.links if "/console/books/hour?" in link]
    assert len(hours) == 2
    page = await op.open(hours[1])
    assert "Every unit of this hour is confirmed." in page.text
    stories = [link for link in page.links if "/console/call?" in link]
    assert {link.partition("call=")[2] for link in stories} == set(calls)
    page = await op.open(stories[0])
    assert "Units and invoice" in page.text

    api = await admin_api(shop.server, ["books:read"])
    where = "/books/tenants/org_globex"
    by_hour = await items(api, where, "hours", month=month)
    assert [(one["units"], one["exported"]) for one in by_hour] == [(4, 0), (3, 3)]
    by_day = (await api.call("GET", where, params={"month": month})).json()["days"]
    assert sum(one["units"] for one in by_day) == 7
    assert sum(one["confirmed"] for one in by_day) == 3
    only = (await api.call("GET", where, params={"month": by_day[-1]["day"]})).json()
    assert only["hours"][-1] == by_hour[1]
    assert only["day"] == by_day[-1]["day"]
    hour = {"meter": "calls", "hour": by_hour[1]["hour"]}
    listed = await items(api, f"{where}/calls", "calls", **hour)
    assert {one["call_id"] for one in listed} == set(calls)


@pytest.mark.both_databases
async def test_what_stripe_counted_is_compared_with_what_it_confirmed(
    shop: Shop, exporting: Exporting
) -> None:
    await call(shop.server, 6)
    month = month_of(shop.clock())
    shop.clock.advance(hours=2)
    await export_usage(exporting)
    where = f"tenant?tenant=org_globex&month={month}"
    op, page = await at_books(shop.server, f"/console/books/{where}")
    [link] = [link for link in page.links if "/console/books/tenant/system?" in link]
    page = await op.open(link)
    assert f"Stripe counts the same 6 units in {month}." in page.text

    async with shop.server.opened.transaction() as db:
        await db.execute(update(UsageExport).values(units=9))
    page = await op.open(link)
    assert f"Stripe counts 6 units in {month}, 9 are confirmed." in page.text
    api = await admin_api(shop.server, ["books:read"])
    answer = await api.call("GET", "/books/tenants/org_globex/system", params={"month": month})
    assert (answer.json()["confirmed"], answer.json()["counted"]) == (9, 6)
    answer = await api.call("GET", "/books/tenants/org_acme/system")
    assert answer.status_code == 422
    assert "the system knows no customer for this tenant" in answer.text


@pytest.mark.both_databases
async def test_an_operator_decides_about_an_export_that_stripe_refused(
    shop: Shop, exporting: Exporting
) -> None:
    await call(shop.server, 5)
    shop.clock.advance(hours=2)
    await export_usage(exporting)
    await park(shop.server)

    op, page = await at_books(shop.server)
    assert "5 units can't be exported to Stripe before somebody decides" in page.text
    page = await op.open("/console/books/exports")
    assert "meter_event_customer_not_found" in page.text
    await become_viewer(shop.server)
    _, seen = await at_books(shop.server, "/console/books/exports", "cy@nowhere.example")
    assert "meter_event_customer_not_found" in seen.text
    assert "/console/books/exports" not in seen.forms

    page = await op.press(page, "It was counted")
    assert "No export awaits your decision." in page.text
    api = await admin_api(shop.server)
    [entry] = (await api.call("GET", "/audit", params={"event": "usage.export_decided"})).json()[
        "items"
    ]
    assert (entry["tenant_id"], entry["detail"]["operator"]) == ("org_globex", "usr_op")

    await park(shop.server)
    [parked] = await items(api, "/books/exports")
    reader = await admin_api(shop.server, READS)
    path = f"/books/exports/{parked['identifier']}/decision"
    assert (await reader.call("POST", path, json={"counted": False})).status_code == 403
    again = (await api.call("POST", path, json={"counted": False})).json()
    assert again["state"] == "planned"
    assert again["identifier"] != parked["identifier"]
    assert (await api.call("POST", path, json={"counted": True})).status_code == 404


@pytest.mark.both_databases
async def test_a_difference_that_the_nightly_comparison_found_is_on_top_until_it_is_mended(
    shop: Shop,
) -> None:
    shop.clock.advance_to_last_noon()
    month = month_of(shop.clock())
    await call(shop.server, 5)
    async with shop.server.opened.transaction() as db:
        await db.execute(update(UsageHour).where(col(UsageHour.units) == 5).values(units=8))
    _, page = await at_books(shop.server, f"/console/books?month={month}")
    assert "They have not been compared yet." in page.text

    shop.clock.advance(days=1)
    await compare_books(shop.server.opened.database, now=shop.clock())
    _, page = await at_books(shop.server, f"/console/books?month={month}")
    assert f"The ledger and the usage of {month} differ in 1 place." in page.text
    api = await admin_api(shop.server, ["books:read"])
    books = (await api.call("GET", "/books", params={"month": month})).json()
    [one] = books["differences"]
    assert (one["tenant_name"], one["ledger"], one["usage"], one["metered"]) == ("Globex", 5, 8, 5)

    async with shop.server.opened.transaction() as db:
        await db.execute(update(UsageHour).values(units=5))
    shop.clock.advance(days=1)
    await compare_books(shop.server.opened.database, now=shop.clock())
    _, page = await at_books(shop.server, f"/console/books?month={month}")
    assert "agree: 5 units" in page.text


@pytest.mark.both_databases
async def test_a_refused_event_is_written_once_its_cause_is_gone(auth_server: AuthServer) -> None:
    event = call_event(auth_server.clock(), cost=3, meter="calls", outcome="success")
    async with auth_server.opened.transaction() as db:
        refused = [Refused(write_event(event), "the database refuses it"), Refused(b"{", "no JSON")]
        await add_refused(db, refused, now=auth_server.clock())
    op, page = await at_books(auth_server, "/console/books/refused")
    assert "the database refuses it" in page.text
    api = await admin_api(auth_server)
    rows = await items(api, "/books/refused")
    by_reason = {one["reason"]: one["digest"] for one in rows}
    assert len(by_reason) == 2

    form = page.forms["/console/books/refused"].fields
    fields = {**form, "digest": by_reason["the database refuses it"]}
    done = await op.send(page, "/console/books/refused", [*fields.items()])
    assert "1 call was written." in done.text
    still = (await api.call("POST", f"/books/refused/{by_reason['no JSON']}/write")).json()
    assert (still["written"], bool(still["problem"])) == (0, True)
    assert (await api.call("GET", f"/calls/{event.call_id}")).status_code == 200
    assert [one["reason"] for one in await items(api, "/books/refused")] == ["no JSON"]


async def test_a_viewer_writes_no_refused_event_and_links_no_customer(
    sqlite_server: AuthServer,
) -> None:
    async with sqlite_server.opened.transaction() as db:
        await add_refused(db, [Refused(b"{", "no JSON")], now=sqlite_server.clock())
    op, page = await at_books(sqlite_server, "/console/books/refused")
    async with sqlite_server.opened.transaction() as db:
        at = sqlite_server.clock()
        await put_operator(db, Operator(person_id="usr_op", role="viewer", created_at=at))

    seen = await op.open("/console/books/refused")
    assert "no JSON" in seen.text
    assert "/console/books/refused" not in seen.forms
    assert (await op.press(page, "Write again")).status == 403
    reader = await admin_api(sqlite_server, READS)
    link = {"customer": "cus_1"}
    answer = await reader.call("PUT", "/books/tenants/org_acme/customer", json=link)
    assert answer.status_code == 403
    assert len(await items(reader, "/books/refused")) == 1


async def test_an_operator_links_a_tenant_to_the_customer_that_pays(
    sqlite_url: str, clock: Clock
) -> None:
    export = {"kind": "metronome", "token": "t"}
    async with running_shop(sqlite_url, clock, usage_export=export) as shop:
        await call(shop.server, 2)
        where = "/console/books/tenant?tenant=org_globex"
        op, page = await at_books(shop.server, where)
        page = await op.press(page, "Save", fill={"customer": "cus_globex"})
        assert "Saved." in page.text
        api = await admin_api(shop.server)
        query = {"event": "usage.customer_linked"}
        [entry] = (await api.call("GET", "/audit", params=query)).json()["items"]
        assert entry["detail"]["customer"] == "cus_globex"
        long = {"customer": "x" * 256}
        refused = await api.call("PUT", "/books/tenants/org_globex/customer", json=long)
        assert refused.status_code == 422


async def test_nothing_is_called_exported_where_no_system_takes_the_units(
    sqlite_server: AuthServer,
) -> None:
    await call(sqlite_server, 5)
    sqlite_server.clock.advance(hours=2)
    _, page = await at_books(sqlite_server, "/console/books?shown=all")
    assert "The 5 billable units" in page.text
    assert "are not exported" in page.text


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/books", {"month": "2026-13"}),
        ("/books/tenants", {"month": "now"}),
        ("/books/exports", {"after": "x"}),
        ("/books/refused", {"after": "2026~"}),
        ("/books/tenants/org_acme", {"after": "x"}),
    ],
)
async def test_a_malformed_month_or_place_is_refused_by_name(
    table_server: AuthServer, path: str, query: dict[str, str]
) -> None:
    answer = await (await admin_api(table_server)).call("GET", path, params=query)
    assert answer.status_code == 422
    assert [one["field"] for one in answer.json()["errors"]] == list(query)


async def test_nobody_else_sees_the_books(sqlite_server: AuthServer) -> None:
    await call(sqlite_server, 5)
    other = await admin_api(sqlite_server, ["usage:read", "billing:read"])
    for path in ("/books", "/books/tenants", "/books/tenants/org_acme", "/books/exports"):
        assert (await other.call("GET", path)).status_code == 403
    ada, _ = await at_books(sqlite_server, "/console/books", "ada@acme.example")
    for path in ("books", "books/tenant?tenant=org_acme", "books/exports", "books/refused"):
        answer = await ada.http.get(f"/console/{path}")
        assert answer.status_code == 403
        assert "Globex" not in answer.text
