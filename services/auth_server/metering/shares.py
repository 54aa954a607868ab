"""The shares of tools, people, clients and APIs in a month: their calls, units and money."""

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal

from pydantic import BaseModel, ConfigDict

from auth_server.records.plans.terms import Price
from auth_server.records.usage.store import Ranking
from gatepost.metering.money import decimals_of


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class Share(_Value):
    """The calls, units and money of one tool, person, client or API in the month."""

    key: str
    name: str
    calls: int
    refused: int
    """Those of the calls that did nothing, and cost nothing."""
    units: int
    amount: Decimal
    """Its part of the invoice's amount for units, by its part of the units."""


class Rest(_Value):
    """The tools, people, clients or APIs of the month that are not listed, together."""

    number: int
    """How many there are."""
    calls: int
    refused: int
    units: int
    amount: Decimal


class InvoicePreview(_Value):
    """What the units of the month cost until now, in whole units of the plan's currency."""

    currency: str
    monthly: Decimal
    """The flat price of the month, which is not divided: it is the same, whoever calls."""
    usage: Decimal
    """The price of the units beyond the included ones. The amounts of all tools add up to it, and so do
    those of all people and of all clients."""
    total: Decimal


class Shares(_Value):
    """The shares of the largest, and of all others."""

    listed: tuple[Share, ...]
    rest: Rest | None
    """None if all are listed."""


def preview_invoice(price: Price, units: int) -> InvoicePreview:
    """Return what a month with so many units costs, rounded as its invoice is."""
    smallest = _smallest(price.currency)
    usage = (price.of(units) - price.monthly).quantize(smallest, ROUND_HALF_UP)
    monthly = price.monthly.quantize(smallest, ROUND_HALF_UP)
    return InvoicePreview(
        currency=price.currency, monthly=monthly, usage=usage, total=monthly + usage
    )


def share_out(ranking: Ranking, invoice: InvoicePreview, names: Mapping[str, str]) -> Shares:
    """Divide the invoice's amount for units among those who used them.

    A unit is not an included one or a paid one by the time at which it was used: each unit of the month
    has the same price, so included units lower all shares alike.
    """
    smallest = _smallest(invoice.currency)
    listed = ranking.listed
    rest = ranking.rest
    weights = [*(one.units for one in listed), rest.units if rest else 0]
    parts = split_amount(int(invoice.usage / smallest), weights)
    amounts = [part * smallest for part in parts]
    return Shares(
        listed=tuple(
            Share(name=names.get(one.key, one.key), amount=amount, **one._asdict())
            for one, amount in zip(listed, amounts, strict=False)
        ),
        rest=Rest(amount=amounts[-1], **rest._asdict()) if rest else None,
    )


def split_amount(amount: int, weights: Sequence[int]) -> list[int]:
    """Divide a whole amount in proportion to weights, by the largest remainders.

    The parts add up to the amount, and each differs from its exact part by less than 1. Of equal
    remainders, the earlier is larger. Without any weight, all parts are 0.
    """
    total = sum(weights)
    if not total:
        return [0] * len(weights)
    parts = [amount * weight // total for weight in weights]
    left = amount - sum(parts)
    by_remainder = sorted(
        range(len(weights)), key=lambda place: (-(amount * weights[place] % total), place)
    )
    for place in by_remainder[:left]:
        parts[place] += 1
    return parts


def _smallest(currency: str) -> Decimal:
    return Decimal(1).scaleb(-decimals_of(currency))
