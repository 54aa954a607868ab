"""Reserve what a call needs of its tenant's plan before anything is sent."""

import asyncio
from collections.abc import Iterator, Mapping

from gatepost.metering.money import format_amount
from gatepost.metering.plans import (
    Budget,
    Credit,
    Plan,
    TenantPlan,
    end_of_day,
    end_of_month,
    month_of,
)
from mcp_gateway.catalogue.tool import Tool
from mcp_gateway.limits.call_limits import CallLimits, plan_bucket, tool_bucket
from mcp_gateway.limits.counters import (
    TOTAL,
    budget_counter,
    counters_of,
    day_counter,
    month_counters,
)
from mcp_gateway.limits.port import (
    Bucket,
    Exhausted,
    Full,
    Quota,
    Refusal,
    Reservation,
    TooManyRunning,
)
from mcp_gateway.limits.states import count, describe_full, describe_quota, describe_reservation
from mcp_gateway.pipeline.api_rate import ApiRate
from mcp_gateway.pipeline.call import (
    Next,
    RateLimited,
    Step,
    ToolCall,
    ToolResult,
    tool_error,
)
from mcp_gateway.pipeline.describe_call import WriteIntent

_MARGIN = 30.0
"""Seconds that a lease outlives the tool's deadline."""
_SOON = 10.0


def reserve_call(
    limits: CallLimits, rates: Mapping[str, ApiRate], write_intent: WriteIntent
) -> Step:
    """Reserve the rate, a running call and the units of the quotas, all or nothing.

    `record_call` settles the reservation once the outcome is known.

    Raises:
        RateLimited: the call exceeds the rate of the plan, of the tool or of its API.
    """

    async def step(call: ToolCall, go_on: Next) -> ToolResult:
        plan, tenant = limits.plans.of(call.caller)
        rate = rates.get(call.found.api)
        wanted = _want(call, plan, tenant, rate, write_intent(call))
        try:
            held = await limits.counts.reserve(wanted)
        except asyncio.CancelledError:
            # The client has gone, and the reservation may have happened: `record_call` gives it back.
            call.metrics.reserved = wanted
            raise
        if isinstance(held, Reservation):
            call.metrics.reserved = held
            call.conversation.note_limits(describe_reservation(plan, held, call.metrics.started))
            return await go_on(call)
        call.metrics.limited = True
        if rate is not None and isinstance(held, Full) and held.bucket == rate.bucket.name:
            calls = call.found.most_calls
            raise rate.refuse(call.conversation, held.seconds, tool=call.name, calls=calls)
        upgrade_url = limits.plans.upgrade_url(call.caller.tenant_id)
        return _refuse(call, held, plan, tenant, upgrade_url)

    return step


def _want(
    call: ToolCall, plan: Plan, tenant: TenantPlan | None, rate: ApiRate | None, intent: bytes
) -> Reservation:
    caller, tool, at = call.caller, call.found, call.metrics.started
    units = tool.billing.most
    quotas = tuple(_quotas(call, plan, tenant)) if units else ()
    buckets: tuple[Bucket, ...] = (plan_bucket(plan),)
    if tool.limits.per_minute is not None:
        buckets += (tool_bucket(tool.api, tool.name, tool.limits.per_minute),)
    if tool.composite is not None:
        buckets += tuple(bucket for _, _, bucket in _called_limits(tool))
    if rate is not None:
        buckets += (rate.bucket_for(tool.most_calls),)
    return Reservation(
        call_id=call.id,
        tenant_id=caller.tenant_id,
        month=month_counters(at, caller.env),
        counters=counters_of(
            at, sub=caller.sub, client_id=caller.client_id, grant_id=caller.grant_id
        ),
        units=units,
        quotas=quotas,
        buckets=buckets,
        concurrent=plan.concurrent,
        lease=tool.deadline + _MARGIN,
        # Prepaid money is spent only by calls that are counted.
        allow_uncounted=plan.allow_uncounted and all(one.source != "credit" for one in quotas),
        intent=intent,
    )


def _called_limits(tool: Tool) -> Iterator[tuple[str, int, Bucket]]:
    """Yield each tool with a limit that a composite tool calls: its name, calls a minute and bucket."""
    times = {} if tool.composite is None else tool.composite.times
    called = () if tool.composite is None else tool.composite.calls
    for name, one in {call.tool.name: call.tool for call in called}.items():
        most = one.limits.per_minute
        if most is not None:
            yield name, most, tool_bucket(one.api, name, most, times[name])


def _quotas(call: ToolCall, plan: Plan, tenant: TenantPlan | None) -> list[Quota]:
    quotas = []
    if (credit := _credit_of(call, plan, tenant)) is not None:
        quotas.append(Quota(TOTAL, credit.units, "credit"))
    elif not plan.overage:
        if plan.daily_units is not None:
            quotas.append(Quota(day_counter(call.metrics.started), plan.daily_units))
        if plan.monthly_units is not None:
            quotas.append(Quota(TOTAL, plan.monthly_units))
    for budget in () if tenant is None else tenant.budgets:
        if budget.hard and _concerns(budget, call):
            counter = budget_counter(budget.kind, budget.key)
            quotas.append(Quota(counter, budget.monthly_units, "budget"))
    return quotas


