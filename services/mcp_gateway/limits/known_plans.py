"""The plans and budgets that a gateway knows, by following the authorization server."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import structlog
from pydantic import ValidationError

from gatepost.background import in_background
from gatepost.claims import AccessClaims
from gatepost.clock import Now
from gatepost.metering.plans import Plan, PlansPage, TenantPlan
from gatepost.revocations import LONGEST_WAIT
from mcp_gateway.follow_feed import FeedBroken, follow_feed
from mcp_gateway.limits.share import Share

ReadPlans = Callable[[str, int], Awaitable[bytes]]
"""Asks for the plans and the tenants after a position, and waits up to that many seconds for news.

Returns the body of a 200, or raises `FeedBroken`.
"""
_PAUSES = (0.5, 1.0, 5.0, 15.0)

log = structlog.get_logger()


class KnownPlans:
    """The newest plans, which stay in force while the authorization server is down.

    They are kept in a file, so that a gateway that starts meanwhile knows them too. Until a gateway has
    heard of any plan, tenants have the rates of the settings and no quotas. Afterwards, a tenant whose
    plan does not exist has the first one.
    """

    def __init__(
        self,
        read: ReadPlans,
        now: Now,
        *,
        fallback: Mapping[str, Plan],
        default: str,
        file: Path | None = None,
        share: Share | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Take the feed, the plans of last resort with the name of the default one, and the share to follow."""
        self._read = read
        self._now = now
        self._plans: Mapping[str, Plan] = fallback
        self._default = fallback[default]
        self._tenants: dict[str, TenantPlan] = {}
        self._upgrade_url = ""
        self._file = file
        self._share = share or Share()
        self._sleep = sleep
        self._after = ""
        self._heard: datetime | None = None
        if file is not None:
            self._load(file)

    def of(self, caller: AccessClaims) -> tuple[Plan, TenantPlan | None]:
        """Return the plan of a caller's tenant, and what is known of the tenant itself."""
        tenant = self._tenants.get(caller.tenant_id)
        name = caller.rate_limit_tier if tenant is None else tenant.plan
        return self._plans.get(name, self._default), tenant

    def upgrade_url(self, tenant_id: str) -> str:
        """Return the page where an admin of a tenant can change its plan, if it is known."""
        return self._upgrade_url and self._upgrade_url + quote(tenant_id, safe="")

    def following(self) -> AbstractAsyncContextManager[None]:
        """Follow the feed in the background for as long as the block lasts."""
        return in_background(
            lambda: follow_feed(self._read_pages, tell=_tell, pauses=_PAUSES, sleep=self._sleep)
        )

    @property
    def heard_at(self) -> datetime | None:
        """When the feed last answered; None if it never did."""
        return self._heard

    def describe(self) -> str:
        """Describe how current the plans are."""
        if self._heard is None:
            return "never heard"
        silent = int((self._now() - self._heard).total_seconds())
        return "current" if silent <= 2 * LONGEST_WAIT else f"heard {silent} seconds ago"

    def learn(self, page: PlansPage) -> None:
        """Take over the news."""
        if page.plans:
            self._plans = {plan.name: plan for plan in page.plans}
            self._default = page.plans[0]
        for tenant in page.tenants:
            self._tenants[tenant.tenant_id] = tenant
        self._upgrade_url = page.upgrade_url
        self._after = page.after
        self._heard = self._now()
        if page.processes:
            self._share.processes = page.processes

    async def _read_pages(self) -> AsyncGenerator[None]:
        wait = 0
        while True:
            body = await self._read(self._after, wait)
            try:
                page = PlansPage.model_validate_json(body)
            except ValidationError:
                raise FeedBroken("the answer is not a page of plans") from None
            wait = LONGEST_WAIT if page.complete else 0
            self.learn(page)
            if page.tenants or page.plans:
                await asyncio.to_thread(self._save)
            yield

    def _save(self) -> None:
        if self._file is None:
            return
        page = PlansPage(
            plans=tuple(self._plans.values()),
            tenants=tuple(self._tenants.values()),
            after="",
            upgrade_url=self._upgrade_url,
        )
        new = self._file.with_suffix(".new")
        try:
            new.write_text(page.model_dump_json())
            new.replace(self._file)
        except OSError as problem:
            log.warning("plans_not_saved", reason=str(problem)[:300])

    def _load(self, file: Path) -> None:
        try:
            page = PlansPage.model_validate_json(file.read_bytes())
        except FileNotFoundError:
            return
        except (OSError, ValidationError) as problem:
            log.warning("plans_not_loaded", reason=str(problem)[:300])
            return
        # Not `heard`: the file only bridges a time without the authorization server.
        if page.plans:
            self._plans = {plan.name: plan for plan in page.plans}
            self._default = page.plans[0]
        self._tenants = {tenant.tenant_id: tenant for tenant in page.tenants}
        self._upgrade_url = page.upgrade_url


def _tell(reason: str) -> None:
    log.warning("plans_not_followed", reason=reason)
