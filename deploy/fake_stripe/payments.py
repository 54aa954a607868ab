"""Single payments: Checkout in payment mode, refunds and disputes."""

from fake_stripe.account import Account, Object
from fake_stripe.errors import StripeError
from fake_stripe.form import Params

REFUND = frozenset({"payment_intent", "charge", "amount", "reason", "metadata"})


def read_payment_line(params: Params) -> tuple[str, int, str]:
    """Return the name, the amount and the currency of a session's one line, whose price is inline.

    Raises:
        StripeError: there is another number of lines, or the amount is not a whole number above zero.
    """
    lines = params.get("line_items", ())
    if len(lines) != 1:
        raise StripeError("Exactly one line item is imitated.", param="line_items")
    price: Params = lines[0].get("price_data", {})
    amount = price.get("unit_amount", "")
    if not amount.isdigit() or not 0 < int(amount) <= 99_999_999:
        raise StripeError(f"Invalid integer: {amount}", param="line_items[0][price_data]")
    quantity = int(lines[0].get("quantity", 1))
    return price["product_data"]["name"], int(amount) * quantity, price["currency"]


def pay(account: Account, session: Object) -> Object:
    """Make the payment of a Checkout session, which succeeds at once."""
    data: Params = session["_payment_intent_data"]
    payment = account.add(
        "payment_intent",
        "pi",
        customer=session["customer"],
        amount=session["amount_total"],
        amount_received=session["amount_total"],
        currency=session["currency"],
        status="succeeded",
        metadata=data.get("metadata", {}),
    )
    charge = account.add(
        "charge",
        "ch",
        customer=session["customer"],
        payment_intent=payment["id"],
        amount=payment["amount"],
        amount_refunded=0,
        currency=payment["currency"],
        disputed=False,
        paid=True,
        refunded=False,
        metadata=payment["metadata"],
        status="succeeded",
    )
    payment["latest_charge"] = charge["id"]
    account.tell("payment_intent.succeeded", payment)
    account.tell("charge.succeeded", charge)
    return payment


def list_payments(account: Account, params: Params) -> list[Object]:
    """List the payments of a customer, with their charges if these are to be expanded."""
    found = list(account.every("payment_intent", customer=params.get("customer")))
    if "data.latest_charge" not in params.get("expand", []):
        return found
    return [{**one, "latest_charge": account.objects[one["latest_charge"]]} for one in found]


def create_refund(account: Account, params: Params) -> Object:
    """Refund a payment, or a part of it.

    Raises:
        StripeError: it is more than what is left of the payment.
    """
    key = params.get("payment_intent")
    charge = account.find(
        "charge",
        account.find("payment_intent", key)["latest_charge"] if key else params.get("charge", ""),
    )
    left = charge["amount"] - charge["amount_refunded"]
    amount = int(params.get("amount", left))
    if not 0 < amount <= left:
        raise StripeError("Charge has already been refunded.", code="charge_already_refunded")
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    refund = account.add(
        "refund",
        "re",
        amount=amount,
        charge=charge["id"],
        payment_intent=charge["payment_intent"],
        currency=charge["currency"],
        status="succeeded",
    )
    account.tell("charge.refunded", charge)
    return refund


def dispute(account: Account, charge: Object) -> Object:
    """Let the customer's bank dispute a charge."""
    charge["disputed"] = True
    made = account.add(
        "dispute",
        "dp",
        amount=charge["amount"],
        charge=charge["id"],
        payment_intent=charge["payment_intent"],
        currency=charge["currency"],
        reason="fraudulent",
        status="needs_response",
    )
    account.tell("charge.dispute.created", made)
    return made
