"""Measure what one call costs Redis, and the gateway's part of it.

`./dev bench scale [--calls N]`: sixteen callers at once reserve and settle calls of 20 tenants with a rate, a
quota of the day and one of the month. It prints commands, CPU of the server and of the caller, and the bytes of
the event in the stream. docs/scale.md computes with them.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from redis.asyncio import Redis

from gatepost.clock import utc_now
from gatepost.metering.call_event import PARTITIONS, calls_stream, write_event
from gatepost.metering.rate import MINUTE
from mcp_gateway.limits.counters import TOTAL, counters_of, day_counter, month_counters
from mcp_gateway.limits.local_limits import LocalRates
from mcp_gateway.limits.port import Bucket, Quota, Reservation
from mcp_gateway.limits.redis_limits import RedisLimits
from mcp_gateway.redis.open import open_connection
from support.in_process.auth_server import ISSUER
from support.in_process.call_events import call_event
from support.in_process.gateway import Journal, Ledger
from support.processes.redis import running_redis

TENANTS = 20
CALLERS = 16


async def call(limits: RedisLimits, number: int) -> None:
    """Make one call: two scripts in Redis."""
    at = utc_now()
    event = call_event(at, tenant_id=f"org_{number % TENANTS}", meter="calls")
    counters = counters_of(at, sub=event.sub, client_id=event.client_id, grant_id=event.grant_id)
    wanted = Reservation(
        call_id=event.call_id,
        tenant_id=event.tenant_id,
        month=month_counters(at, "live"),
        counters=counters,
        units=1,
        intent=write_event(event._replace(outcome="unknown", cost=0)),
        quotas=(Quota(day_counter(at), 1 << 40), Quota(TOTAL, 1 << 40)),
        buckets=(Bucket("plan:pro", MINUTE // 1_000_000, 100_000),),
    )
    held = await limits.reserve(wanted)
    assert isinstance(held, Reservation), held
    await limits.settle(held, event)


async def measure(url: str, calls: int) -> None:
    """Print what the calls cost."""
    client: Any = Redis.from_url(url)
    connection = open_connection(url)
    async with connection.connected():
        limits = RedisLimits(
            connection,
            issuer=ISSUER,
            journal=Journal(),
            rates=LocalRates(utc_now),
            read_usage=Ledger().read,
            now=utc_now,
            most_entries=1 << 40,
        )

        async def keep_calling(first: int) -> None:
            for number in range(first, calls, CALLERS):
                await call(limits, number)

        await asyncio.gather(*(call(limits, number) for number in range(TENANTS)))
        before, cpu, started = await client.info(), time.process_time(), time.perf_counter()
        await asyncio.gather(*(keep_calling(first) for first in range(CALLERS)))
        seconds, mine, after = (
            time.perf_counter() - started,
            time.process_time() - cpu,
            await client.info(),
        )
        kept = [await client.memory_usage(calls_stream(ISSUER, n)) or 0 for n in range(PARTITIONS)]
        await client.aclose()

    def used(name: str) -> float:
        return float(after[name]) - float(before[name])

    server = used("used_cpu_user") + used("used_cpu_sys")
    sys.stdout.write(
        f"{calls / seconds:,.0f} calls a second; for each call: "
        f"{used('total_commands_processed') / calls:.2f} commands from scripts and callers, "
        f"{server / calls * 1e6:.0f} us of Redis's CPU, {mine / calls * 1e6:.0f} us of the caller's, "
        f"{used('total_net_input_bytes') / calls:.0f} bytes in, "
        f"{used('total_net_output_bytes') / calls:.0f} bytes out, "
        f"{sum(kept) / (calls + TENANTS):.0f} bytes in the stream\n"
    )


def main() -> None:
    """Measure one Redis."""
    parser = argparse.ArgumentParser(prog="./dev bench scale", description=__doc__)
    parser.add_argument("--calls", type=int, default=30_000)
    calls = parser.parse_args().calls
    with tempfile.TemporaryDirectory() as folder, running_redis(Path(folder)) as redis:
        asyncio.run(measure(redis.url, calls))


if __name__ == "__main__":
    main()
