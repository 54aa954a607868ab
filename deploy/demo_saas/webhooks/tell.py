"""Tell Gatepost of a changed task, once the change is committed, as Standard Webhooks describe it."""

import asyncio
import base64
import hmac
import json
import logging
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import BackgroundTasks, Depends

from demo_saas.clock import as_text
from demo_saas.ids import new_id
from demo_saas.resources import Opened, Resources
from demo_saas.tasks.models import Task
from demo_saas.tenancy import Tenant

_PAUSES = (0, 1, 5)
"""Seconds before each attempt."""
_LATER = frozenset({408, 429, 502, 503, 504})

log = logging.getLogger("uvicorn.error")


@dataclass(frozen=True, slots=True)
class Tell:
    """Sends events after the answer to a request."""

    opened: Resources
    background: BackgroundTasks

    def __call__(
        self, event: Literal["task.updated", "task.deleted"], tenant: Tenant, task: Task
    ) -> None:
        """Send an event that names a task, its organisation and its team, and nothing else of it."""
        if not self.opened.settings.webhook_url:
            return
        message = {
            "type": event,
            "timestamp": as_text(self.opened.now()),
            "data": {"id": task.id, "org_id": tenant.org_id, "team": task.team},
        }
        self.background.add_task(_deliver, self.opened, new_id("msg"), json.dumps(message).encode())


def _tell(opened: Opened, background: BackgroundTasks) -> Tell:
    return Tell(opened, background)


Telling = Annotated[Tell, Depends(_tell)]


def sign(secret: str, message_id: str, time: int, body: bytes) -> dict[str, str]:
    """Return the headers with the signature of a message (Standard Webhooks, HMAC-SHA256)."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.digest(key, f"{message_id}.{time}.".encode() + body, "sha256")
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(time),
        "webhook-signature": f"v1,{base64.b64encode(mac).decode()}",
    }


async def _deliver(opened: Resources, message_id: str, body: bytes) -> None:
    settings, outcome = opened.settings, ""
    for pause in _PAUSES:
        await opened.sleep(pause)
        time = int(opened.now().timestamp())
        headers = sign(settings.webhook_secret, message_id, time, body)
        try:
            status = await asyncio.to_thread(opened.post, settings.webhook_url, body, headers)
        except OSError as error:
            outcome = str(error)
            continue
        if status < 300:
            return
        outcome = f"status {status}"
        if status not in _LATER:
            break
    log.warning("The webhook message %s was not taken: %s", message_id, outcome)
