"""An authorization server whose billing is connected to the imitation of Stripe."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx2

from auth_server.billing.account import Billing, opened_billing
from auth_server.billing.checkout import open_checkout, open_portal
from auth_server.billing.credits import open_credit_checkout
from auth_server.billing.http_client import StripeHttp
from auth_server.billing.prices import make_changes, plan_changes
from auth_server.billing.webhook import WEBHOOK_PATH
from auth_server.credits.balance import read_balances
from auth_server.credits.change import whole_units
from auth_server.records.billing_accounts.store import find_account
from auth_server.records.billing_accounts.table import BillingAccount
from auth_server.records.external_events.store import list_events
from auth_server.records.plans.store import list_plans, replace_plans
from auth_server.records.plans.terms import PlanTerms
from auth_server.records.tenants.store import find_tenant
from fake_stripe.account import Account, Destination
from fake_stripe.app import create_app
from fake_stripe.subscriptions import advance
from fake_stripe.webhooks import deliver
from support.in_process.auth_server import ISSUER, AuthServer, running_auth_server
from support.in_process.clock import Clock

SECRET = "whsec_first"
TENANT = "org_globex"
RETURN = f"{ISSUER}/account/plan"


@dataclass
class Shop:
    """The server, the account at Stripe, an admin's browser, and an operator."""

    server: AuthServer
    stripe: Account
    browser: httpx2.AsyncClient
    billing: Billing
    clock: Clock

    async def sync(self) -> list[str]:
        """Do what `gatepost billing sync` does."""
        async with self.billing.database.reading() as db:
            plans = await list_plans(db)
        changes = await plan_changes(self.billing.stripe, plans)
        await make_changes(changes)
        return [change.said for change in changes]

    async def offer(self, *plans: PlanTerms) -> None:
        """Replace the plans."""
        async with self.billing.transaction() as db:
            await replace_plans(db, plans)

    async def go_to_checkout(self, plan: str = "pro", tenant: str = TENANT) -> str:
        """Open a Checkout page, and return its URL."""
        return await open_checkout(self.billing, tenant, plan, return_url=RETURN)

    async def pay(self, url: str, card: str = "works") -> None:
        """Pay on a Checkout page."""
        paid = await self.browser.post(url, data={"action": "pay", "value": card})
        assert (paid.status_code, paid.headers.get("location")) == (303, RETURN)

    async def buy(self, plan: str = "pro", card: str = "works") -> None:
        """Buy a plan, and let the webhooks arrive."""
        await self.pay(await self.go_to_checkout(plan), card)
        await self.deliver()

    async def buy_credit(self, amount: str, tenant: str = TENANT) -> str:
        """Buy credit, let the webhooks arrive, and return the charge."""
        url = await open_credit_checkout(self.billing, tenant, Decimal(amount), return_url=RETURN)
        await self.pay(url)
        await self.deliver()
        return str(next(self.stripe.every("charge"))["id"])

    async def click_home(self, action: str, value: str) -> None:
        """Click on the page of the account, and let the webhooks arrive."""
        clicked = await self.browser.post("/", data={"action": action, "value": value})
        assert clicked.status_code == 303, clicked.text
        await self.deliver()

    async def credit(self, currency: str = "usd", tenant: str = TENANT) -> Decimal:
        """Tell what is left of a tenant's credit."""
        async with self.billing.database.reading() as db:
            balances = await read_balances(db, [tenant])
        left = balances[tenant].left(currency, self.clock()) if balances else 0
        return whole_units(left)

    async def click_in_portal(self, action: str, value: str | None = None) -> None:
        """Click in the billing portal."""
        if value is None:
            value = (await self.account()).subscription_id
        url = await open_portal(self.billing, TENANT, return_url=RETURN)
        clicked = await self.browser.post(url, data={"action": action, "value": value})
        assert clicked.status_code == 303, clicked.text
        await self.deliver()

    async def pass_days(self, days: float) -> None:
        """Let time pass at Stripe and here, and let the webhooks arrive."""
        self.clock.advance(days=days)
        advance(self.stripe)
        await self.deliver()

    async def days_left(self) -> float:
        """Tell how long the period lasts, whatever the month."""
        end = (await self.account()).period_end
        assert end is not None
        return (end - self.clock()).total_seconds() / 86_400 + 0.01

    async def deliver(self) -> list[int]:
        """Deliver Stripe's events, and wait until the server has processed them."""

        async def post(url: str, body: bytes, headers: dict[str, str]) -> int:
            answer = await self.server.http.post(url, content=body, headers=headers)
            return int(answer.status_code)

        statuses = await deliver(self.stripe, post)
        async with asyncio.timeout(60):
            while await self._waiting():  # noqa: ASYNC110 - the server works in a task of its own
                await asyncio.sleep(0)
        return statuses

    async def plan(self, tenant: str = TENANT) -> str:
        """Tell a tenant's plan."""
        async with self.billing.database.reading() as db:
            found = await find_tenant(db, tenant)
        assert found is not None
        return found.rate_limit_tier

    async def account(self) -> BillingAccount:
        """Tell what the server knows of the tenant's subscription."""
        async with self.billing.database.reading() as db:
            found = await find_account(db, TENANT)
        assert found is not None
        return found

    async def _waiting(self) -> bool:
        async with self.billing.database.reading() as db:
            return any(event.attempts == 0 for event in await list_events(db, most=100))


@asynccontextmanager
async def running_shop(
    database_url: str, clock: Clock, *, thin: bool = False, **changes: Any
) -> AsyncIterator[Shop]:
    """Start a server with an empty account at Stripe; a keyword changes a setting."""
    account = Account(now=clock)
    account.destinations.append(Destination(f"{ISSUER}{WEBHOOK_PATH}", (SECRET,), thin=thin))
    transport = httpx2.ASGITransport(app=create_app(account))

    async def no_pause(_: float) -> None:
        return None

    def connect() -> StripeHttp:
        return StripeHttp(transport, no_pause)

    stripe = {
        "secret_key": account.secret_key,
        "webhook_secrets": (SECRET, "whsec_second"),
        # Plain HTTP is allowed on loopback; the transport above answers it.
        "api_url": "http://127.0.0.1:8403",
    }
    async with (
        running_auth_server(
            database_url, clock, stripe_http=connect, stripe=stripe, **changes
        ) as server,
        opened_billing(server.opened, connect) as billing,
        httpx2.AsyncClient(transport=transport, base_url=account.url) as browser,
    ):
        assert billing is not None
        yield Shop(server, account, browser, billing, clock)
