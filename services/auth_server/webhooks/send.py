"""Send the deliveries that are due, each attempt from one process, under an id that never changes."""

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from auth_server.db.engine import Database
from auth_server.keys import Keys
from auth_server.outbound.guarded_fetch import FetchRefused
from auth_server.outbound.guarded_post import Answered, GuardedPost
from auth_server.records.webhooks.deliveries import (
    list_endpoints_due,
    lock_due_deliveries,
    note_answer,
)
from auth_server.records.webhooks.endpoints import lock_endpoint
from auth_server.records.webhooks.table import WebhookDelivery, WebhookEndpoint
from auth_server.webhooks.manage import disable_endpoint
from auth_server.webhooks.secrets import sign_message
from auth_server.webhooks.urls import is_private_host
from gatepost.clock import Now

RETRIES = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=10),
)
"""How long after each failed attempt the next one follows, as Standard Webhooks suggests."""
JITTER = 0.1
"""By which part of itself a pause is lengthened at most."""
DISABLED_AFTER = timedelta(days=5)
"""For how long no attempt may succeed before an endpoint is disabled."""
LEASE = timedelta(minutes=2)
"""For how long an attempt belongs to the process that began it; longer than the post's deadline."""
AT_ONCE = 100
AT_ONCE_FOR_AN_OWNER = 4
_GONE = 410
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Attempt:
    endpoint: WebhookEndpoint
    delivery: WebhookDelivery


class Sender:
    """Sends at most a hundred messages at once, and four of one owner.

    So an owner whose endpoints are slow delays only their own messages.
    """

    def __init__(
        self,
        database: Database,
        keys: Keys,
        post: GuardedPost,
        now: Now,
        random: Callable[[], float],
        *,
        private_hosts: frozenset[str],
    ) -> None:
        """Take what it uses.

        Args:
            database: the open database; its sessions seal the audit log.
            keys: open the endpoints' secrets.
            post: sends a message.
            now: the clock.
            random: returns a number from 0 to 1, which spreads attempts.
            private_hosts: the hosts of the operator's endpoints that may have private addresses.
        """
        self._database = database
        self._keys = keys
        self._post = post
        self._now = now
        self._random = random
        self._private_hosts = private_hosts
        self._running: dict[asyncio.Task[None], str | None] = {}

    async def start_due(self) -> int:
        """Start the attempts that are due and that there is room for; return their number."""
        started = 0
        async with self._database.reading() as db:
            due = await list_endpoints_due(db, now=self._now(), except_for=())
        # Owners with fewer attempts under way come first.
        under_way = Counter(self._running.values())
        for endpoint in sorted(due, key=lambda one: under_way[one.tenant_id]):
            room = min(
                AT_ONCE - len(self._running),
                AT_ONCE_FOR_AN_OWNER - Counter(self._running.values())[endpoint.tenant_id],
            )
            if room <= 0:
                continue
            for attempt in await self._lease(endpoint, room):
                task = asyncio.create_task(self._make(attempt))
                self._running[task] = endpoint.tenant_id
                task.add_done_callback(self._running.pop)
                started += 1
        return started

    async def settled(self) -> None:
        """Wait until every attempt that was started here is over."""
        while self._running:
            await asyncio.wait(list(self._running))

    async def close(self) -> None:
        """Cancel the attempts under way; another process makes them again after their lease."""
        for task in list(self._running):
            task.cancel()
        await self.settled()

    async def _lease(self, endpoint: WebhookEndpoint, most: int) -> list[_Attempt]:
        now = self._now()
        async with self._database.writing() as db, db.begin():
            due = await lock_due_deliveries(db, endpoint.endpoint_id, now=now, most=most)
            for delivery in due:
                # Stored before it is made, so that no other process makes it too.
                delivery.attempts += 1
                delivery.last_attempt_at, delivery.next_attempt_at = now, now + LEASE
        return [_Attempt(endpoint, delivery) for delivery in due]

    async def _make(self, attempt: _Attempt) -> None:
        try:
            answered = await self._send(attempt)
            await self._store(attempt, answered)
        except Exception as error:  # noqa: BLE001 - the lease ends, and the attempt is made again
            log.warning(
                "webhook_not_recorded",
                endpoint_id=attempt.endpoint.endpoint_id,
                message_id=attempt.delivery.message_id,
                kind=type(error).__name__,
            )

    async def _send(self, attempt: _Attempt) -> Answered | None:
        endpoint, delivery = attempt.endpoint, attempt.delivery
        try:
            headers = sign_message(
                endpoint, delivery.message_id, delivery.payload, self._keys, now=self._now()
            )
            private = endpoint.tenant_id is None and is_private_host(
                endpoint.url, self._private_hosts
            )
            return await self._post(
                endpoint.url, headers, delivery.payload.encode(), private=private
            )
        except (FetchRefused, ValueError) as error:
            # The reason could reveal a network to the tenant, so that only the log has it.
            log.info(
                "webhook_not_sent",
                endpoint_id=endpoint.endpoint_id,
                message_id=delivery.message_id,
                reason=str(error),
            )
            return None

    async def _store(self, attempt: _Attempt, answered: Answered | None) -> None:
        now, endpoint_id = self._now(), attempt.endpoint.endpoint_id
        succeeded = answered is not None and 200 <= answered.status < 300
        changes: dict[str, Any] = {"status_code": None, "answer": ""}
        if answered is not None:
            text = _CONTROL.sub("", answered.body.decode("utf-8", "replace"))
            changes = {"status_code": answered.status, "answer": text[:200]}
        if succeeded:
            changes |= {"delivered_at": now, "next_attempt_at": None}
        else:
            changes["next_attempt_at"] = self._next_attempt(attempt.delivery, now)
        reason = ""
        async with self._database.writing() as db, db.begin():
            endpoint = await lock_endpoint(db, endpoint_id)
            if endpoint is None or not await note_answer(db, attempt.delivery, **changes):
                return
            endpoint.failing_since = None if succeeded else endpoint.failing_since or now
            if endpoint.failing_since is None or endpoint.disabled_at is not None:
                return
            if answered is not None and answered.status == _GONE:
                reason = "it answered 410 Gone"
            elif now - endpoint.failing_since >= DISABLED_AFTER:
                reason = f"no message arrived for {DISABLED_AFTER.days} days"
            if reason:
                await disable_endpoint(db, endpoint, reason, now=now)
        if reason:
            log.warning("webhook_disabled", endpoint_id=endpoint_id, reason=reason)

    def _next_attempt(self, delivery: WebhookDelivery, now: datetime) -> datetime | None:
        if delivery.attempts > len(RETRIES):
            return None
        return now + RETRIES[delivery.attempts - 1] * (1 + JITTER * self._random())
