"""Export usage to a Billing Meter of Stripe."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from auth_server.exports.port import COUNTED, Attempt, Kind, Rules, SystemUnavailable, Usage

if TYPE_CHECKING:
    from stripe import StripeClient

_KNOWN = "already exists with identifier"


class StripeMeters:
    """Sends one meter event for each export.

    Stripe recognises an identifier for at least 24 hours, takes usage of the last 35 days, and allows
    one call at a time for a customer and a meter.
    """

    name = "stripe"

    def __init__(
        self,
        client: "StripeClient",
        *,
        meter_event: str,
        carries_after: timedelta = timedelta(hours=1),
    ) -> None:
        """Take the client, the event name of the meter, and when invoices become final."""
        self._client = client
        self._event = meter_event
        self._meter_id: str | None = None
        self.rules = Rules(
            recognises=timedelta(hours=24),
            accepts=timedelta(days=34),
            batch=8,
            carries_after=carries_after,
        )

    def name_of(self, meter: str) -> str:
        """All units have one price, so they are added up by one meter."""
        return self._event

    async def send(self, batch: Sequence[Usage]) -> Mapping[str, Attempt]:
        """Send the events at once: each is of another customer."""
        attempts = await asyncio.gather(*(self._send(usage) for usage in batch))
        return {usage.identifier: one for usage, one in zip(batch, attempts, strict=True)}

    async def read_total(
        self, customer: str, name: str, *, since: datetime, until: datetime
    ) -> int | None:
        """Read the meter's summary."""
        import stripe

        try:
            meter = await self._find_meter(name)
            if meter is None:
                return None
            page = await self._client.v1.billing.meters.event_summaries.list_async(
                meter,
                {
                    "customer": customer,
                    "start_time": int(since.timestamp()),
                    "end_time": int(until.timestamp()),
                },
            )
        except stripe.StripeError as error:
            raise SystemUnavailable(_words(error)) from None
        return int(sum(summary.aggregated_value for summary in page.data))

    async def _find_meter(self, name: str) -> str | None:
        if self._meter_id is None:
            meters = await self._client.v1.billing.meters.list_async({"limit": 100})
            found = (
                meter.id
                for meter in meters.data
                if meter.event_name == name and meter.status == "active"
            )
            self._meter_id = next(found, None)
        return self._meter_id

    async def _send(self, usage: Usage) -> Attempt:
        import stripe

        payload = {"stripe_customer_id": usage.customer.name, "value": str(usage.units)}
        try:
            # The library's idempotency key is another at each attempt: with the same, Stripe would
            # repeat an error for a day.
            await self._client.v1.billing.meter_events.create_async(
                {
                    "event_name": self._event,
                    "payload": payload,
                    "identifier": usage.identifier,
                    "timestamp": int(usage.at.timestamp()),
                }
            )
        except stripe.InvalidRequestError as error:
            if _KNOWN in str(error):
                return COUNTED
            return Attempt(Kind.REFUSED, _words(error))
        except (stripe.RateLimitError, stripe.AuthenticationError, stripe.PermissionError) as error:
            return Attempt(Kind.LATER, _words(error))
        except stripe.StripeError as error:
            return Attempt(Kind.UNKNOWN, _words(error))
        return COUNTED


def _words(error: Exception) -> str:
    said = getattr(error, "user_message", None) or getattr(error, "code", None)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
