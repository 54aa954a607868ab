"""POST /account/plan/buy and /account/plan/billing, and the way back from Stripe."""

import asyncio
import re
from collections.abc import Awaitable
from decimal import Decimal

import structlog
from fastapi import Request
from starlette.responses import Response

from auth_server.billing.account import Billing, BillingInUse
from auth_server.billing.checkout import open_checkout, open_portal
from auth_server.billing.credits import open_credit_checkout
from auth_server.billing.errors import AlreadySubscribed, BillingError, BillingUnavailable
from auth_server.billing.refresh_account import refresh_account
from auth_server.errors import PageError
from auth_server.pages.account.frame import Accounts
from auth_server.pages.account.plan.viewer import PAGE, PostedAdmin, Viewer, require_admin_viewer
from auth_server.web.dependencies import OpenDatabase, Settings
from auth_server.web.forms import read_query
from auth_server.web.posted_form import Form
from auth_server.web.routing import PageRouter

router = PageRouter()
log = structlog.get_logger()
BACK = f"{PAGE}/back"
_PATIENCE = 20.0
"""Seconds that a person waits for Stripe."""


@router.post(f"{PAGE}/buy")
async def buy_plan(
    form: Form, viewer: PostedAdmin, settings: Settings, billing: BillingInUse
) -> Response:
    """Send an admin to Checkout for a plan."""
    opening = open_checkout(
        _require_billing(billing),
        viewer.tenant_id,
        form.get("plan") or "",
        return_url=_return_url(viewer, settings.issuer),
        email=viewer.account.signed_in.person.email,
    )
    return await _leave(viewer, opening)


@router.post(f"{PAGE}/credit")
async def buy_credit(
    form: Form, viewer: PostedAdmin, settings: Settings, billing: BillingInUse
) -> Response:
    """Send an admin to Checkout for credit."""
    amount = form.get("amount") or ""
    opening = open_credit_checkout(
        _require_billing(billing),
        viewer.tenant_id,
        Decimal(amount) if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,3})?", amount) else Decimal(-1),
        return_url=_return_url(viewer, settings.issuer),
        email=viewer.account.signed_in.person.email,
    )
    return await _leave(viewer, opening)


@router.post(f"{PAGE}/billing")
async def open_billing(
    form: Form, viewer: PostedAdmin, settings: Settings, billing: BillingInUse
) -> Response:
    """Send an admin to the billing portal: invoices, the means of payment, cancelling."""
    return_url = _return_url(viewer, settings.issuer)
    opening = open_portal(_require_billing(billing), viewer.tenant_id, return_url=return_url)
    return await _leave(viewer, opening)


@router.get(BACK)
async def come_back(
    request: Request, database: OpenDatabase, accounts: Accounts, billing: BillingInUse
) -> Response:
    """Read the subscription at once, without waiting for the webhook, and show the plan."""
    async with database.reading() as db:
        viewer = await require_admin_viewer(accounts, read_query(request).get("tenant"), db)
    if billing is not None:
        try:
            async with asyncio.timeout(_PATIENCE):
                await refresh_account(billing, viewer.tenant_id)
        except (BillingError, TimeoutError) as error:
            # The webhook or the daily sweep makes up for it.
            log.warning("billing_not_read", tenant_id=viewer.tenant_id, reason=str(error))
    return viewer.account.lead_back(viewer.page)


def _require_billing(billing: Billing | None) -> Billing:
    if billing is None:
        raise PageError(
            "Plans can't be bought here",
            "Ask the operator of this service for another plan.",
            status=404,
        )
    return billing


def _return_url(viewer: Viewer, issuer: str) -> str:
    return f"{issuer}{BACK}?{viewer.page.partition('?')[2]}"


async def _leave(viewer: Viewer, opening: Awaitable[str]) -> Response:
    try:
        async with asyncio.timeout(_PATIENCE):
            url = await opening
    except TimeoutError:
        raise _page_of(BillingUnavailable("no answer in time"), viewer) from None
    except BillingError as error:
        raise _page_of(error, viewer) from None
    # A page and not a redirect: browsers apply `form-action` to every redirect after a form.
    return viewer.account.pages.answer("leave_to_payment.html", url=url)


def _page_of(error: BillingError, viewer: Viewer) -> PageError:
    log.warning("billing_page_failed", tenant_id=viewer.tenant_id, reason=str(error))
    if isinstance(error, AlreadySubscribed):
        return PageError(
            "Your organisation has a subscription",
            "Go back, reload the page, and change the subscription under “Invoices and payment”.",
            status=409,
        )
    if isinstance(error, BillingUnavailable):
        return PageError(
            "The payment service does not answer",
            "Nothing was bought. Go back and try again in a minute.",
            status=503,
            retry_after=60,
        )
    return PageError(
        "This can't be bought at the moment",
        "Nothing was bought. Tell the operator of this service.",
    )
