"""Customers, invoices and payments: what each route does, with the rows of one organisation."""

import json
import re
import secrets
import sqlite3
from datetime import date
from typing import Any

from demo_invoicing.errors import Refused, invalid, not_found
from demo_invoicing.forms import (
    Params,
    refuse_others,
    take_number,
    take_optional,
    take_text,
)
from demo_invoicing.tenancy import Tenant

Record = dict[str, Any]
_MOST = 1_000_000_000_000
"""The largest amount in minor units, such as cents."""
_STATUSES = ("draft", "open", "paid", "void")


def list_customers(tenant: Tenant, params: Params) -> Record:
    """List the customers by id."""
    return _page(tenant, "customers", "", {}, params)


def get_customer(tenant: Tenant, number: str) -> Record:
    """Return a customer.

    Raises:
        Refused: there is none.
    """
    return _show(_find(tenant, "customer", number))


def create_customer(tenant: Tenant, params: Params) -> Record:
    """Create a customer, who belongs to a team that the caller may see.

    Raises:
        Refused: a parameter is wrong.
    """
    name, email = take_text(params, "name"), take_text(params, "email", most=254)
    team = take_text(params, "team", most=64)
    refuse_others(params)
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", email):
        raise invalid("email must be an e-mail address", "email")
    if tenant.teams is not None and team not in tenant.teams:
        raise invalid(f"team must be one of {', '.join(sorted(tenant.teams))}", "team")
    number = _new_id("cus")
    tenant.add("customers", id=number, team=team, name=name, email=email)
    return get_customer(tenant, number)


def list_invoices(tenant: Tenant, params: Params) -> Record:
    """List invoices by id, of one customer or with one status if asked to."""
    where, values = "", Params()
    for name in ("customer", "status"):
        if (value := take_optional(params, name, most=64)) is not None:
            where += f" AND {name} = :{name}"
            values[name] = value
    if values.get("status", "open") not in _STATUSES:
        raise invalid(f"status must be one of {', '.join(_STATUSES)}", "status")
    return _page(tenant, "invoices", where, values, params)


def get_invoice(tenant: Tenant, number: str) -> Record:
    """Return an invoice.

    Raises:
        Refused: there is none.
    """
    return _show(_find(tenant, "invoice", number))


def create_invoice(tenant: Tenant, params: Params) -> Record:
    """Create a draft.

    Raises:
        Refused: a parameter is wrong, or the customer does not exist.
    """
    customer = _find(tenant, "customer", take_text(params, "customer", most=64))["id"]
    currency, due_on = take_text(params, "currency").lower(), take_text(params, "due_on")
    memo = take_optional(params, "memo")
    given = params.pop("lines", None)
    refuse_others(params)
    if not re.fullmatch(r"[a-z]{3}", currency):
        raise invalid("currency must be a code of three letters, such as eur", "currency")
    try:
        due_on = date.fromisoformat(due_on).isoformat()
    except ValueError:
        raise invalid("due_on must be a date, such as 2027-03-31", "due_on") from None
    lines = _read_lines(given)
    number = _new_id("inv")
    tenant.add(
        "invoices",
        id=number,
        customer=customer,
        status="draft",
        currency=currency,
        lines=json.dumps(lines),
        total=sum(line["amount"] * line["quantity"] for line in lines),
        paid=0,
        due_on=due_on,
        memo=memo,
    )
    return get_invoice(tenant, number)


def send_invoice(tenant: Tenant, number: str) -> Record:
    """Turn a draft into an open invoice, which then no longer changes.

    Raises:
        Refused: there is none, or it is not a draft.
    """
    return _change_status(tenant, number, {"draft"}, "open")


def void_invoice(tenant: Tenant, number: str) -> Record:
    """Void a draft or an open invoice without payments.

    Raises:
        Refused: there is none, or it is paid in part.
    """
    return _change_status(tenant, number, {"draft", "open"}, "void")


def list_payments(tenant: Tenant, params: Params) -> Record:
    """List payments by id, of one invoice if asked to."""
    where, values = "", Params()
    if (invoice := take_optional(params, "invoice", most=64)) is not None:
        where, values = " AND invoice = :invoice", {"invoice": invoice}
    return _page(tenant, "payments", where, values, params)


def create_payment(tenant: Tenant, params: Params) -> Record:
    """Record a payment of an open invoice; the payment that completes the total closes it.

    Raises:
        Refused: a parameter is wrong, or the amount is more than what is due.
    """
    invoice = _find(tenant, "invoice", take_text(params, "invoice", most=64))
    amount = take_number(params, "amount", 1, _MOST)
    refuse_others(params)
    if invoice["status"] != "open":
        raise Refused(409, "conflict", f"{invoice['id']} is {invoice['status']}, not open.")
    due = invoice["total"] - invoice["paid"]
    if amount > due:
        raise invalid(f"amount is more than the {due} that are due", "amount")
    number = _new_id("pay")
    tenant.add("payments", id=number, invoice=invoice["id"], amount=amount)
    tenant.rows(
        "UPDATE main.invoices SET paid = paid + :amount, status = :status "
        "WHERE org_id = :org_id AND id IN (SELECT id FROM invoices WHERE id = :id)",
        amount=amount,
        status="paid" if amount == due else "open",
        id=invoice["id"],
    )
    return _show(_find(tenant, "payment", number))


def _change_status(tenant: Tenant, number: str, before: set[str], after: str) -> Record:
    invoice = _find(tenant, "invoice", number)
    if invoice["status"] not in before or invoice["paid"]:
        raise Refused(409, "conflict", f"{invoice['id']} is {invoice['status']} already.")
    tenant.rows(
        "UPDATE main.invoices SET status = :after "
        "WHERE org_id = :org_id AND id IN (SELECT id FROM invoices WHERE id = :id)",
        after=after,
        id=invoice["id"],
    )
    return get_invoice(tenant, number)


def _read_lines(given: Any) -> list[Record]:
    if not isinstance(given, list) or not 1 <= len(given) <= 100:
        raise invalid("lines must have 1 to 100 lines: lines[0][description], …", "lines")
    lines: list[Record] = []
    for line in given:
        if not isinstance(line, dict):
            raise invalid("each line has description, amount and quantity", "lines")
        lines.append(
            {
                "description": take_text(line, "description"),
                "amount": take_number(line, "amount", 0, _MOST),
                "quantity": take_number(line, "quantity", 1, 10_000, default=1),
            }
        )
        refuse_others(line)
    return lines


def _page(tenant: Tenant, table: str, where: str, values: Params, params: Params) -> Record:
    limit = take_number(params, "limit", 1, 100, default=20)
    after = take_optional(params, "starting_after", most=64) or ""
    refuse_others(params)
    rows = tenant.rows(
        f"SELECT * FROM {table} WHERE id > :after{where} ORDER BY id LIMIT :limit",  # noqa: S608 - names of ours
        after=after,
        limit=limit + 1,
        **values,
    )
    return {"data": [_show(row) for row in rows[:limit]], "has_more": len(rows) > limit}


def _find(tenant: Tenant, kind: str, number: str) -> sqlite3.Row:
    row = tenant.row(f"SELECT * FROM {kind}s WHERE id = :id", id=number)  # noqa: S608 - a name of ours
    if row is None:
        raise not_found(kind, number)
    return row


def _show(row: sqlite3.Row) -> Record:
    shown = dict(row)
    if "lines" in shown:
        shown["lines"] = json.loads(shown["lines"])
    return shown


def _new_id(kind: str) -> str:
    return f"{kind}_{secrets.token_hex(8)}"
