"""The inbox of Stripe's events: stored once, answered at once, processed afterwards."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import structlog

from auth_server.billing.account import Billing
from auth_server.billing.error_reports import ERROR_REPORTS, take_error_report
from auth_server.billing.errors import BillingError, BillingUnavailable, stripe_errors
from auth_server.billing.refresh_account import refresh_account
from auth_server.billing.states import TENANT_KEY
from auth_server.records.billing_accounts.store import (
    add_account,
    find_account_of_customer,
    list_accounts_read_before,
    note_reading,
)
from auth_server.records.external_events.store import (
    add_event,
    find_event,
    list_waiting,
    note_attempt,
    purge_events,
)
from auth_server.records.external_events.table import ExternalEvent
from auth_server.records.tenants.store import find_tenant
from gatepost.background import in_background
from gatepost.tracing.jobs import recorded

if TYPE_CHECKING:
    from gatepost.tracing.tracing import Tracing

_MOST = 50
_MOST_ATTEMPTS = 20
_WAIT = timedelta(seconds=30)
"""How long an event belongs to the process that received it."""
_KEEP = timedelta(days=30)
_SWEEP_AFTER = timedelta(days=1)

log = structlog.get_logger()


class Inbox:
    """Stores events, and processes them one after the other in the background."""

    def __init__(self, billing: Billing, tracing: "Tracing | None" = None) -> None:
        """Start empty."""
        self._billing = billing
        self._tracing = tracing
        self._received: asyncio.Queue[str] = asyncio.Queue()

    async def take(self, event: ExternalEvent) -> None:
        """Store an event, and process it soon; an event that is known changes nothing."""
        async with self._billing.transaction() as db:
            new = await add_event(db, event)
        if new:
            self._received.put_nowait(event.event_id)

    async def settled(self) -> None:
        """Wait until every event that was received here has been processed once."""
        await self._received.join()

    async def run(self) -> None:
        """Process events until cancelled."""
        while True:
            event_id = await self._received.get()
            try:
                process = partial(process_event, self._billing, event_id)
                await recorded("billing_event", process, self._tracing)()
            except Exception as error:  # noqa: BLE001 - maintenance tries again
                log.warning("billing_event_failed", event_id=event_id, kind=type(error).__name__)
            finally:
                self._received.task_done()


@asynccontextmanager
async def opened_inbox(billing: Billing, tracing: "Tracing | None" = None) -> AsyncIterator[Inbox]:
    """Open the inbox, which works until it is closed."""
    inbox = Inbox(billing, tracing)
    async with in_background(inbox.run):
        yield inbox


async def process_event(billing: Billing, event_id: str) -> str:
    """Read the event's object at Stripe and act on it; return the problem, or nothing.

    The event only says where to look: processing it twice, or in another order, changes nothing.
    """
    async with billing.database.reading() as db:
        event = await find_event(db, event_id)
    if event is None:
        return f"the event {event_id} is not in the inbox"
    problem = ""
    tenant_id: str | None = None
    try:
        if event.kind in ERROR_REPORTS:
            await take_error_report(billing, event_id)
        customer = await _read_customer(billing, event)
        if customer and (tenant_id := await _find_tenant(billing, customer)):
            await refresh_account(billing, tenant_id)
    except BillingError as error:
        problem = str(error)
        log.warning("billing_event_failed", event_id=event_id, kind=type(error).__name__)
    async with billing.transaction() as db:
        await note_attempt(
            db, event_id, tenant_id=tenant_id or "", now=billing.now(), problem=problem
        )
    return problem


async def maintain_billing(billing: Billing) -> None:
    """Process what was left over, read accounts again that were not read for a day, and tidy up."""
    now = billing.now()
    async with billing.database.reading() as db:
        events = await list_waiting(
            db, received_before=now - _WAIT, attempts=_MOST_ATTEMPTS, most=_MOST
        )
        accounts = await list_accounts_read_before(db, now - _SWEEP_AFTER, most=_MOST)
    for event in events:
        await process_event(billing, event.event_id)
    for account in accounts:
        try:
            await refresh_account(billing, account.tenant_id)
        except BillingUnavailable:
            break
        except BillingError as error:
            log.warning("billing_sweep_failed", tenant_id=account.tenant_id, reason=str(error))
            async with billing.transaction() as db:
                # Tomorrow again: it must not be in the way of the others.
                await note_reading(db, account.tenant_id, now=now)
    async with billing.transaction() as db:
        await purge_events(db, before=now - _KEEP)


async def _read_customer(billing: Billing, event: ExternalEvent) -> str | None:
    """Return the customer that an event is about; None if it is about something else."""
    api, key = billing.stripe.v1, event.object_id
    with stripe_errors():
        match event.object_type:
            case "customer":
                return key
            case "subscription":
                customer = (await api.subscriptions.retrieve_async(key)).customer
            case "checkout.session":
                found = (await api.checkout.sessions.retrieve_async(key)).customer
                if found is None:
                    return None
                customer = found
            case "payment_intent":
                customer = (await api.payment_intents.retrieve_async(key)).customer or ""
            case "charge":
                customer = (await api.charges.retrieve_async(key)).customer or ""
            case "dispute":
                dispute = await api.disputes.retrieve_async(key)
                charge = dispute.charge if isinstance(dispute.charge, str) else dispute.charge.id
                customer = (await api.charges.retrieve_async(charge)).customer or ""
            case _:
                return None
    return customer if isinstance(customer, str) else customer.id


async def _find_tenant(billing: Billing, customer_id: str) -> str | None:
    """Return the tenant of a customer.

    A customer that an operator made at Stripe names its tenant in its metadata, and is adopted.
    """
    async with billing.database.reading() as db:
        account = await find_account_of_customer(db, customer_id)
    if account is not None:
        return account.tenant_id
    with stripe_errors():
        customer = await billing.stripe.v1.customers.retrieve_async(customer_id)
    metadata = getattr(customer, "metadata", None)
    if metadata is None or TENANT_KEY not in metadata:
        return None
    tenant_id = str(metadata[TENANT_KEY])
    async with billing.transaction() as db:
        if await find_tenant(db, tenant_id) is None:
            raise BillingError(f"the customer {customer_id} names the unknown tenant {tenant_id}")
        if not await add_account(db, tenant_id, customer_id, now=billing.now()):
            raise BillingError(f"the tenant {tenant_id} has another customer than {customer_id}")
    return tenant_id
