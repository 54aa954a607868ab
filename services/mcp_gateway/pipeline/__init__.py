"""One tool call, as the list of steps that `build_steps` returns, in order.

Each step gets the call and the rest of the steps. It answers itself, or adds to the call and passes it
on. A call that a step refuses never reaches the steps after it.
"""

from gatepost.clock import Now
from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.elicitation.policy import Asking
from mcp_gateway.limits.call_limits import CallLimits
from mcp_gateway.pipeline.api_rate import api_rates
from mcp_gateway.pipeline.call import Step
from mcp_gateway.pipeline.compose import compose
from mcp_gateway.pipeline.describe_call import intent_writer
from mcp_gateway.pipeline.follow_job import FollowJobs
from mcp_gateway.pipeline.steps.answer_meta_tools import answer_meta_tools
from mcp_gateway.pipeline.steps.asking.ask_person import ask_person
from mcp_gateway.pipeline.steps.asking.require_approval import require_approval
from mcp_gateway.pipeline.steps.asking.require_link import require_link
from mcp_gateway.pipeline.steps.authorize import authorize
from mcp_gateway.pipeline.steps.bind_claims import bind_claims
from mcp_gateway.pipeline.steps.call_upstream import call_upstream
from mcp_gateway.pipeline.steps.check_response import check_response
from mcp_gateway.pipeline.steps.composing.make_calls import Composing, make_calls
from mcp_gateway.pipeline.steps.find_tool import find_tool
from mcp_gateway.pipeline.steps.guard_upstream import guard_upstream
from mcp_gateway.pipeline.steps.jobs.read_job import read_started_job
from mcp_gateway.pipeline.steps.jobs.wait_for_job import wait_for_job
from mcp_gateway.pipeline.steps.limit_concurrency import limit_concurrency
from mcp_gateway.pipeline.steps.limit_refused_calls import limit_refused_calls
from mcp_gateway.pipeline.steps.record_call import Recording, record_call
from mcp_gateway.pipeline.steps.report_progress import report_progress
from mcp_gateway.pipeline.steps.reserve_call import reserve_call
from mcp_gateway.pipeline.steps.shape_result import shape_result
from mcp_gateway.pipeline.steps.unwrap_execute import unwrap_execute
from mcp_gateway.pipeline.steps.validate_arguments import validate_arguments
from mcp_gateway.pipeline.upstream import Upstreams
from mcp_gateway.upstream.guards import Guards


def build_steps(
    catalogue: Catalogue,
    *,
    limits: CallLimits,
    asking: Asking,
    guards: Guards,
    upstreams: Upstreams,
    recording: Recording,
    jobs: FollowJobs,
    now: Now,
) -> tuple[Step, ...]:
    """Return the steps of a call in order, each made with the values that it needs."""
    each_call = (
        validate_arguments(catalogue, now),
        bind_claims,
        limit_concurrency(limits.running),
        guard_upstream(guards, now),
        call_upstream(upstreams),
        check_response(limits.worker),
    )
    composing = Composing(each_call, compose, shape_result(now, limits.worker), limits, now)
    return (
        unwrap_execute(catalogue),  # a call of execute_tool becomes a call of the tool
        record_call(
            recording, limits.counts, catalogue, now
        ),  # one event for each call, even if refused
        limit_refused_calls(limits),  # unknown tools and invalid arguments count too
        answer_meta_tools(catalogue),  # search_tools and describe_tool of large catalogues
        find_tool(catalogue),
        authorize(catalogue),  # allowed_tools, then scope
        validate_arguments(catalogue, now),
        ask_person(asking.confirmation),  # for missing arguments and for confirmation
        bind_claims,  # person and tenant come from the token only
        require_link(
            catalogue, upstreams
        ),  # of the person's own account, if the API wants its token
        require_approval(
            asking.ask_for_approval
        ),  # of an admin, if the tenant or the manifest wants it
        report_progress,  # to a client that waits for a slow tool
        limit_concurrency(limits.running),  # per tenant, if the manifest limits it
        reserve_call(
            limits, api_rates(catalogue, limits.apis), intent_writer(recording.resource)
        ),  # rate of the API; rate, quotas and running calls of the plan
        make_calls(catalogue, composing),  # of a composite tool
        wait_for_job(jobs, catalogue, now),  # if the client does not follow it
        guard_upstream(guards, now),  # breaker and bulkhead
        call_upstream(upstreams),  # the API of the tool
        check_response(limits.worker),  # an answer with another tenant's record is withheld
        read_started_job(catalogue, limits.worker),  # for the client, or the step that waits
        shape_result(now, limits.worker, recording.count_deviation),
    )
