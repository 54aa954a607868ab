"""Make the pipeline of a catalogue, at start and whenever the catalogue changes."""

from collections.abc import Callable, Sequence
from functools import partial

import structlog
from joserfc.jwk import ECKey

from gatepost.clock import Now
from gatepost.metering.call_event import CallEvent
from gatepost.scopes import TRACE
from gatepost.tracing.current import CURRENT
from mcp_gateway.apis.api import Api
from mcp_gateway.catalogue.catalogue import Catalogue
from mcp_gateway.elicitation.policy import Asking, ConfirmationPolicy
from mcp_gateway.limits.call_limits import CallLimits
from mcp_gateway.pipeline import build_steps
from mcp_gateway.pipeline.call import Next, Step, skipped
from mcp_gateway.pipeline.compose import compose
from mcp_gateway.pipeline.follow_job import FollowJobs
from mcp_gateway.pipeline.remote import McpUpstream
from mcp_gateway.pipeline.rest import RestUpstream
from mcp_gateway.pipeline.retry import RetryingSender
from mcp_gateway.pipeline.send import Sender
from mcp_gateway.pipeline.steps.record_call import Recording
from mcp_gateway.pipeline.trace import trace_steps
from mcp_gateway.pipeline.upstream import Upstream
from mcp_gateway.remote.sessions import Sessions
from mcp_gateway.requests.serialise import RequestWriters
from mcp_gateway.runtime import NewId, Runtime
from mcp_gateway.settings import McpGatewaySettings
from mcp_gateway.upstream.assertion import AssertionSigner
from mcp_gateway.upstream.credentials.attach import Attachments
from mcp_gateway.upstream.credentials.open import open_sources
from mcp_gateway.upstream.credentials.unmet import unmet_schemes
from mcp_gateway.upstream.guards import Guards
from mcp_gateway.upstream.retries import Random, Wait

OpenUpstream = Callable[[Catalogue], Upstream]
"""Opens an API for a catalogue, with everything that outlives catalogues."""
_HARMLESS_IF = "the API accepts the Gatepost-Assertion header instead"

log = structlog.get_logger()


def pipeline_factory(
    settings: McpGatewaySettings,
    runtime: Runtime,
    guards: Guards,
    key: ECKey,
    *,
    now: Now,
    new_id: NewId,
    wait: Wait,
    random: Random,
) -> Callable[[Catalogue], tuple[Next, FollowJobs]]:
    """Return the function that makes a catalogue's pipeline, and what follows its jobs.

    Limits, guards and credentials outlive the catalogues, so that they keep their state.
    """

    def open_api(api: Api) -> OpenUpstream:
        signer = AssertionSigner(key, resource=settings.resource, audience=api.audience, now=now)
        sources = open_sources(
            api.credentials,
            http=runtime.http,
            sign=lambda who, token_url: signer.sign_subject(who, token_url, new_id()),
            fetch_linked_token=runtime.fetch_linked_token,
            now=now,
        )
        requests = RequestWriters(api.url)
        sessions = Sessions()

        def open_upstream(catalogue: Catalogue) -> Upstream:
            if unmet := unmet_schemes(catalogue, api):
                log.warning(
                    "credentials_not_configured",
                    api=api.name,
                    schemes=unmet,
                    harmless_if=_HARMLESS_IF,
                )
            make_sender = partial(
                Sender,
                runtime.http,
                attachments=Attachments(catalogue, api, sources),
                guards=guards,
                sign=signer.sign,
                now=now,
                connections=api.connections,
            )
            retrying = RetryingSender(make_sender(), guards, now=now, wait=wait, random=random)
            if not catalogue.is_mcp(api.name):
                return RestUpstream(requests, retrying)
            opening = make_sender(opens_sessions=True)
            return McpUpstream(
                api.url, requests, opening, retrying, sessions, worker=runtime.worker, now=now
            )

        return open_upstream

    opened = {api.name: open_api(api) for api in settings.served_apis}
    limits = CallLimits(
        runtime.limits,
        runtime.plans,
        runtime.worker,
        runtime.is_revoked,
        apis={
            api.name: api.per_minute for api in settings.served_apis if api.per_minute is not None
        },
    )

    def without_searches(event: CallEvent) -> None:
        # Searches reserve nothing, so their events all come this way.
        runtime.record(event._replace(searched=""))

    def make_pipeline(catalogue: Catalogue) -> tuple[Next, FollowJobs]:
        upstreams = {name: open_upstream(catalogue) for name, open_upstream in opened.items()}
        recording = Recording(
            settings.resource,
            runtime.record if settings.record_searches else without_searches,
            runtime.count,
            runtime.count_deviation,
        )
        jobs = FollowJobs(
            catalogue,
            limits=limits,
            guards=guards,
            upstreams=upstreams,
            recording=recording,
            wait=wait,
            now=now,
        )
        steps = build_steps(
            catalogue,
            limits=limits,
            asking=Asking(
                ConfirmationPolicy(settings.confirm_destructive, settings.confirm_destructive_for),
                runtime.ask_for_approval,
            ),
            guards=guards,
            upstreams=upstreams,
            recording=recording,
            jobs=jobs,
            now=now,
        )
        steps = tuple(step for step in steps if step is not skipped)
        run, run_traced = compose(steps), compose(trace_steps(steps, now))
        if runtime.tracing is not None:
            run = _record_some(run, steps, catalogue)
        return lambda call: (run_traced if TRACE in call.caller.scopes else run)(call), jobs

    return make_pipeline


def _record_some(run: Next, steps: Sequence[Step], catalogue: Catalogue) -> Next:
    from mcp_gateway.tracing.steps import span_steps  # imports OpenTelemetry

    run_recorded = compose(span_steps(steps, catalogue))
    return lambda call: (run if CURRENT.get() is None else run_recorded)(call)
