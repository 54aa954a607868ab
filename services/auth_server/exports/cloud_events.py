"""Export usage as CloudEvents over HTTP, as OpenMeter and others take it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import httpx2
import orjson

from auth_server.exports.http import send_batch
from auth_server.exports.port import Attempt, Rules, Usage


class CloudEvents:
    """Posts events in the batched or the structured JSON format (CloudEvents 1.0).

    The receiver must count two events with the same `source` and `id` as one.
    """

    name = "cloud_events"

    def __init__(
        self,
        http: httpx2.AsyncClient,
        url: str,
        *,
        source: str,
        authorization: str | None = None,
        event_type: str = "gatepost.usage",
        batch: int = 100,
        recognises: timedelta = timedelta(days=32),
    ) -> None:
        """Take where and how to post.

        Args:
            http: the client.
            url: where to post.
            source: the `source` of the events.
            authorization: the value of the `Authorization` header.
            event_type: the `type` of the events.
            batch: the number of events in a request; 1 means the structured format.
            recognises: how long the receiver recognises an event.
        """
        self._http = http
        self._url = url
        self._source = source
        self._headers = {} if authorization is None else {"Authorization": authorization}
        self._type = event_type
        self.rules = Rules(recognises=recognises, accepts=timedelta(days=3650), batch=batch)

    def name_of(self, meter: str) -> str:
        """Meters keep their names."""
        return meter

    async def send(self, batch: Sequence[Usage]) -> Mapping[str, Attempt]:
        """Post the events."""
        return await send_batch(self._post, batch)

    async def read_total(
        self, customer: str, name: str, *, since: datetime, until: datetime
    ) -> int | None:
        """Return None, because CloudEvents only go one way."""
        return None

    async def _post(self, batch: Sequence[Usage]) -> httpx2.Response:
        events = [self._event(usage) for usage in batch]
        batched = self.rules.batch > 1
        kind = "application/cloudevents-batch+json" if batched else "application/cloudevents+json"
        body = orjson.dumps(events if batched else events[0])
        headers = {"Content-Type": f"{kind}; charset=UTF-8", **self._headers}
        return await self._http.post(self._url, content=body, headers=headers)

    def _event(self, usage: Usage) -> dict[str, object]:
        return {
            "specversion": "1.0",
            "id": usage.identifier,
            "source": self._source,
            "type": self._type,
            "subject": usage.customer.name,
            "time": usage.at.isoformat().replace("+00:00", "Z"),
            "datacontenttype": "application/json",
            "data": {
                "tenant_id": usage.tenant_id,
                "meter": usage.meter,
                "units": usage.units,
            },
        }
