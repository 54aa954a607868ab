"""A gateway follows the plans of the authorization server, whatever answers in between."""

import asyncio
from collections.abc import Sequence

from structlog.testing import capture_logs

from gatepost.claims import parse_claims
from gatepost.metering.plans import Plan, PlansPage, TenantPlan
from mcp_gateway.follow_feed import FeedBroken
from mcp_gateway.limits.known_plans import KnownPlans
from mcp_gateway.limits.share import Share
from support.in_process import tokens
from support.in_process.clock import Clock

FREE, TEAM = (Plan(name=name, title=name, per_minute=60, burst=60) for name in ("free", "team"))


async def test_a_gateway_knows_the_newest_plan_after_any_outage_and_tells_each_once() -> None:
    clock = Clock()
    asked: list[tuple[str, bool]] = []
    pauses: list[float] = []
    answers: list[bytes | Exception] = [
        page([TenantPlan(tenant_id="org_acme", plan="free")], after="1"),
        FeedBroken("no answer"),
        b"<html>a proxy's page</html>",
        ValueError("a fault nobody foresaw"),
        page([TenantPlan(tenant_id="org_acme", plan="team")], after="2"),
        FeedBroken("no answer again"),
    ]
    done = asyncio.Event()

    async def read(after: str, wait: int) -> bytes:
        asked.append((after, wait > 0))
        if not answers:
            done.set()
            await asyncio.Event().wait()
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    known = KnownPlans(read, clock, fallback={"free": FREE}, default="free", sleep=sleep)
    with capture_logs() as logs:
        async with known.following():
            await done.wait()

    ada = parse_claims(tokens.claims(clock(), tenant_id="org_acme"))
    assert known.of(ada)[0] == TEAM
    after_news = [("1", True), ("1", False), ("1", False), ("1", False), ("2", True), ("2", False)]
    assert asked == [("", False), *after_news]
    assert [log["reason"] for log in logs] == ["no answer", "no answer again"]
    # Each pause is random, from half its length up.
    assert [
        low <= pause <= 2 * low for low, pause in zip((0.25, 0.5, 2.5, 0.25), pauses, strict=True)
    ]


def test_the_share_of_each_limit_follows_the_number_of_processes() -> None:
    """An authorization server that does not know the number changes nothing."""
    share = Share(3)
    known = KnownPlans(_nothing, Clock(), fallback={"free": FREE}, default="free", share=share)
    told = []
    for processes in (0, 5, 2, 0):
        known.learn(PlansPage(plans=(FREE,), tenants=(), after="", processes=processes))
        told.append(share.processes)

    assert told == [3, 5, 2, 2]


def page(tenants: Sequence[TenantPlan], *, after: str) -> bytes:
    """Write a page of plans as the authorization server answers it."""
    whole = PlansPage(plans=(FREE, TEAM), tenants=tuple(tenants), after=after)
    return whole.model_dump_json().encode()


async def test_a_tenant_whose_plan_does_not_exist_has_the_first_one() -> None:
    """Otherwise it would have no quota, where the operator's plans have other names."""
    starter = TEAM.model_copy(update={"name": "starter", "daily_units": 100})
    known = KnownPlans(_nothing, Clock(), fallback={"free": FREE}, default="free")
    acme = TenantPlan(tenant_id="org_acme", plan="free")
    known.learn(PlansPage(plans=(starter, TEAM), tenants=(acme,), after="1"))

    claims = tokens.claims(Clock()(), tenant_id="org_acme", rate_limit_tier="free")
    assert known.of(parse_claims(claims))[0] == starter


async def _nothing(after: str, wait: int) -> bytes:
    raise FeedBroken("nothing to read")
