"""Operators give credit, take it back, and cap what usage may cost, at the console and by programs."""

from decimal import Decimal

import pytest

from auth_server.administration.scopes import READS
from auth_server.records.plans.store import replace_plans
from auth_server.records.plans.terms import FREE, PRO, Price, PriceStep
from support.in_process.admin_api import admin_api
from support.in_process.auth_server import AuthServer

PAGE = "/console/tenant/credit?tenant=org_globex"
SELLING = FREE.model_copy(
    update={
        "price": Price(
            currency="eur",
            steps=(PriceStep(unit_price=Decimal("0.01")),),
            credits=(Decimal(20),),
        )
    }
)


@pytest.mark.both_databases
async def test_an_operator_gives_credit_takes_it_back_and_caps_usage(
    auth_server: AuthServer,
) -> None:
    async with auth_server.opened.transaction() as db:
        await replace_plans(db, (SELLING, PRO))
    op = auth_server.person("op@orbit.example")
    page = await op.sign_in(await op.open(PAGE))
    assert "This organisation has no credit." in page.text

    given = {"amount": "49.50", "reason": "sorry", "expires": "2099-01-01"}
    page = await op.press(page, "Give credit", fill=given)
    assert "Saved." in page.text
    assert "49.50 EUR" in page.text
    page = await op.press(page, "Take back the rest", fill={"reason": "a mistake"})
    assert "0.00 EUR" in page.text
    page = await op.press(page, "Save cap", fill={"cap": "15"})
    assert "which pays for 1 500 units" in page.text
    page = await op.press(page, "Remove cap")
    assert "Usage has no cap in money." in page.text

    api = await admin_api(auth_server)
    where = "/tenants/org_globex"
    body = {"amount": "5", "reason": "trial", "expires_at": "2099-01-01T00:00:00Z"}
    made = await api.call("POST", f"{where}/credits", json=body)
    assert (made.status_code, made.json()["left"]) == (201, "5")
    credit_id = made.json()["credit_id"]
    listed = (await api.call("GET", f"{where}/credits")).json()
    assert sorted(one["left"] for one in listed) == ["0", "5"]
    wrong = f"/tenants/org_acme/credits/{credit_id}/revoke"
    assert (await api.call("POST", wrong, json={"reason": "x"})).status_code == 404
    right = f"{where}/credits/{credit_id}/revoke"
    assert (await api.call("POST", right, json={"reason": "x"})).json()["left"] == "5"
    assert (await api.call("GET", f"{where}/cap")).json() is None
    cap = (await api.call("PUT", f"{where}/cap", json={"amount": "20", "hard": False})).json()
    assert (cap["monthly_units"], cap["hard"]) == (2000, False)
    assert (await api.call("DELETE", f"{where}/cap")).status_code == 204
    query = {"event": "credit.added", "tenant": "org_globex"}
    added = (await api.call("GET", "/audit", params=query)).json()["items"]
    assert "usr_op" in {one["detail"]["operator"] for one in added}


async def test_credit_that_makes_no_sense_is_refused(sqlite_server: AuthServer) -> None:
    async with sqlite_server.opened.transaction() as db:
        await replace_plans(db, (SELLING, PRO))
    op = sqlite_server.person("op@orbit.example")
    page = await op.sign_in(await op.open(PAGE))
    api, right = await admin_api(sqlite_server), {"amount": "5", "reason": "x"}
    for change, field in (
        ({"amount": "1.234"}, "amount"),
        ({"amount": "NaN"}, "amount"),
        ({"currency": "e\u00fcr"}, "currency"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "2099-01-01T00:00:00"}, "expires_at"),
    ):
        refused = await api.call("POST", "/tenants/org_globex/credits", json={**right, **change})
        assert refused.status_code == 422, refused.text
        assert refused.json()["errors"][0]["field"] == field
    refused_page = await op.press(page, "Give credit", fill={**right, "expires": "soon"})
    assert (refused_page.status, "must be a day" in refused_page.text) == (400, True)
    pro = await api.call("PUT", "/tenants/org_acme/cap", json={"amount": "5"})
    assert (pro.status_code, "cost nothing" in pro.text) == (422, True)
    assert (await api.call("GET", "/tenants/org_none/cap")).status_code == 404
    reader = await admin_api(sqlite_server, READS)
    assert (await reader.call("DELETE", "/tenants/org_globex/cap")).status_code == 403
