"""Write a year of calls, and whom they are of, to a database."""

import itertools
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, insert

from auth_server.db.engine import open_sync_engine
from auth_server.records.audit.table import AuditEntry
from auth_server.records.call_log.table import LoggedCall
from auth_server.records.clients.table import Client
from auth_server.records.grants.table import Grant
from auth_server.records.ledger.table import LedgerEntry
from auth_server.records.metered_hours.table import MeteredHour
from auth_server.records.people.table import Person
from auth_server.records.quota_notices.table import QuotaNotice
from auth_server.records.tenants.table import Membership, Tenant
from auth_server.records.usage.days import day_rows
from auth_server.records.usage.store import usage_rows
from auth_server.records.usage.table import UsageDay, UsageHour
from auth_server.records.webhooks.table import WebhookDelivery, WebhookEndpoint
from bench.year.calls import CLIENTS, NOW, YEAR, make_calls
from gatepost.metering.call_event import CallEvent, as_logged
from gatepost.metering.plans import hour_of, month_of
from support.in_process.auth_server import RESOURCE

ENDPOINT = "endpoint_1"
"""The webhook endpoint with the deliveries."""
_AT_ONCE = 20_000
_IN_LEDGER = ("call_id", "at", "tenant_id", "env", "meter", "tool")
_ENTRIES = 100_000
_STRANGERS = 2_000
_DELIVERIES = 20_000
_NEAR_A_LIMIT = 10
"""Of so many tenants, one is noticed."""
_EVENTS = ("grant.created", "signed_in", "token.revoked", "session.ended", "consent.denied")


def fill(url: str, calls: int, tenants: int, seed: int) -> None:
    """Write tenants and clients, calls to every table as workers do, people, grants and an audit log."""
    engine = open_sync_engine(url)
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            # The rows of some tables come in the order of a hash.
            connection.exec_driver_sql("PRAGMA cache_size = -300000")
    with engine.begin() as connection:
        _add_tenants(connection, tenants)
        _add_clients(connection)
    waiting: list[CallEvent] = []
    people: dict[str, CallEvent] = {}
    made = make_calls(calls, tenants, seed)
    for _, events in itertools.groupby(made, key=lambda one: one.at.astimezone(UTC).date()):
        waiting += events
        if len(waiting) >= _AT_ONCE:
            people |= {event.sub: event for event in waiting}
            _write_calls(engine, waiting)
            waiting = []
    people |= {event.sub: event for event in waiting}
    _write_calls(engine, waiting)
    with engine.begin() as connection:
        _add_people(connection, list(people.values()))
        _add_audit_log(connection, list(people.values()))
        _add_deliveries(connection)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")
    engine.dispose()


def _add_tenants(connection: Connection, tenants: int) -> None:
    began = NOW - YEAR
    _add(
        connection,
        Tenant,
        [
            {
                "tenant_id": f"org_{number}",
                "name": f"Organisation {number}",
                "rate_limit_tier": "pro",
                "required_level": 1,
                "read_only": False,
                "created_at": began,
            }
            for number in range(tenants)
        ],
    )
    _add(
        connection,
        QuotaNotice,
        [
            {
                "notice_id": f"{number:064}",
                "tenant_id": f"org_{number}",
                "kind": "month",
                "key": "",
                "period": month_of(NOW),
                "percent": 80,
                "units_limit": 100,
                "used": 80,
                "at": NOW - timedelta(hours=1),
            }
            for number in range(0, tenants, _NEAR_A_LIMIT)
        ],
    )


def _add_clients(connection: Connection) -> None:
    client_ids = [*CLIENTS, *(f"stranger_{number}" for number in range(_STRANGERS))]
    _add(
        connection,
        Client,
        [
            {
                "client_id": client_id,
                "source": "managed",
                "name": f"App {number}",
                "redirect_uris": ["http://127.0.0.1/callback"],
                "grant_types": ["authorization_code", "refresh_token"],
                "token_endpoint_auth_method": "none",
                "application_type": "native",
                "introspects": False,
                "created_at": NOW - YEAR,
            }
            for number, client_id in enumerate(client_ids)
        ],
    )


