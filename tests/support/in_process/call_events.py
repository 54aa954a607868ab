"""Call events as a gateway writes them, and the call log as it stands."""

import uuid
from datetime import datetime
from typing import Any

import orjson
from sqlmodel import select

from auth_server.db.engine import open_database
from auth_server.records.call_log.table import LoggedCall
from gatepost.metering.call_event import CallEvent, write_event
from support.in_process.auth_server import RESOURCE


def call_event(at: datetime, **changes: Any) -> CallEvent:
    """One call of Ada's under a grant, with some members changed."""
    call_id = uuid.uuid4().hex
    usual: dict[str, Any] = {
        "at": at,
        "call_id": call_id,
        "request_id": call_id,
        "resource": RESOURCE,
        "tenant_id": "org_acme",
        "sub": "usr_ada",
        "client_id": "client_claude",
        "grant_id": "grant_1",
        "env": "live",
        "tier": "pro",
        "tool": "list_tasks",
        "tool_version": "1.0.0",
        "era": "modern",
        "decision": "allowed",
        "reason": "",
        "error": "",
        "status": 200,
        "duration_ms": 12.5,
        "upstream_ms": 10.25,
        "retries": 0,
        "bytes_in": 2,
        "bytes_out": 400,
        "cost": 1,
    }
    return CallEvent(**{**usual, **changes})


def as_json(event: CallEvent) -> dict[str, Any]:
    """An event as it travels."""
    written: dict[str, Any] = orjson.loads(write_event(event))
    return written


async def logged_calls(database_url: str) -> dict[str, dict[str, Any]]:
    """Read the call log, by call."""
    database = open_database(database_url)
    try:
        async with database.reading() as db:
            rows = (await db.execute(select(LoggedCall))).scalars().all()
            return {row.call_id: row.model_dump() for row in rows}
    finally:
        await database.close()
