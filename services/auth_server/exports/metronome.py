"""Export usage to Metronome."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import httpx2
import orjson

from auth_server.exports.http import send_batch
from auth_server.exports.port import Attempt, Rules, Usage


class Metronome:
    """Posts usage events, which Metronome counts once for each `transaction_id` of 34 days."""

    name = "metronome"
    rules = Rules(recognises=timedelta(days=34), accepts=timedelta(days=33, hours=23), batch=100)

    def __init__(
        self, http: httpx2.AsyncClient, api_url: str, *, token: str, event_type: str
    ) -> None:
        """Take the client, the URL of the API, its token, and the `event_type` of the events."""
        self._http = http
        self._url = f"{api_url}/v1/ingest"
        self._headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
        }
        self._type = event_type

    def name_of(self, meter: str) -> str:
        """Meters keep their names; a billable metric chooses by the property `meter`."""
        return meter

    async def send(self, batch: Sequence[Usage]) -> Mapping[str, Attempt]:
        """Post the events."""
        return await send_batch(self._post, batch)

    async def read_total(
        self, customer: str, name: str, *, since: datetime, until: datetime
    ) -> int | None:
        """Return None: identifiers are recognised for as long as usage is accepted."""
        return None

    async def _post(self, batch: Sequence[Usage]) -> httpx2.Response:
        events = [
            {
                "transaction_id": usage.identifier,
                "customer_id": usage.customer.name,
                "event_type": self._type,
                "timestamp": usage.at.isoformat().replace("+00:00", "Z"),
                # Metronome reads numbers from text without losing digits.
                "properties": {"meter": usage.meter, "units": str(usage.units)},
            }
            for usage in batch
        ]
        body = orjson.dumps(events)
        return await self._http.post(self._url, content=body, headers=self._headers)
