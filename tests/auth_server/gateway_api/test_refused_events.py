"""A call event that the database refuses is kept apart, and blocks no other."""

import pytest

from auth_server.db.engine import open_database
from auth_server.gateway_api.write_calls import write_or_refuse
from auth_server.records.metered_hours.table import MeteredHour
from auth_server.records.refused_events.store import list_refused
from gatepost.metering.call_event import write_event
from gatepost.metering.plans import hour_of
from support.in_process.call_events import call_event, logged_calls
from support.in_process.clock import Clock


# SQLite takes every number.
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_an_event_that_the_database_refuses_is_not_in_the_way(
    database_url: str, clock: Clock
) -> None:
    """Here a sum is larger than the database's numbers."""
    too_much, fine = (call_event(clock(), cost=1, meter=meter) for meter in ("full", "calls"))
    hour = hour_of(clock())
    full = MeteredHour(tenant_id="org_acme", meter="full", hour=hour, units=(1 << 63) - 1)
    database = open_database(database_url)
    try:
        async with database.writing() as db, db.begin():
            db.add(full)
        counts = await write_or_refuse(database, [too_much, fine], (), now=clock())
        async with database.reading() as db:
            (kept,) = await list_refused(db, most=10)
    finally:
        await database.close()

    assert counts == (1, 1)
    assert list(await logged_calls(database_url)) == [fine.call_id]
    assert kept.payload == write_event(too_much)
    assert kept.reason == "the database refuses it: DataError"
