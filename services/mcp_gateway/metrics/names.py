"""The names of all metrics of the gateway.

Those of MCP follow OpenTelemetry's semantic conventions, which are not stable yet.
"""

from gatepost.metrics.process import METRICS as OF_PROCESS
from gatepost.metrics.series import Metric

SECONDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""Buckets of the semantic conventions for MCP."""
OPERATION = Metric(
    "mcp_server_operation_duration_seconds",
    "histogram",
    "Seconds of MCP requests. A tool call is counted when it ends, whatever the client did.",
    ("mcp_method_name", "gen_ai_tool_name", "error_type"),
    SECONDS,
)
CALLS = Metric("gatepost_calls_total", "counter", "Tool calls.", ("api", "decision", "reason"))
PLAN_REFUSALS = Metric(
    "gatepost_plan_refusals_total",
    "counter",
    "Tool calls that the limits of a plan refused: rate, quota or calls at once.",
    ("plan", "reason"),
)
UNCOUNTED = Metric(
    "gatepost_calls_uncounted_total",
    "counter",
    "Tool calls that passed while they could not be counted against the tenant's quotas.",
)
UPSTREAM = Metric(
    "gatepost_upstream_duration_seconds",
    "histogram",
    "Seconds that tool calls waited for the API, with retries and their pauses.",
    ("api", "outcome"),
    SECONDS,
)
RETRIES = Metric(
    "gatepost_upstream_retries_total", "counter", "Requests to the API sent again.", ("api",)
)
REFUSED = Metric(
    "gatepost_requests_refused_total",
    "counter",
    "HTTP requests refused before their message was read, such as those without a valid token.",
    ("reason",),
)
DEVIATIONS = Metric(
    "gatepost_output_deviations_total",
    "counter",
    "Answers that do not match the output schema that their tool publishes.",
    ("tool",),
)
BREAKERS = Metric(
    "gatepost_breaker_state",
    "gauge",
    "0 if a circuit breaker is closed, 1 if it is probing, 2 if it is open.",
    ("api", "kind", "name"),
)
EVENTS_WAITING = Metric(
    "gatepost_call_events_waiting", "gauge", "Call events in the spool that are not delivered yet."
)
EVENTS_OLDEST = Metric(
    "gatepost_call_events_oldest_seconds", "gauge", "Age of the oldest event in the spool, or 0."
)
EVENTS_LOST = Metric("gatepost_call_events_lost_total", "counter", "Call events that were lost.")
SPOOL = Metric("gatepost_call_events_spool_bytes", "gauge", "Size of the spool's file.")
KEYS_AGE = Metric(
    "gatepost_jwks_age_seconds", "gauge", "Seconds since the issuer's keys were fetched."
)
FEED_AGE = Metric(
    "gatepost_revocation_feed_age_seconds", "gauge", "Seconds since news of revocations."
)
PLANS_AGE = Metric("gatepost_plans_age_seconds", "gauge", "Seconds since news of plans.")
TOOLS = Metric("gatepost_tools", "gauge", "Tools that are served.")
CATALOGUE_KEPT = Metric(
    "gatepost_catalogue_kept",
    "gauge",
    "1 if newer files can't be served, so an older catalogue is.",
)
TOOLS_WITHHELD = Metric(
    "gatepost_tools_withheld",
    "gauge",
    "Tools whose changes wait because they differ from what a directory approved.",
)
API_EVENTS = Metric(
    "gatepost_api_events_total",
    "counter",
    "Events of APIs' webhooks: told, repeated, ignored, refused, unreadable or not_shared.",
    ("webhook", "outcome"),
)
STREAMS = Metric(
    "gatepost_notification_streams", "gauge", "Streams of notifications that are open.", ("era",)
)
REDIS_UP = Metric("gatepost_redis_up", "gauge", "1 if Redis answers. Absent without Redis.")
STREAM = Metric(
    "gatepost_redis_stream_entries", "gauge", "Entries in Redis that no events worker has written."
)
STREAM_OLDEST = Metric(
    "gatepost_redis_stream_oldest_seconds", "gauge", "Age of the oldest such entry, or 0."
)
METRICS = (
    *OF_PROCESS,
    *(OPERATION, CALLS, PLAN_REFUSALS, UNCOUNTED, UPSTREAM, RETRIES, REFUSED),
    *(DEVIATIONS, BREAKERS),
    *(EVENTS_WAITING, EVENTS_OLDEST, EVENTS_LOST, SPOOL, KEYS_AGE, FEED_AGE, PLANS_AGE),
    *(TOOLS, CATALOGUE_KEPT, TOOLS_WITHHELD, API_EVENTS, STREAMS, REDIS_UP, STREAM, STREAM_OLDEST),
)
