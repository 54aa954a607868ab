"""Compare the ledger with the usage by the hour, which are written together and must agree."""

from dataclasses import dataclass
from datetime import datetime

from auth_server.db.engine import DbSession
from auth_server.records.ledger.store import sum_units
from auth_server.records.usage.store import sum_meters

_ENVIRONMENTS = ("live", "test")


@dataclass(frozen=True, slots=True)
class Difference:
    """The units of one tenant and meter that the two places have, if they are not the same."""

    tenant_id: str
    env: str
    meter: str
    ledger: int
    usage: int


async def reconcile_usage(db: DbSession, *, since: datetime, until: datetime) -> list[Difference]:
    """List where the ledger and the usage by the hour differ in a time that begins at whole hours."""
    found = []
    for env in _ENVIRONMENTS:
        ledger = await sum_units(db, since=since, until=until, env=env)
        usage = await sum_meters(db, since=since, until=until, env=env)
        for tenant_id, meter in sorted(ledger.keys() | usage.keys()):
            key = (tenant_id, meter)
            units = ledger.get(key, 0), usage.get(key, 0)
            if units[0] != units[1]:
                found.append(Difference(tenant_id, env, meter, *units))
    return found
