"""Operators change keys, tools and plans, and servers crash, while the apps of three tenants call tools."""

import asyncio
from pathlib import Path

import pytest

from support.processes.postgres import running_postgres
from support.processes.production import running_production
from support.processes.redis import running_redis

pytestmark = [pytest.mark.anyio, pytest.mark.whole_machine]


async def test_changes_of_keys_tools_and_plans_and_crashes_of_stores_fail_no_call(
    tmp_path: Path,
) -> None:
    with running_postgres(durable=True) as postgres, running_redis(tmp_path, durable=True) as redis:

        async def crash_redis() -> None:
            await asyncio.to_thread(redis.stop)
            await asyncio.to_thread(redis.start)

        async with running_production(tmp_path, postgres, redis.url, tenants=3, small=1) as place:
            place.refresh_after = 1
            await place.under_calls(
                ("the keys rotate as planned", place.rotate_keys),
                ("a key is withdrawn at once", lambda: place.rotate_keys("--now")),
                ("the catalogue changes", place.switch_catalogue),
                ("a tenant changes its plan", place.switch_plans),
                ("PostgreSQL crashes", lambda: asyncio.to_thread(postgres.crash)),
                ("Redis crashes", crash_redis),
                ("a worker is replaced", place.workers[0].replace),
            )
            await place.come_to_rest()
            assert place.differences() == []
    seen = place.seen
    # While PostgreSQL starts again, nobody gets a token; while Redis does, a tenant whose quota must
    # not be exceeded waits. Both are told, and served when they ask again.
    assert [failure for failure in seen.failures if not failure.is_safe] == []
    assert {failure.change for failure in seen.failures} <= {"PostgreSQL crashes", "Redis crashes"}
    failed = {(failure.tenant, failure.asked) for failure in seen.failures}
    assert failed <= {(tenant, "a refresh") for tenant in place.tenants} | {
        (place.small[0], tool) for tool in ("list_projects", "create_task")
    }
    assert seen.leaks == []
    assert seen.refused[place.small[0]] > 0
