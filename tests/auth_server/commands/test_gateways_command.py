"""An operator sees the gateways with `gatepost auth-server gateways`."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta

from click.testing import Result

from auth_server.db.engine import open_database
from auth_server.records.gateways.store import put_report
from auth_server.records.gateways.table import ReportedGateway
from gatepost.clock import utc_now
from gatepost.health import GatewayReport


async def report(url: str, instance: str, host: str, *, minutes_ago: int) -> None:
    """Store a report as the server does."""
    at = utc_now() - timedelta(minutes=minutes_ago)
    sent = GatewayReport(
        instance=instance,
        host=host,
        version="1.2.3",
        started_at=at,
        catalogue="",
        tools=3,
    )
    database = open_database(url)
    async with database.writing() as db, db.begin():
        row = ReportedGateway(
            instance=instance,
            resource="https://mcp.example.com/mcp",
            report=sent.model_dump(mode="json"),
            reported_at=at,
        )
        await put_report(db, row)
    await database.engine.dispose()


def test_an_operator_lists_the_gateways_and_what_is_wrong(
    operate: Callable[..., Result], sqlite_url: str
) -> None:
    assert "No gateway has reported" in operate("gateways", "list").output
    asyncio.run(report(sqlite_url, "a" * 32, "one", minutes_ago=0))
    asyncio.run(report(sqlite_url, "b" * 32, "two", minutes_ago=5))

    first, second = operate("gateways", "list").output.splitlines()
    assert first.startswith("one  https://mcp.example.com/mcp  running  version 1.2.3")
    assert second.startswith("two  https://mcp.example.com/mcp  silent  version 1.2.3")
    lines = operate("gateways", "list", "--json").output.splitlines()
    assert [json.loads(line)["report"]["tools"] for line in lines] == [3, 3]
