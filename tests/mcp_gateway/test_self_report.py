"""A gateway reports its state, whatever happens to the reports."""

from pathlib import Path

from mcp_gateway.authorization_server.client import ReportFailed
from mcp_gateway.http_client.port import HttpResponse
from support.in_process.gateway import Reports, a_world


async def test_a_gateway_reports_at_once_then_regularly_and_that_it_stops(tmp_path: Path) -> None:
    reports = Reports()
    async with a_world(tmp_path, reports=reports) as world:
        first = await reports.next()
        assert first.tools > 0
        assert (first.breakers, first.stopping, first.redis) == ((), False, None)
        assert first.started_at == first.sent_at == world.clock()

        world.api.answer = lambda _: HttpResponse(503, "text/plain", b"down")
        for _ in range(20):
            await world.call("new", "list_tasks")
        second = await reports.next()
        states = {(one.kind, one.state) for one in second.breakers}
        assert states == {("origin", "closed"), ("tool", "open")}
        [tool] = [one for one in second.breakers if one.kind == "tool"]
        assert tool.name == "list_tasks"
        assert tool.until is not None
        assert tool.failures >= 5
        assert second.instance == first.instance
    assert reports.sent[-1].stopping


async def test_an_authorization_server_that_refuses_reports_stops_nothing(tmp_path: Path) -> None:
    reports = Reports(problem=ReportFailed("404"))
    async with a_world(tmp_path, reports=reports) as world:
        await reports.next()
        await reports.next()
        assert (await world.call("new", "list_tasks"))["isError"] is False
        reports.problem = None
        assert (await reports.next()).stopping is False
