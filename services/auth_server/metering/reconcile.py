"""Compare the ledger with what is added up from it: they are written together and must agree."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from auth_server.db.engine import DbSession
from auth_server.records.ledger.store import sum_units
from auth_server.records.metered_hours.store import sum_metered
from auth_server.records.usage.store import sum_meters

_ENVIRONMENTS = ("live", "test")


@dataclass(frozen=True, slots=True)
class Difference:
    """The units of one tenant and meter that the places have, if they are not the same."""

    tenant_id: str
    env: str
    meter: str
    ledger: int
    usage: int
    metered: int
    """The units that are there to be exported; test keys have none."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The live units in all places together, and where the places differ."""

    ledger: int
    usage: int
    metered: int
    differences: Sequence[Difference]


async def reconcile_usage(
    db: DbSession, *, since: datetime, until: datetime, tenants: Sequence[str] | None = None
) -> Comparison:
    """Compare the places in a time that begins and ends at whole hours.

    With `tenants`, the ledger is read for each of them, instead of from its first entry to its last.
    """
    found, totals = [], (0, 0, 0)
    metered = await sum_metered(db, since=since, until=until)
    for env in _ENVIRONMENTS:
        ledger: dict[tuple[str, str], int] = {}
        for tenant_id in (None,) if tenants is None else tenants:
            ledger |= await sum_units(db, since=since, until=until, env=env, tenant_id=tenant_id)
        usage = await sum_meters(db, since=since, until=until, env=env)
        exportable = metered if env == "live" else ledger
        if env == "live":
            totals = sum(ledger.values()), sum(usage.values()), sum(metered.values())
        for key in sorted(ledger.keys() | usage.keys() | exportable.keys()):
            units = ledger.get(key, 0), usage.get(key, 0), exportable.get(key, 0)
            if len(set(units)) > 1:
                found.append(Difference(key[0], env, key[1], *units))
    return Comparison(*totals, found)
