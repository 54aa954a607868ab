"""Take an event of an API's webhook, and tell the clients whom it concerns."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from gatepost.clock import Now
from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.catalogue.resources import Change, Webhook, fill_uri
from mcp_gateway.notifications.port import Changed, NewsFeed, NotShared
from mcp_gateway.notifications.signatures import NotGenuine, require_signature
from mcp_gateway.results.fields import EACH, FieldPath, format_field

LARGEST = 256 << 10
"""Bytes of an event."""
_MOST_VALUES = 100
_NO_WEBHOOK = 404, "there is no such webhook, or it has no secret"

log = structlog.get_logger()


Count = Callable[[str, str], None]
"""Counts an event by its webhook and by what became of it."""


class Unreadable(Exception):
    """The payload lacks something; the message names the field."""


class TakeEvent:
    """Verifies the events of all webhooks, and keeps nothing of their payload."""

    def __init__(
        self,
        catalogue: Callable[[], Catalogue],
        secrets: Mapping[str, Sequence[str]],
        feed: NewsFeed,
        now: Now,
        count: Count,
    ) -> None:
        """Take the served catalogue, the secrets by webhook, and what tells all processes."""
        self._catalogue = catalogue
        self._secrets = secrets
        self._feed = feed
        self._now = now
        self._count = count

    def warn_of_missing_secrets(self) -> None:
        """Log each webhook of the served catalogue that takes no event, because it has no secret."""
        for name in self._catalogue().webhooks:
            if not self._secrets.get(name):
                log.warning("webhook_without_secret", name=name)

    def is_taken(self, name: str) -> bool:
        """Tell whether events of a webhook of this name are taken."""
        return name in self._catalogue().webhooks and bool(self._secrets.get(name))

    async def take(self, name: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
        """Take one event; return the status of the answer and what is wrong, if anything is."""
        webhook, secrets = self._catalogue().webhooks.get(name), self._secrets.get(name)
        if webhook is None or not secrets:
            return _NO_WEBHOOK
        try:
            found = require_signature(webhook, headers, body, secrets, self._now().timestamp())
        except NotGenuine as problem:
            log.info("webhook_refused", name=name, reason=str(problem))
            self._count(name, "refused")
            return 401, str(problem)
        try:
            news, event_id = _read(webhook, body, found)
            outcome = "ignored"
            if news is not None:
                key = hashlib.sha256(orjson.dumps([name, event_id])).hexdigest()
                outcome = "told" if await self._feed.tell_once(news, key) else "repeated"
        except Unreadable as problem:
            log.warning("webhook_unreadable", name=name, reason=str(problem))
            self._count(name, "unreadable")
            return 422, str(problem)
        except NotShared:
            self._count(name, "not_shared")
            return 503, "send it again later"
        self._count(name, outcome)
        return 202, ""


def webhook_route(path: str) -> Route:
    """Return the route below the MCP endpoint to which APIs send their events."""

    async def serve(request: Request) -> Response:
        take: TakeEvent = request.state.take_event
        name = request.path_params["name"]
        if not take.is_taken(name):
            return _answer(*_NO_WEBHOOK)
        body = bytearray()
        try:
            async for chunk in request.stream():
                body += chunk
                if len(body) > LARGEST:
                    return _answer(413, f"the body is larger than {LARGEST} bytes")
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        return _answer(*await take.take(name, request.headers, bytes(body)))

    return Route(f"{path}/events/{{name}}", serve, methods=["POST"])


def _answer(status: int, problem: str) -> Response:
    if not problem:
        return Response(status_code=status)
    headers = {"retry-after": "30"} if status == 503 else None
    body = orjson.dumps({"error": problem})
    return Response(body, status, headers, media_type="application/json")


def _read(webhook: Webhook, body: bytes, found: str) -> tuple[Changed | None, str]:
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Unreadable("the body is not JSON") from None
    change = webhook.on.get(_one(payload, webhook.type))
    if change is None:
        return None, ""
    event_id = found or _one(payload, webhook.id)
    tenant = _one(payload, webhook.tenant)
    scope = {kind: tuple(_all(payload, place)) for kind, place in change.data_scope.items()}
    return Changed(tenant, scope, _uris(payload, change), change.lists), event_id


def _uris(payload: Any, change: Change) -> tuple[str, ...]:
    return tuple(
        fill_uri(template, {name: _one(payload, place) for name, place in fields.items()})
        for template, fields in change.updates
    )


def _one(payload: Any, path: FieldPath) -> str:
    values = _all(payload, path)
    if len(values) != 1:
        raise Unreadable(f"the payload has no single value at {format_field(path)}")
    return values[0]


def _all(payload: Any, path: FieldPath) -> list[str]:
    values = [payload]
    for part in path:
        if part == EACH:
            values = [each for one in values if isinstance(one, list) for each in one]
        else:
            values = [one[part] for one in values if isinstance(one, dict) and part in one]
        if len(values) > _MOST_VALUES:
            raise Unreadable(f"the payload has too many values at {format_field(path)}")
    return [
        str(one)
        for one in values
        if (isinstance(one, str) and one) or (isinstance(one, int) and not isinstance(one, bool))
    ]
