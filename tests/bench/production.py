"""Change everything under the calls of many tenants, and count what failed.

`./dev bench production [--tenants N] [--redis single|cluster]`: two authorization servers, two gateways and
two workers behind load balancers, on PostgreSQL and Redis. Meanwhile every process is replaced, the signing
keys are rotated and withdrawn at once, the catalogue and the plans are switched, and PostgreSQL and Redis
crash. With a single Redis, the former release is upgraded to this one first; of a cluster, a master dies
for good. Then the books must hold every answered call once, no answer may hold another tenant's row, and no
tenant may exceed its quota. It exits with 1 if one of these fails, if a call failed while nothing but our
own processes, keys and settings changed, or if it failed in a way that is not safe to repeat.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.processes.former_release import unpack_former_release
from support.processes.postgres import running_postgres
from support.processes.production import Production, running_production
from support.processes.redis import running_redis
from support.processes.redis_cluster import running_cluster
from support.processes.services import POLL_SECONDS

OUTAGES = ("PostgreSQL crashes", "Redis crashes")


@contextmanager
def running_store(folder: Path, kind: str) -> Iterator[tuple[str, Callable[[], None]]]:
    """Run Redis; yield its URL, and what ends a server at once and brings Redis back."""
    if kind == "cluster":
        with running_cluster(folder) as cluster:

            def fail_over() -> None:
                cluster.masters[0].stop()
                while cluster.master() is not cluster.replica:
                    time.sleep(POLL_SECONDS)

            yield cluster.url, fail_over
        return
    with running_redis(folder, durable=True) as redis:

        def restart() -> None:
            redis.stop()
            redis.start()

        yield redis.url, restart


async def play(folder: Path, kind: str, tenants: int) -> list[str]:
    """Make every change; print what was seen, and return what must not be."""
    code = unpack_former_release(folder / "former") if kind == "single" else None
    with running_postgres(durable=True) as postgres, running_store(folder, kind) as (url, crash):
        async with running_production(
            folder, postgres, url, tenants=tenants, small=tenants // 10, code=code
        ) as place:
            place.pause = 0.02 * tenants
            replace = ("every process is replaced", place.rolling_restart)
            upgrade = ("the former release is upgraded", place.upgrade)
            await place.under_calls(
                upgrade if code else replace,
                ("keys rotate as planned", place.rotate_keys),
                ("a key is withdrawn at once", lambda: place.rotate_keys("--now")),
                ("the catalogue changes", place.switch_catalogue),
                ("half of the tenants change their plan", place.switch_plans),
                (OUTAGES[0], lambda: asyncio.to_thread(postgres.crash)),
                (OUTAGES[1], lambda: asyncio.to_thread(crash)),
                replace,
            )
            await place.come_to_rest()
            tell(kind, place)
            failures = place.seen.failures
            wrong = [f for f in failures if f.change not in OUTAGES or not f.is_safe]
            return [*map(str, wrong), *place.differences(), *place.seen.leaks]


def tell(kind: str, place: Production) -> None:
    """Print what the clients saw."""
    seen = place.seen
    sys.stdout.write(
        f"{kind} Redis, {len(place.tenants)} tenants: {seen.counts['calls']} calls, "
        f"{sum(map(len, seen.answered.values()))} served, {seen.refused.total()} refused beyond a quota, "
        f"{seen.counts['refreshes']} refreshes ({seen.counts['renewed after 401']} after a 401), "
        f"{len(seen.failures)} failed\n"
    )
    kinds = Counter((failure.change, failure.asked, failure.said) for failure in seen.failures)
    for (change, asked, said), number in kinds.items():
        sys.stdout.write(f"  {number} x {asked} while {change}: {said}\n")
    sys.stdout.flush()


def main() -> None:
    """Play once for each kind of Redis."""
    parser = argparse.ArgumentParser(prog="./dev bench production", description=__doc__)
    parser.add_argument("--tenants", type=int, default=50)
    parser.add_argument("--redis", choices=("single", "cluster"), action="append")
    options = parser.parse_args()
    for kind in options.redis or ("single", "cluster"):
        with tempfile.TemporaryDirectory() as folder:
            if wrong := asyncio.run(play(Path(folder), kind, options.tenants)):
                raise SystemExit("\n".join(wrong))


if __name__ == "__main__":
    main()
