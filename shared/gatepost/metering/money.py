"""Amounts of money for people, with the decimals of their currency."""

from decimal import ROUND_HALF_UP, Decimal

# https://docs.stripe.com/currencies: other currencies have two decimals.
WITHOUT_DECIMALS = frozenset(
    {
        "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga",
        "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf",
    }
)  # fmt: skip
WHOLE_HUNDREDS = frozenset({"isk", "ugx"})
"""Without decimals too, but Stripe counts them in hundredths, and only in whole hundreds of these."""
THREE_DECIMALS = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})


def decimals_of(currency: str) -> int:
    """Return the number of decimals in which an amount of a currency is paid."""
    if currency in WITHOUT_DECIMALS or currency in WHOLE_HUNDREDS:
        return 0
    return 3 if currency in THREE_DECIMALS else 2


def minor_units(currency: str) -> int:
    """Return how many of Stripe's smallest units of a currency one whole unit has."""
    if currency in WITHOUT_DECIMALS:
        return 1
    return 1000 if currency in THREE_DECIMALS else 100


def format_amount(amount: Decimal, currency: str) -> str:
    """Write an amount with its currency, such as `49.00 USD` or `500 JPY`."""
    return f"{format_number(amount, currency)} {currency.upper()}"


def format_number(amount: Decimal, currency: str) -> str:
    """Write an amount with the decimals of its currency, rounded half up."""
    return f"{amount.quantize(Decimal(1).scaleb(-decimals_of(currency)), ROUND_HALF_UP):f}"
