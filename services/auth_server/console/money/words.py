"""Words for states and systems on the pages of money."""

from collections.abc import Mapping

from auth_server.exports.plan import NOT_SUBSCRIBED, TOO_OLD
from auth_server.rendering.translation import translatable

EXPORT_STATES: Mapping[str, tuple[str, str]] = {
    "planned": (translatable("planned"), ""),
    "sent": (translatable("sent"), "warn"),
    "confirmed": (translatable("confirmed"), "good"),
    "ambiguous": (translatable("in doubt"), "bad"),
    "parked": (translatable("refused"), "bad"),
}
"""The title of each state of an export, and how urgent it is."""
EVENT_STATES: Mapping[str, tuple[str, str]] = {
    "processed": (translatable("processed"), "good"),
    "waiting": (translatable("waiting"), "warn"),
    "failed": (translatable("failed"), "bad"),
}
"""The title of each state of an event of Stripe, and how urgent it is."""
PROBLEMS: Mapping[str, str] = {
    TOO_OLD: translatable("too old for the system"),
    NOT_SUBSCRIBED: translatable("from before the subscription"),
}
"""Why units of an hour can't be exported."""
SYSTEMS: Mapping[str, str] = {
    "stripe": "Stripe",
    "metronome": "Metronome",
    "aws_marketplace": "AWS Marketplace",
    "cloud_events": "CloudEvents",
}
"""The systems that write invoices."""