def _credit_of(call: ToolCall, plan: Plan, tenant: TenantPlan | None) -> Credit | None:
    """Return the credit that pays for the call, if units are paid for and there is any."""
    credit, began = None if tenant is None else tenant.credit, call.metrics.started
    if credit is None or plan.overage or call.caller.env != "live":
        return None
    return credit if credit.month == month_of(began) and began < credit.until else None


def _concerns(budget: Budget, call: ToolCall) -> bool:
    caller = call.caller
    return (
        budget.kind == "tenant"
        or budget.key
        == {
            "person": caller.sub,
            "client": caller.client_id,
            "grant": caller.grant_id,
        }[budget.kind]
    )


def _refuse(
    call: ToolCall,
    refusal: Refusal,
    plan: Plan,
    tenant: TenantPlan | None,
    upgrade_url: str,
) -> ToolResult:
    if isinstance(refusal, Full):
        if refusal.bucket == plan_bucket(plan).name:
            name, most = "minute", plan.per_minute
            allowed = f"{count(most, 'call')} a minute"
        else:
            name, limited, most = "tool", call.name, call.found.limits.per_minute or 0
            for called, allowed_of_it, bucket in _called_limits(call.found):
                if bucket.name == refusal.bucket:
                    limited, most = called, allowed_of_it
            allowed = f"{most} a minute of {limited}"
        state = describe_full(name, most, refusal.seconds)
        call.conversation.note_limits([state], state.resets)
        raise RateLimited(f"Your organisation may make {allowed}.", refusal.seconds)
    if isinstance(refusal, TooManyRunning):
        text = (
            f"Your organisation is already running {count(refusal.most, 'call')}, the most it may run at "
            "once. Nothing was done. Try again when one has ended."
        )
        return tool_error(text, reason="too_many_at_once")
    if isinstance(refusal, Exhausted):
        return _exhausted(call, refusal, plan, tenant, upgrade_url)
    text = (
        "The gateway can't count this call against your organisation's quota at the moment. Nothing was "
        "done. Try again in a few seconds."
    )
    return tool_error(text, reason="uncountable")


def _exhausted(
    call: ToolCall,
    refusal: Exhausted,
    plan: Plan,
    tenant: TenantPlan | None,
    upgrade_url: str,
) -> ToolResult:
    """Tell the model the limit, its use and its reset, and how a person can raise it."""
    # A plan and a budget may limit the same counter; the lower one refuses.
    quota = min(
        (one for one in _quotas(call, plan, tenant) if one.counter == refusal.counter),
        key=lambda one: one.most,
    )
    # The counters are those of the day in which the call began.
    began, units = call.metrics.started, call.found.billing.most
    kind = refusal.counter.partition(":")[0]
    daily = kind == "day"
    resets_at = end_of_day(began) if daily else end_of_month(began)
    whose = {
        "person": "The budget for your account",
        "client": "The budget for this app",
        "grant": "The budget for this connection",
    }.get(kind) or {
        "plan": "Your organisation's quota",
        "credit": "Your organisation's credit",
        "budget": "The budget of your organisation",
    }[quota.source]
    period = "today" if daily else "this month"
    used = min(refusal.used, quota.most)
    state = describe_quota(quota, used, began)
    call.conversation.note_limits([state], state.resets)
    cost = f"This call costs {count(units, 'unit')}. " if used < quota.most else ""
    most = count(quota.most, "unit")
    if (amount := _amount_of(quota, tenant)) is not None:
        most = f"{amount} ({most})"
    text = (
        f"{whose} is {most} for {period}, and {used} "
        f"{'is' if used == 1 else 'are'} used. {cost}Nothing was done. "
        f"It resets at {resets_at:%Y-%m-%d %H:%M} UTC. {_way_out(quota, plan, upgrade_url)}"
    ).rstrip()
    structured = {
        "error": "quota_exhausted",
        "limit": quota.most,
        "used": used,
        "resets_at": f"{resets_at:%Y-%m-%dT%H:%M:%SZ}",
        "plan": plan.name,
    }
    if upgrade_url:
        structured["upgrade_url"] = upgrade_url
    return tool_error(text, reason="quota_exhausted")._replace(structured=structured)


def _amount_of(quota: Quota, tenant: TenantPlan | None) -> str | None:
    """Return the spend cap that a quota stands for, in words."""
    if quota.counter != TOTAL or quota.source != "budget" or tenant is None:
        return None
    budget = next((one for one in tenant.budgets if one.kind == "tenant"), None)
    if budget is None or budget.amount is None:
        return None
    return format_amount(budget.amount, budget.currency)


def _way_out(quota: Quota, plan: Plan, upgrade_url: str) -> str:
    """Say how a person can raise a limit."""
    if quota.source == "budget":
        return f"An admin can change the budget at {upgrade_url}" if upgrade_url else ""
    where = f" at {upgrade_url}" if upgrade_url else " on the page of the plan"
    larger = plan.next_plan
    if larger is not None:
        said = f"The {larger.title} plan ({larger.price}) allows more"
        if not (upgrade_url or plan.sells_credit):
            return f"{said}."
        return f"{said}: an admin can change the plan{' or buy credit' * plan.sells_credit}{where}"
    if plan.sells_credit:
        return f"An admin can buy credit{where}"
    said = "No larger plan is on offer: ask the operator of this service for more."
    return f"{said} An admin sees what was used{where}" if upgrade_url else said
