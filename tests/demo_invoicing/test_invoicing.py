"""The demo's second API: forms, payments that happen once, and rows of one organisation."""

import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from starlette.routing import Route

import demo_invoicing
from demo_invoicing.app import create_app
from demo_invoicing.errors import Refused
from demo_invoicing.forms import read_params
from demo_invoicing.settings import Settings
from gatepost.document import read_document
from support.in_process.invoicing import HERE, KEY, URL, Invoicing

DRAFT = {
    "customer": "cus_northwind",
    "currency": "EUR",
    "due_on": "2027-03-31",
    "lines": [
        {"description": "Design & copy", "amount": 12_050, "quantity": 2},
        {"description": "Print", "amount": 900},
    ],
}


async def test_an_invoice_is_drafted_from_a_form_sent_and_paid(invoicing: Invoicing) -> None:
    draft = await invoicing.call("create_invoice", DRAFT)
    assert (draft["status"], draft["total"], draft["currency"]) == ("draft", 25_000, "eur")
    assert draft["lines"][0]["description"] == "Design & copy"
    body = invoicing.requests[-1].body
    assert b"lines%5B0%5D%5Bamount%5D=12050" in body
    sent = await invoicing.call("send_invoice", {"id": draft["id"]})
    assert sent["status"] == "open"
    await invoicing.call("create_payment", {"invoice": draft["id"], "amount": 10_000})
    assert (await invoicing.call("get_invoice", {"id": draft["id"]}))["paid"] == 10_000
    await invoicing.call("create_payment", {"invoice": draft["id"], "amount": 15_000})
    assert (await invoicing.call("get_invoice", {"id": draft["id"]}))["status"] == "paid"
    paid = await invoicing.call("list_payments", {"invoice": draft["id"]})
    assert sorted(one["amount"] for one in paid["data"]) == [10_000, 15_000]


async def test_a_payment_whose_answer_is_lost_is_made_once(invoicing: Invoicing) -> None:
    invoicing.lose_answers = 2
    paid = await invoicing.call("create_payment", {"invoice": "inv_1001", "amount": 1_000})
    assert paid["amount"] == 1_000
    assert len(invoicing.requests) == 3
    keys = {dict(request.headers)["Idempotency-Key"] for request in invoicing.requests}
    assert len(keys) == 1
    assert (await invoicing.call("get_invoice", {"id": "inv_1001"}))["paid"] == 1_000


@pytest.mark.parametrize(
    ("tool", "arguments", "told"),
    [
        ("create_payment", {"invoice": "inv_1001", "amount": 480_001}, "more than the 480000"),
        ("create_payment", {"invoice": "inv_1002", "amount": 1}, "inv_1002 is draft"),
        ("void_invoice", {"id": "inv_1004"}, "is paid already"),
        ("create_invoice", DRAFT | {"customer": "cus_hooli"}, "no customer cus_hooli"),
        ("create_customer", {"name": "N", "email": "n", "team": "design"}, "e-mail address"),
        ("get_customer", {"id": "cus_none"}, "no customer cus_none"),
    ],
)
async def test_a_model_reads_why_a_request_is_refused(
    invoicing: Invoicing, tool: str, arguments: dict[str, Any], told: str
) -> None:
    assert told in await invoicing.call(tool, arguments)


async def test_no_organisation_sees_or_changes_what_another_has_a315(invoicing: Invoicing) -> None:
    globex = {"tenant_id": "org_globex", "sub": "usr_bo"}
    mine = await invoicing.call("list_invoices")
    theirs = await invoicing.call("list_invoices", **globex)
    assert {one["org_id"] for one in mine["data"]} == {"org_acme"}
    assert {one["org_id"] for one in theirs["data"]} == {"org_globex"}
    for tool in ("get_invoice", "send_invoice", "void_invoice"):
        assert "There is no invoice" in await invoicing.call(tool, {"id": "inv_1002"}, **globex)
    payment = {"invoice": "inv_1001", "amount": 1}
    assert "There is no invoice" in await invoicing.call("create_payment", payment, **globex)
    assert (await invoicing.call("get_invoice", {"id": "inv_1002"}))["status"] == "draft"


async def test_a_data_scope_leaves_only_the_customers_of_its_teams(invoicing: Invoicing) -> None:
    design = {"data_scope": "team:design"}
    customers = await invoicing.call("list_customers", **design)
    assert [one["id"] for one in customers["data"]] == ["cus_northwind"]
    assert "There is no invoice" in await invoicing.call(
        "get_invoice", {"id": "inv_1003"}, **design
    )
    new = {"name": "Hooli", "email": "h@hooli.example", "team": "engineering"}
    assert "team must be one of design" in await invoicing.call("create_customer", new, **design)


async def test_only_the_gateway_with_its_key_and_an_assertion_is_served_a312(
    invoicing: Invoicing,
) -> None:
    await invoicing.call("list_invoices")
    assertion = dict(invoicing.requests[-1].headers)["Gatepost-Assertion"]
    for headers in (
        {},
        {"X-Api-Key": KEY},
        {"X-Api-Key": "wrong", "Gatepost-Assertion": assertion},
        {"X-Api-Key": KEY, "Gatepost-Assertion": f"{assertion}x"},
        {"X-Api-Key": KEY, "Gatepost-Assertion": assertion},  # used before
    ):
        answer = await invoicing.http.get(f"{URL}/v1/invoices", headers=headers)
        assert answer.status_code == 401, headers


@pytest.mark.parametrize(
    ("form", "read"),
    [
        ("a=1&b%5Bc%5D=2", {"a": "1", "b": {"c": "2"}}),
        ("lines[0][a]=1&lines[1][a]=2", {"lines": [{"a": "1"}, {"a": "2"}]}),
        ("", {}),
    ],
)
def test_brackets_in_a_form_nest_values(form: str, read: dict[str, Any]) -> None:
    assert read_params(form) == read


@pytest.mark.parametrize("form", ["a=1&a[b]=2", "a[b]=1&a=2", "a=1&a=2", "&".join(["a"] * 1001)])
def test_a_form_that_says_two_things_is_refused(form: str) -> None:
    with pytest.raises(Refused):
        read_params(form)


def test_the_document_describes_every_route_and_no_other() -> None:
    settings = Settings(Path("none.sqlite"), URL, "http://gateway/mcp", "http://gateway/jwks", KEY)
    served = {
        (route.path, method.lower())
        for route in create_app(settings).routes
        if isinstance(route, Route) and route.path.startswith("/v1/")
        for method in (route.methods or set()) - {"HEAD"}
    }
    document = read_document(HERE / "openapi.yaml")
    described = {(path, method) for path, item in document["paths"].items() for method in item}
    assert served == described


async def test_the_answers_are_as_the_document_describes_them(invoicing: Invoicing) -> None:
    document = read_document(HERE / "openapi.yaml")
    for tool, schema in (
        ("list_invoices", "InvoicePage"),
        ("list_customers", "CustomerPage"),
        ("list_payments", "PaymentPage"),
    ):
        reference = {"$ref": f"#/components/schemas/{schema}", **document}
        assert jsonschema_rs.is_valid(reference, await invoicing.call(tool))


def test_only_the_tenancy_module_reads_unfiltered_tables() -> None:
    folder = Path(demo_invoicing.__file__).parent
    found = {
        path.name
        for path in folder.glob("*.py")
        if re.search(r"(FROM|JOIN) main\.", path.read_text())
    }
    assert found == {"tenancy.py"}
