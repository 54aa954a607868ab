"""A spend cap in money, as the units that gateways enforce."""

import re
from decimal import Decimal

from auth_server.credits.change import exact
from auth_server.records.plans.terms import MOST_UNITS, Price
from auth_server.rendering.translation import translatable
from auth_server.tenancy.change_policy import ChangeRefused
from gatepost.metering.money import decimals_of
from gatepost.metering.plans import Budget


def follow_price(budget: Budget, price: Price) -> Budget:
    """Return a budget whose units cost at most its amount at a price; one without an amount stays.

    A plan whose units cost nothing leaves nothing to cap. If the plan has another currency than the cap,
    only the included units are allowed: nobody can say what others would cost in the cap's currency.
    """
    if budget.amount is None:
        return budget
    if not price.steps:
        units = MOST_UNITS
    elif price.currency != budget.currency:
        units = price.included_units
    else:
        units = price.most_units(exact(budget.amount))
    return budget.model_copy(update={"monthly_units": units})


def read_cap(text: str, price: Price) -> Decimal:
    """Read the amount of a spend cap in the currency of a price, with a point or a comma.

    Raises:
        ChangeRefused: it is not an amount, or the units of the plan cost nothing.
    """
    if not price.steps:
        raise ChangeRefused(
            translatable("The units of this plan cost nothing. Set a budget in units.")
        )
    found = re.fullmatch(r"([0-9]{1,12})(?:[.,]([0-9]{1,3}))?", text)
    if found is None or len(found[2] or "") > decimals_of(price.currency):
        raise ChangeRefused(translatable("Enter the amount a month in the currency of the plan."))
    return Decimal(f"{found[1]}.{found[2] or 0}")
