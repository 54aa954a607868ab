"""The names of all metrics of the authorization server."""

from gatepost.metrics.process import METRICS as OF_PROCESS
from gatepost.metrics.series import Metric

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
REQUESTS = Metric(
    "gatepost_http_request_duration_seconds",
    "histogram",
    "Seconds of HTTP requests, by route.",
    ("method", "route", "status"),
    SECONDS,
)
REFUSALS = Metric(
    "gatepost_refusals_total",
    "counter",
    "Refused requests, by the first segment of the path and the error.",
    ("path", "error"),
)
GUESSES = Metric(
    "gatepost_wrong_guesses_total", "counter", "Wrong secrets, codes and keys of programs."
)
BUDGETS = Metric(
    "gatepost_budgets_spent_total",
    "counter",
    "Requests refused because a limit against strangers was spent, by the limit's setting.",
    ("setting",),
)
FETCHES = Metric(
    "gatepost_outbound_fetches_total",
    "counter",
    "Documents fetched from addresses that strangers name, for clients in use and for others.",
    ("named_by", "outcome"),
)
FEED = Metric("gatepost_revocations_numbered", "gauge", "Number of the newest revocation.")
FEED_AGE = Metric(
    "gatepost_revocation_feed_age_seconds", "gauge", "Seconds since revocations were looked for."
)
KEY_AGE = Metric("gatepost_signing_key_age_seconds", "gauge", "Age of the active signing key.")
MAILS = Metric("gatepost_mails_waiting", "gauge", "Mails that wait to be sent.")
MAILS_OLDEST = Metric("gatepost_mails_oldest_seconds", "gauge", "Age of the oldest one, or 0.")
WEBHOOKS = Metric("gatepost_webhooks_waiting", "gauge", "Messages to webhooks that wait.")
WEBHOOKS_OLDEST = Metric(
    "gatepost_webhooks_oldest_seconds", "gauge", "Age of the oldest one, or 0."
)
EXPORTS = Metric("gatepost_usage_exports", "gauge", "Exports of usage, by state.", ("state",))
EXPORTS_OLDEST = Metric(
    "gatepost_usage_oldest_unexported_seconds",
    "gauge",
    "Age of the oldest hour whose export is not confirmed, or 0.",
)
DISCREPANCIES = Metric(
    "gatepost_billing_discrepancies",
    "gauge",
    "Differences between the books, as the last comparison of each month found them.",
)
IN_THE_DATABASE = (
    *(MAILS, MAILS_OLDEST, WEBHOOKS, WEBHOOKS_OLDEST),
    *(EXPORTS, EXPORTS_OLDEST, DISCREPANCIES, KEY_AGE),
)
METRICS = (
    *OF_PROCESS,
    *(REQUESTS, REFUSALS, GUESSES, BUDGETS, FETCHES, FEED, FEED_AGE),
    *IN_THE_DATABASE,
)