def _add_people(connection: Connection, calls: Sequence[CallEvent]) -> None:
    began = NOW - YEAR
    _add(
        connection,
        Person,
        [
            {
                "person_id": call.sub,
                "email": f"{call.sub}@customers.example",
                "name": f"Person {number}",
                "created_at": began,
            }
            for number, call in enumerate(calls)
        ],
    )
    _add(
        connection,
        Membership,
        [
            {
                "person_id": call.sub,
                "tenant_id": call.tenant_id,
                "role": "member",
                "data_scope": "",
            }
            for call in calls
        ],
    )
    _add(
        connection,
        Grant,
        [
            {
                "grant_id": call.grant_id,
                "person_id": call.sub,
                "client_id": call.client_id,
                "tenant_id": call.tenant_id,
                "resource": RESOURCE,
                "scope": "mcp:read",
                "asked_scope": "mcp:read",
                "tools": ["list_tasks"],
                "data_scope": "",
                "redirect_host": "127.0.0.1",
                "client_snapshot": {},
                "catalogue_hash": "0" * 64,
                "version": 1,
                "created_at": began,
                "updated_at": began,
                "approved_at": began,
                "expires_at": NOW + YEAR,
            }
            for call in calls
        ],
    )


def _add_audit_log(connection: Connection, calls: Sequence[CallEvent]) -> None:
    """Write an audit log that is searched, but whose chain of hashes is false."""
    _add(
        connection,
        AuditEntry,
        [
            {
                "number": number + 1,
                "at": NOW - YEAR + YEAR * number / _ENTRIES,
                "event": _EVENTS[number % len(_EVENTS)],
                "person_id": call.sub,
                "client_id": call.client_id,
                "tenant_id": call.tenant_id,
                "grant_id": call.grant_id,
                "detail": "{}",
                "previous_hash": f"{number:064}",
                "hash": f"{number + 1:064}",
            }
            for number in range(_ENTRIES)
            for call in [calls[number * 7919 % len(calls)]]
        ],
    )


def _add_deliveries(connection: Connection) -> None:
    _add(
        connection,
        WebhookEndpoint,
        [
            {
                "endpoint_id": ENDPOINT,
                "url": "https://hooks.example/",
                "types": ["grant.created"],
                "sealed_secret": b"",
                "created_at": NOW - YEAR,
                "disabled_at": NOW,
                "disabled_reason": "status 410",
            }
        ],
    )
    _add(
        connection,
        WebhookDelivery,
        [
            {
                "message_id": f"{number:064}",
                "endpoint_id": ENDPOINT,
                "type": "grant.created",
                "payload": "{}",
                "created_at": NOW - timedelta(minutes=number),
                "attempts": 1,
                "answer": "",
                "delivered_at": NOW,
            }
            for number in range(_DELIVERIES)
        ],
    )


def _write_calls(engine: Engine, events: Sequence[CallEvent]) -> None:
    billed = [event for event in events if event.cost]
    hours = Counter[tuple[str, str, datetime]]()
    for one in billed:
        hours[one.tenant_id, one.meter, hour_of(one.at)] += one.cost
    with engine.begin() as connection:
        _add(connection, LoggedCall, [as_logged(event) for event in events])
        _add(
            connection,
            LedgerEntry,
            [
                {
                    **{name: getattr(event, name) for name in _IN_LEDGER},
                    "units": event.cost,
                    "written_at": event.at,
                }
                for event in billed
            ],
        )
        _add(connection, UsageHour, usage_rows(events))
        _add(connection, UsageDay, day_rows(events))
        _add(
            connection,
            MeteredHour,
            [
                {
                    **dict(zip(("tenant_id", "meter", "hour"), place, strict=True)),
                    "units": units,
                    "exported": units,
                    "problem": "",
                }
                for place, units in hours.items()
            ],
        )


def _add(connection: Connection, table: Any, rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        connection.execute(insert(table), rows)
        return
    cursor = connection.connection.cursor()
    into = f"COPY {table.__tablename__} ({', '.join(rows[0])}) FROM STDIN"
    with cursor.copy(into) as copy:
        for row in rows:
            copy.write_row(
                tuple(
                    orjson.dumps(value).decode() if isinstance(value, list | dict) else value
                    for value in row.values()
                )
            )
