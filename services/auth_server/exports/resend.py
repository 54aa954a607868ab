"""Send an export again that was certainly not counted, under a new identifier."""

from datetime import datetime

from auth_server.exports.plan import name_export
from auth_server.records.usage_exports.table import ExportState, UsageExport


def renew_identifier(export: UsageExport, issuer: str, *, now: datetime) -> None:
    """Plan an export again under an identifier that the system does not know yet.

    A system that has refused an identifier late may still answer that it knows it.
    """
    export.identifier = name_export(issuer, export.identifier, "again")
    export.state, export.attempts, export.first_attempt_at = ExportState.PLANNED, 0, None
    export.next_attempt_at, export.missing_since, export.problem = now, None, ""
